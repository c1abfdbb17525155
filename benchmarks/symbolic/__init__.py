"""Formulas: deriving them, how large they are, and running them."""
