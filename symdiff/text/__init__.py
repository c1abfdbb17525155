"""Formulas from text and files."""
