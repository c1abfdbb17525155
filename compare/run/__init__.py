"""One comparison from its settings to its report."""
