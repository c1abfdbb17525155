"""The stand-ins for Python's numbers and for `math`, in the copy of a function.

Of tensors they give tensors; of anything else what they always give.
"""

import cmath
import functools
import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.core.conversions import type_of
from autodiff.core.stores import current
from autodiff.core.tensor import Tensor, holds_tensor

__all__ = ["Complex", "Float", "Type", "has_attribute", "is_instance"]


class _Exchanged(type):
    """The class of a class that stands for another: equal to it, with its instances."""

    original: type

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, cls.original)

    def __subclasscheck__(cls, x: type) -> bool:
        return issubclass(x, cls.original)

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is cls.original

    def __hash__(cls) -> int:
        return hash(cls.original)

    def __repr__(cls) -> str:
        return repr(cls.original)


def _number(x: Any) -> Any:
    """Return a tensor of one number as a number, anything else as it is now."""
    x = current(x)
    if type(x) is Tensor and x.shape and x.size == 1:
        return np.reshape(x, ())[()]
    return x


class Float(float, metaclass=_Exchanged):
    """The stand-in for `float`: a tensor of one number stays a tensor."""

    original = float
    dtype = np.dtype(float)

    def __new__(cls, x: Any = 0.0, /) -> Any:
        """Return a number."""
        x = _number(x)
        if type(x) is not Tensor or x.shape:
            return float(x)
        if x.dtype.kind == "c":
            raise TypeError("float() of a complex tensor: use np.real or np.abs of it")
        return x if x.dtype == np.float64 else x.astype(float)


class Complex(complex, metaclass=_Exchanged):
    """The stand-in for `complex`: a tensor of one number stays a tensor."""

    original = complex
    dtype = np.dtype(complex)

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Return a number."""
        parts = [_number(x) for x in args]
        if any([type(x) is Tensor for x in parts]):
            return parts[0] + 1j * parts[1] if len(parts) > 1 else parts[0] + 0j
        return complex(*args, **kwargs)


class Type(type, metaclass=_Exchanged):
    """The stand-in for `type`: a tensor has the type of its content."""

    original = type

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Return the type of an object, or a new type."""
        if len(args) != 1:
            return type(*args, **kwargs)
        kind = _type_of(args[0])
        return {float: Float, complex: Complex}.get(kind, kind)


def _type_of(x: Any) -> type:
    return type_of(x) if type(x) is Tensor else type(x)


def is_instance(x: Any, kinds: Any) -> bool:
    """Return whether a tensor stands for an instance, as `isinstance` of anything else."""
    if type(x) is not Tensor:
        return isinstance(x, kinds)
    return isinstance(x, Tensor) if kinds is Tensor else issubclass(type_of(x), kinds)


def has_attribute(x: Any, name: str) -> bool:
    """Return whether what a tensor stands for has an attribute, as `hasattr` of anything else."""
    return hasattr(type_of(x) if type(x) is Tensor else x, name)


def _hypot(*x: Any) -> Any:
    return functools.reduce(np.hypot, x, 0.0) if len(x) != 2 else np.hypot(*x)


def _log(x: Any, base: Any = None) -> Any:
    return np.log(x) if base is None else np.log(x) / np.log(base)


def _norm(p: Any, q: Any) -> Any:
    return np.sqrt(sum((a - b) ** 2 for a, b in zip(p, q, strict=True)))


def _isclose(a: Any, b: Any, *, rel_tol: Any = 1e-09, abs_tol: Any = 0.0) -> bool:
    return bool(abs(a - b) <= max(rel_tol * max(abs(a), abs(b)), abs_tol))


_SAME = (
    *("sqrt", "exp", "exp2", "expm1", "log2", "log10", "log1p", "sin", "cos", "tan", "sinh"),
    *("cosh", "tanh", "degrees", "radians", "fabs", "copysign", "cbrt", "fmod", "isnan", "isinf"),
    *("isfinite", "ldexp", "modf"),
)
_IN_NUMPY: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in _SAME},
    **{f"a{name}": getattr(np, f"arc{name}") for name in ("sin", "cos", "tan", "sinh", "cosh")},
    **{"atanh": np.arctanh, "atan2": np.arctan2, "pow": np.power, "hypot": _hypot, "log": _log},
    **{"dist": _norm, "fsum": sum, "isclose": _isclose},
    "sumprod": lambda p, q: sum(a * b for a, b in zip(p, q, strict=True)),
}
#: Functions of `math` that are universal functions of `scipy.special`, by their names there.
_IN_SCIPY = {"erf": "erf", "erfc": "erfc", "gamma": "gamma", "lgamma": "gammaln"}
#: Of `cmath` those that are none of `math`.
_OF_COMPLEX: dict[str, Callable[..., Any]] = {
    "phase": np.angle,
    "polar": lambda x: (np.abs(x), np.angle(x)),
    "rect": lambda r, phi: r * np.exp(1j * phi),
}


def _of_tensors(original: Callable[..., Any], answer: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that answers calls on tensors, and leaves all others to the original."""

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        args = tuple([_number(x) if type(x) is Tensor else x for x in args])
        kept = tuple([[*x] if hasattr(x, "__next__") else x for x in args])
        if any([holds_tensor(x) for x in (*kept, *kwargs.values())]):
            return answer(*kept, **kwargs)
        return original(*kept, **kwargs)

    return call


def __getattr__(name: str) -> Any:
    """Return the stand-in for ``math.exp`` (``math_exp``) or ``cmath.exp`` (``cmath_exp``)."""
    module, _, function = name.partition("_")
    if module == "cmath":
        answer = _OF_COMPLEX.get(function)
        if answer is None:
            of_complex = _IN_NUMPY[function]
            return _of_tensors(getattr(cmath, function), lambda x, *y: of_complex(x + 0j, *y))
        return _of_tensors(getattr(cmath, function), answer)
    if module == "math" and function in _IN_SCIPY:
        special = getattr(importlib.import_module("scipy.special"), _IN_SCIPY[function])
        return _of_tensors(getattr(math, function), special)
    if module == "math" and function in _IN_NUMPY:
        return _of_tensors(getattr(math, function), _IN_NUMPY[function])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
