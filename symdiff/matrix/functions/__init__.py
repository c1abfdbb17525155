"""NumPy's functions on traced matrices: each family enters its own into the tables of `array`."""

from symdiff.matrix.functions import elementwise, joining, linalg, movement, products, reductions

__all__ = ["elementwise", "joining", "linalg", "movement", "products", "reductions"]
