"""A conformance suite for differentiation libraries: which of them is right, and where."""

from compare.conformance.run import conformance

__all__ = ["conformance"]
