"""Kinds of the values of a call: numbers, masks, tensors of other traces."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.core.tensor import Tensor, primal
from autodiff.errors import LostDerivative
from autodiff.graph.passes import primal_dtype

__all__ = ["compare", "floating", "has_limits", "refuse_discrete"]

_FLOAT, _BOOL = np.dtype(float), np.dtype(bool)


def refuse_discrete(outputs: Sequence[Any], what: str) -> None:
    """Raise if a result is nothing but masks, positions or counts."""
    # What is empty has no derivative to lose.
    full = [x for x in outputs if math.prod(np.shape(primal(x)))] or [0.0]
    dtypes = [_BOOL if type(x) is bool else getattr(x, "dtype", _FLOAT) for x in full]
    dtype = dtypes[0]
    if all([d.kind in "biu" for d in dtypes]):
        kind = "a boolean" if dtype.kind == "b" else f"of dtype {dtype}"
        raise TypeError(
            f"{what}: the function returned a result that is {kind}, which has no derivative: "
            "return floating-point numbers that depend on the arguments other than by comparing "
            "and counting"
        )


def compare(what: str, found: Sequence[Any], plainly: Callable[[], Any], sure: bool) -> None:
    """Raise if values are others than those for plain arguments, which `plainly` gives.

    Where it is not `sure` that tensors are the reason they may be others each time.
    """
    wanted = plainly()
    if all(map(_agree, found, wanted)) or not (sure or all(map(_agree, plainly(), wanted))):
        return
    raise LostDerivative(
        f"{what}: the function gives {_short(wanted)} for the arguments themselves and "
        f"{_short(found)} when it is differentiated: code that does not know tensors, or looks at "
        "their text, took another way for them, so the derivative would be wrong: use functions of "
        "NumPy, or give it a rule with autodiff.custom"
    )


def _agree(x: Any, y: Any) -> bool:
    """Return whether two values are the same but for rounding."""
    x, y = np.asarray(primal(x)), np.asarray(y)
    return x.shape == y.shape and np.allclose(x, y, 1e-6, 1e-12, equal_nan=True)


def has_limits(x: Any) -> bool:
    """Return whether limits can be found at a value: it is known, and no trace will have others."""
    while type(x) is Tensor and x.tape.batch is None:
        if x.tape.replayable:
            return False
        x = x.value
    while type(x) is Tensor and x.tape.batch is not None:
        x = x.value.array
    return type(x) is not Tensor


def _short(values: Sequence[Any]) -> str:
    """Return a short text of values, for messages."""
    text = ", ".join(str(primal(x)) for x in values)
    return text if len(text) < 60 else text[:57] + "..."


def floating(value: Any) -> np.dtype[Any]:
    """Return the type of a tangent of a value, which may be an integer if it is constant."""
    dtype = primal_dtype(value)
    return dtype if dtype.kind in "fc" else np.dtype(float)
