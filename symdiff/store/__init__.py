"""Formulas as flat integers, each stored once: built, named and counted."""
