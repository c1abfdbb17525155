"""Errors of the engine: what failed, what arrived, what to do instead."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.core.primitive import REFUSED, Handler, Primitive
from autodiff.errors import LostDerivative, Undifferentiable

__all__ = [
    *("complex_objects", "explained", "no_rule", "public_name", "refused_arguments"),
    "refused_ufunc_arguments",
]


def explained(primitive: Primitive, values: Sequence[Any], error: ValueError) -> ValueError:
    """Return an error of NumPy with the name of the primitive, of shapes with their numbers."""
    shapes = [np.shape(v) for v in values]
    message = str(error)
    if primitive.name == "matmul" and len(shapes[0]) and len(shapes[1]):
        axis = max(len(shapes[1]) - 2, 0)
        if shapes[0][-1] != shapes[1][axis]:
            which = {0: "first", 1: "second"}.get(axis, "second to last")
            message = (
                f"matmul: shapes {shapes[0]} and {shapes[1]} do not align: "
                f"{shapes[0][-1]} (last axis of argument 0) is not "
                f"{shapes[1][axis]} ({which} axis of argument 1)."
            )
    known = message.startswith(primitive.name)
    try:
        return type(error)(message if known else f"{primitive.name}: {message}")
    except TypeError:
        # Some errors, such as of decoding, are not made of a message.
        return error


def refused_ufunc_arguments(ufunc: np.ufunc, kwargs: dict[str, Any]) -> Exception:
    """Return the error about arguments by keyword that tensors do not take."""
    if "out" in kwargs:
        return LostDerivative(
            f"np.{ufunc.__name__}: the result of a tensor cannot be written into an existing "
            "array (out=, or an in-place operator such as a += t): use the result that is "
            "returned, such as a = a + t"
        )
    return Undifferentiable(
        f"np.{ufunc.__name__}: {', '.join(f'{name}=' for name in kwargs)} is not supported on "
        "tensors: use np.where to choose elements, and astype for the data type"
    )


def foreign_operand(ufunc: np.ufunc, foreign: Any) -> TypeError | None:
    """Return the error about the other operand of an operator, if more can be said of it."""
    arrived = f"{ufunc.__name__}: a tensor and a {type(foreign).__name__} arrived; "
    if hasattr(foreign, "to_numpy"):
        return TypeError(f"{arrived}take the numbers out of it with .to_numpy()")
    return None


def no_complex_rule(primitive: Primitive) -> Undifferentiable:
    """Return the error about complex operands of rules that are those of real numbers."""
    return Undifferentiable(
        f"{primitive.name}: there is no derivative rule for complex numbers: apply it to "
        "np.real, np.imag or np.abs of them"
    )


def refused_arguments(
    function: Callable[..., Any], handler: Handler, args: Sequence[Any], kwargs: dict[str, Any]
) -> Exception | None:
    """Return the error about arguments that a handler leaves out, if there are any."""
    unknown = [name for name in kwargs if name not in handler.accepts]
    if not unknown:
        try:
            inspect.signature(handler.function).bind(*args, **kwargs)
        except TypeError:
            try:
                given = inspect.signature(function).bind(*args, **kwargs).arguments
            except (TypeError, ValueError):
                # NumPy's own message about what NumPy does not take is the better one.
                return None
            unknown = [name for name in given if name not in handler.accepts]
    if not unknown:
        return None
    known = ", ".join(sorted(handler.accepts))
    return Undifferentiable(
        f"{public_name(function)}: {', '.join(f'{name}=' for name in unknown)} is not supported "
        f"on tensors; supported: {known}"
    )


def complex_objects() -> LostDerivative:
    """Return the error about complex tensors that are, or may be, in an array of objects."""
    return LostDerivative(
        "complex tensors in an array of objects (np.array([t, u]), np.full(n, t), ...) would lose "
        "their derivative, as NumPy gives 0 for the .imag of objects: build the array with "
        "np.stack, np.concatenate or np.block"
    )


def no_rule(name: str, function: Any) -> Undifferentiable:
    """Return the error about a function without a rule."""
    if function in REFUSED:
        return Undifferentiable(f"{name} of a tensor: {REFUSED[function]}")
    return Undifferentiable(
        f"{name} has no derivative rule for tensors: write it with functions that have one "
        f"(those in autodiff.differentiable()), give it a rule with autodiff.custom, or apply it "
        "before the function that is traced"
    )


def public_name(function: Callable[..., Any]) -> str:
    """Return the name by which users call a function."""
    module = getattr(function, "__module__", None) or "numpy"
    return f"{module.replace('numpy', 'np')}.{getattr(function, '__name__', function)}"
