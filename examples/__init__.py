"""Ten functions of the kind that people differentiate, in plain NumPy, with their gradients."""
