"""Arrays of numbers of many digits, on which a plain NumPy function runs as it stands.

An `ExactArray` is a NumPy array of objects; each object is a number of mpmath, in a context of
its own. Whatever meets it is converted exactly, and nothing is ever rounded to float64: what would
do so raises `NoTruth`, because a truth of 16 digits is none.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np
from mpmath.ctx_mp import MPContext

from compare.truth.linear import LINEAR

__all__ = ["ExactArray", "NoTruth", "as_mpf", "exact", "from_mpf", "precision"]


class NoTruth(TypeError):
    """A function cannot be evaluated in 50 digits; the message says why."""


_context = MPContext()
_number: Any = _context.mpf
_deadline = threading.local()

#: Time of one product of two numbers in s, to see in time that a matrix product would last too
#: long: it is a single call that nobody can interrupt.
_PRODUCT_S = 1.5e-6


class precision:  # noqa: N801 (used as a function, like numpy.errstate)
    """Context in which exact arrays have some number of digits, until a time.

    Parameters
    ----------
    digits : int
        Working precision in decimal digits.
    seconds : float
        After this time an operation raises `NoTruth`.

    Examples
    --------
    >>> with precision(50):
    ...     third = exact(1.0) / 3.0
    >>> print(mpmath.nstr(as_mpf(third) * 3 - 1, 2))
    0.0
    """

    def __init__(self, digits: int, seconds: float = float("inf")) -> None:
        self._digits, self._end_s = digits, time.monotonic() + seconds

    def __enter__(self) -> None:
        self._outer = _context.dps, getattr(_deadline, "end_s", float("inf"))
        _context.dps, _deadline.end_s = self._digits, self._end_s

    def __exit__(self, *exception: object) -> None:
        _context.dps, _deadline.end_s = self._outer


def as_mpf(x: Any) -> Any:
    """Return a number with all its digits as one of ``mpmath.mpf``, which can be pickled."""
    if isinstance(x, np.ndarray):
        x = np.ndarray.item(x)
    return mpmath.mp.make_mpf(_converted(x)._mpf_)


def from_mpf(x: Any) -> Any:
    """Return a number of ``mpmath.mpf`` as an element of an exact array."""
    return _context.make_mpf(x._mpf_)


def exact(x: Any) -> "ExactArray":
    """Return floating-point numbers as exact ones.

    Examples
    --------
    >>> x = exact(np.array([1.0, 2.0]))
    >>> np.sum(np.log(x))
    ExactArray(mpf('0.69314718055994529'), dtype=object)
    >>> float(x[0])
    Traceback (most recent call last):
    compare.truth.numbers.NoTruth: it rounds its arguments to a float (by float(), math.exp, \
    astype, or storing them in an array of numbers), where 16 digits would be left
    """
    array: ExactArray = _objects(np.asarray(x)).view(ExactArray)
    return array


class ExactArray(np.ndarray):
    """NumPy array of numbers of many digits; scalars are arrays of no dimensions."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Apply a universal function to exact numbers."""
        _in_time(ufunc, inputs)
        given = [_plain(x) for x in inputs]
        if method == "at" and np.asarray(inputs[0]).dtype != object:
            raise NoTruth(_ROUNDS)
        out = options.get("out")
        if out is not None:
            if not all(o is None or np.asarray(o).dtype == object for o in out):
                raise NoTruth(_ROUNDS)
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


_ROUNDS = (
    "it rounds its arguments to a float (by float(), math.exp, astype, or storing them in an array "
    "of numbers), where 16 digits would be left"
)


def _no_truth(name: str, error: Exception) -> NoTruth:
    if isinstance(error, NoTruth):
        return error
    if "read-only" in str(error):
        return NoTruth(_ROUNDS)
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return NoTruth(f"{name} does not compute with 50 digits ({reason})")


def _in_time(function: Any, args: Any) -> None:
    """Raise once the time is over, and before a matrix product that would outlast it."""
    left_s = getattr(_deadline, "end_s", float("inf")) - time.monotonic()
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
    if isinstance(x, _number):
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
        return _converted(x)
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


def _converted(x: Any) -> Any:
    """Return a number as an exact one."""
    if isinstance(x, _number):
        return x
    if isinstance(x, bool | np.bool_ | int | np.integer):
        return _number(int(x))
    if isinstance(x, float | np.floating):
        # A long double has digits that a float has not.
        if x.dtype.itemsize > 8 if isinstance(x, np.floating) else False:
            raise NoTruth("it computes with long doubles")
        return _context.make_mpf(mpmath.libmp.from_float(float(x)))
    raise NoTruth(f"it computes with a {type(x).__name__}")


