"""The scalar operations of formulas: one table, and what is read from it."""
