"""Formulas as flat integers, each stored once, and what is counted and evaluated there."""
