"""A program printed as straight-line NumPy with buffers."""
