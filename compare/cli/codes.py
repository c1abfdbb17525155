"""Exit codes of the command line."""

__all__ = ["BAD_INPUT", "DONE", "INTERRUPTED", "MISMATCH", "REGRESSION"]

DONE, MISMATCH, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
REGRESSION = 1
