"""Formulas as text: one line, Python, C and LaTeX."""
