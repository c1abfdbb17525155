"""Functions of functions: gradients, Jacobians, custom rules, checks."""
