"""A tool for GradBench: its twelve evals in plain NumPy, differentiated by our engines."""
