"""From a plain NumPy function to formulas."""
