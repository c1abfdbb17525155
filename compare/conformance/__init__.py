"""A conformance suite for differentiation libraries: which of them is right, and where."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compare.conformance.run import conformance

__all__ = ["conformance"]


def __getattr__(name: str) -> Any:
    """Return the function when it is first used: the pytest plug-in imports nothing before."""
    if name in __all__:
        return getattr(importlib.import_module("compare.conformance.run"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
