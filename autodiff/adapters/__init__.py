"""Adapters: arrays of JAX, PyTorch and CuPy as ones that answer NumPy's functions."""
