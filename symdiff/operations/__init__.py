"""The scalar operations of formulas: partial derivatives, conversion to SymPy and back."""
