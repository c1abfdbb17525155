"""Arrays of numbers of many digits, on which a plain NumPy function runs as it stands."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from compare.truth.balls import Ball
from compare.truth.linear import LINEAR
from compare.truth.numbers import CONTEXT, ROUNDS, NoTruth, Number, time_left_s, to_number

__all__ = ["ExactArray", "exact"]

#: Time of one product of two numbers in s, to see in time that a matrix product would last too
#: long: it is a single call that nobody can interrupt.
_PRODUCT_S = 1.5e-6


def exact(x: Any) -> "ExactArray":
    """Return floating-point numbers as exact ones."""
    array: ExactArray = _objects(np.asarray(x)).view(ExactArray)
    return array


class ExactArray(np.ndarray):
    """NumPy array of numbers of many digits; scalars are arrays of no dimensions."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Apply a universal function to exact numbers."""
        _in_time(ufunc, inputs)
        given = [_plain(x) for x in inputs]
        if method == "at" and np.asarray(inputs[0]).dtype != object:
            raise NoTruth(ROUNDS)
        out = options.get("out")
        if out is not None:
            if not all(o is None or np.asarray(o).dtype == object for o in out):
                raise NoTruth(ROUNDS)
            options["out"] = tuple(None if o is None else o.view(np.ndarray) for o in out)
        chosen = _UFUNCS.get(ufunc, ufunc)
        apply = chosen if method == "__call__" else getattr(ufunc, method)
        try:
            result = apply(*given, **options)
        except (TypeError, ValueError) as error:
            if isinstance(error, NoTruth) or "no callable" not in str(error):
                raise _no_truth(ufunc.__name__, error) from error
            # Python's own numbers, such as zeros_like leaves behind, have no method exp.
            result = apply(*[_objects(np.asarray(x)) for x in given], **options)
        return out[0] if out is not None and len(out) == 1 else _wrapped(result)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Apply another function of NumPy to exact numbers."""
        _in_time(func, args)
        try:
            return _wrapped(LINEAR.get(func, func)(*_plain(args), **_plain(kwargs)))
        except (TypeError, ValueError) as error:  # LinAlgError is a ValueError
            name = f"{getattr(func, '__module__', 'numpy')}.{func.__name__}"
            raise _no_truth(name, error) from error

    def __getitem__(self, index: Any) -> Any:
        """Return entries, a single one as an array of no dimensions."""
        return _wrapped(super().__getitem__(index))

    def __reduce__(self) -> Any:
        raise NoTruth("exact arrays stay in their process")


def _no_truth(name: str, error: Exception) -> NoTruth:
    if isinstance(error, NoTruth):
        return error
    if "read-only" in str(error):
        return NoTruth(ROUNDS)
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return NoTruth(f"{name} does not compute with 50 digits ({reason})")


def _in_time(function: Any, args: Any) -> None:
    """Raise once the time is over, and before a matrix product that would outlast it."""
    left_s = time_left_s()
    if left_s == float("inf"):
        return
    needed_s = 0.0
    if function in (np.matmul, np.dot) and len(args) == 2:
        a, b = np.shape(args[0]), np.shape(args[1])
        needed_s = _PRODUCT_S * float(np.prod(a or (1,))) * float(b[-1] if len(b) > 1 else 1)
    if left_s < needed_s or left_s < 0:
        raise NoTruth("one evaluation in 50 digits takes longer than there is time")


def _wrapped(x: Any) -> Any:
    """Return numbers and arrays of objects as exact arrays; everything else as it is."""
    if isinstance(x, Number | Ball):
        array: Any = np.empty((), object)
        array[()] = x
        return array.view(ExactArray)
    if isinstance(x, np.ndarray) and x.dtype == object:
        return x.view(ExactArray)
    if isinstance(x, tuple | list):
        parts = [_wrapped(part) for part in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return x


def _plain(x: Any) -> Any:
    """Return arguments as NumPy's own arrays, with no float64 among them."""
    if isinstance(x, ExactArray):
        return x.view(np.ndarray)
    if isinstance(x, float | np.floating):
        return to_number(x)
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        converted = _objects(x)
        # What a function writes into it would not reach the array of the user.
        converted.flags.writeable = False
        return converted
    if isinstance(x, tuple | list):
        return type(x)(_plain(part) for part in x)
    if isinstance(x, Mapping):
        return {key: _plain(part) for key, part in x.items()}
    if isinstance(x, complex | np.complexfloating) or (
        isinstance(x, np.ndarray) and x.dtype.kind == "c"
    ):
        raise NoTruth("it computes with complex numbers")
    return x


def _objects(x: Any) -> Any:
    """Return an array of numbers as an array of exact ones."""
    array: Any = np.empty(x.shape, object)
    array.reshape(-1)[:] = [to_number(part) for part in x.reshape(-1).tolist()]
    return array


def _logaddexp(x: Any, y: Any) -> Any:
    high, low = max(x, y), min(x, y)
    return high + (low - high).exp().log1p()


def _logaddexp2(x: Any, y: Any) -> Any:
    high, low = max(x, y), min(x, y)
    return high + (1 + (low - high).exp2()).log2()


def _heaviside(x: Any, at_zero: Any) -> Any:
    return at_zero if x == 0 else Number(1 if x > 0 else 0)


def _elementwise(compute: Callable[..., Any], count: int) -> Callable[..., Any]:
    """Return a function of numbers as one of arrays."""
    ufunc: Callable[..., Any] = np.frompyfunc(compute, count, 1)
    return ufunc


def _mask(compute: Callable[[Any], bool]) -> Callable[..., Any]:
    def apply(x: Any) -> Any:
        return np.asarray(np.frompyfunc(compute, 1, 1)(x)).astype(bool)[()]

    return apply


#: Universal functions that NumPy itself does not offer for objects.
_UFUNCS: dict[Any, Callable[..., Any]] = {
    np.isfinite: _mask(lambda x: bool(CONTEXT.isfinite(x))),
    np.isnan: _mask(lambda x: bool(CONTEXT.isnan(x))),
    np.isinf: _mask(lambda x: bool(CONTEXT.isinf(x))),
    np.signbit: _mask(lambda x: bool(x < 0)),
    np.logaddexp: _elementwise(_logaddexp, 2),
    np.logaddexp2: _elementwise(_logaddexp2, 2),
    np.heaviside: _elementwise(_heaviside, 2),
    np.copysign: _elementwise(lambda x, y: abs(x) if y >= 0 else -abs(x), 2),
    np.float_power: _elementwise(lambda x, y: x**y, 2),
}
