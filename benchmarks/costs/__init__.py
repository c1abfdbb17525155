"""Costs of a gradient other than the time of a call: memory, making a program, importing."""
