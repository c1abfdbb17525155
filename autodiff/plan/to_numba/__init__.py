"""A program compiled by Numba."""
