"""Errors of the graph engine, each named for what went wrong."""

__all__ = [
    "BranchChanged",
    "LostDerivative",
    "PlanMismatch",
    "TraceEnded",
    "Undifferentiable",
    "UnwatchableState",
    "WrongOrder",
]


class LostDerivative(TypeError):
    """A tensor was about to be turned into a plain number, which would lose its derivative."""


class Undifferentiable(NotImplementedError):
    """A function was called on a tensor for which there is no rule."""


class TraceEnded(ValueError):
    """A tensor was used after the trace that it belongs to had ended."""


class WrongOrder(ValueError):
    """A backward pass was asked for before a forward pass."""


class BranchChanged(ValueError):
    """A graph was run on inputs for which the function would have taken another branch."""


class PlanMismatch(ValueError):
    """The first run of a plan gave other numbers than the function itself."""


class UnwatchableState(TypeError):
    """A function read from outside what cannot be watched, so that its plan could go stale."""
