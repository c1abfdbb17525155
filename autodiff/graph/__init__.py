"""Graphs of recorded operations: tracing, forward and backward passes, drawings."""
