"""Studies beyond the sweep: swell, collapse, published tables, training, prediction."""
