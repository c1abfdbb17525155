"""Whether a gradient is right: tolerances, differences, references, state."""