def _objects(x: Any) -> Any:
    """Return an array of numbers as an array of exact ones."""
    array: Any = np.empty(x.shape, object)
    array.reshape(-1)[:] = [_converted(part) for part in x.reshape(-1).tolist()]
    return array


def _real(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that gives NaN where its result is complex, and infinity at a pole."""

    def method(*args: Any) -> Any:
        try:
            result = compute(*args)
        except ZeroDivisionError:
            return _quotient(*args) if len(args) == 2 else _number("nan")
        except ValueError:  # a pole
            return _number("nan")
        if result is NotImplemented or isinstance(result, _number):
            return result
        return _number("nan")

    return method


def _quotient(x: Any, y: Any) -> Any:
    """Return x / 0 as NumPy does."""
    x = _converted(x)
    return _number("inf") if x > 0 else _number("-inf") if x < 0 else _number("nan")


def _refused(x: Any) -> Any:
    raise NoTruth(_ROUNDS)


def _rint(x: Any) -> Any:
    low = _context.floor(x)
    above = x - low
    if above == 0.5:
        return low if low % 2 == 0 else low + 1
    return low if above < 0.5 else low + 1


def _cbrt(x: Any) -> Any:
    return -_context.cbrt(-x) if x < 0 else _context.cbrt(x)


#: Functions that mpmath calls by the same names.
_SAME_NAME: tuple[str, ...] = ("exp", "expm1", "log", "log1p", "log10", "sqrt", "sin", "cos")
_SAME_NAME += ("tan", "sinh", "cosh", "tanh", "floor", "ceil", "hypot", "degrees", "radians")
_INVERSES = ("sin", "cos", "tan", "sinh", "cosh", "tanh")
#: What NumPy calls on each element of an array of objects.
_METHODS: dict[str, Callable[..., Any]] = {
    **{name: getattr(_context, name) for name in _SAME_NAME},
    **{f"arc{name}": getattr(_context, f"a{name}") for name in _INVERSES},
    "arctan2": _context.atan2,
    "fmod": lambda x, y: x - y * (x / y).trunc(),
    "cbrt": _cbrt,
    "exp2": lambda x: _context.power(2, x),
    "log2": lambda x: _context.log(x) / _context.log(2),
    "deg2rad": _context.radians,
    "rad2deg": _context.degrees,
    "rint": _rint,
    "trunc": lambda x: _context.floor(x) if x >= 0 else _context.ceil(x),
    "fabs": abs,
    "conjugate": lambda x: x,
}
for _name, _compute in _METHODS.items():
    setattr(_number, _name, _real(_compute))
for _name in ("__floor__", "__ceil__", "__trunc__"):
    setattr(_number, _name, getattr(_number, _name.strip("_")))
for _name in ("__pow__", "__rpow__", "__truediv__", "__mod__"):
    setattr(_number, _name, _real(getattr(_number, _name)))
_number.__rtruediv__ = lambda y, x: _converted(x) / y
for _name in ("__float__", "__int__", "__complex__", "__round__"):
    setattr(_number, _name, _refused)


def _logaddexp(x: Any, y: Any) -> Any:
    high, low = max(x, y), min(x, y)
    return high + (low - high).exp().log1p()


def _logaddexp2(x: Any, y: Any) -> Any:
    high, low = max(x, y), min(x, y)
    return high + (1 + (low - high).exp2()).log2()


def _heaviside(x: Any, at_zero: Any) -> Any:
    return at_zero if x == 0 else _number(1 if x > 0 else 0)


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
    np.isfinite: _mask(lambda x: bool(_context.isfinite(x))),
    np.isnan: _mask(lambda x: bool(_context.isnan(x))),
    np.isinf: _mask(lambda x: bool(_context.isinf(x))),
    np.signbit: _mask(lambda x: bool(x < 0)),
    np.logaddexp: _elementwise(_logaddexp, 2),
    np.logaddexp2: _elementwise(_logaddexp2, 2),
    np.heaviside: _elementwise(_heaviside, 2),
    np.copysign: _elementwise(lambda x, y: abs(x) if y >= 0 else -abs(x), 2),
    np.float_power: _elementwise(lambda x, y: x**y, 2),
}
