"""Numbers of many digits: those of mpmath, with the methods that NumPy calls on objects.

Whatever meets such a number is converted exactly, and nothing is ever rounded to float64: what
would do so raises `NoTruth`, because a truth of 16 digits is none.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mpmath
import numpy as np
from mpmath.ctx_mp import MPContext

__all__ = [
    "CONTEXT",
    "ROUNDS",
    "NoTruth",
    "Number",
    "as_mpf",
    "from_mpf",
    "made_by",
    "precision",
    "time_left_s",
    "to_number",
]


class NoTruth(TypeError):
    """A function cannot be evaluated in 50 digits; the message says why."""


#: A context of its own: the precision of mpmath's is the user's.
CONTEXT = MPContext()
Number: Any = CONTEXT.mpf
_thread = threading.local()

#: Why a function that rounds has no truth.
ROUNDS = (
    "it rounds its arguments to a float (by float(), math.exp, astype, or storing them in an array "
    "of numbers), where 16 digits would be left"
)


class precision:  # noqa: N801 (used as a function, like numpy.errstate)
    """Context of some decimal digits, in which an operation raises `NoTruth` after some seconds."""

    def __init__(self, digits: int, seconds: float = float("inf")) -> None:
        self._digits, self._end_s = digits, time.monotonic() + seconds

    def __enter__(self) -> None:
        self._outer = CONTEXT.dps, getattr(_thread, "end_s", float("inf"))
        CONTEXT.dps, _thread.end_s = self._digits, self._end_s

    def __exit__(self, *exception: object) -> None:
        CONTEXT.dps, _thread.end_s = self._outer


def time_left_s() -> float:
    """Return the time until the end that `precision` was given, in s; infinity without one."""
    return float(getattr(_thread, "end_s", float("inf"))) - time.monotonic()


@contextmanager
def made_by(make: Callable[[Any], Any]) -> Iterator[None]:
    """Let numbers that meet exact ones be made by another arithmetic."""
    _thread.make = make
    try:
        yield
    finally:
        _thread.make = None


def as_mpf(x: Any) -> Any:
    """Return a number with all its digits as one of ``mpmath.mpf``, which can be pickled."""
    if isinstance(x, np.ndarray):
        x = np.ndarray.item(x)
    return mpmath.mp.make_mpf(to_number(x)._mpf_)


def from_mpf(x: Any) -> Any:
    """Return a number of ``mpmath.mpf`` as an element of an exact array."""
    return CONTEXT.make_mpf(x._mpf_)


def to_number(x: Any) -> Any:
    """Return a number as an exact one."""
    make = getattr(_thread, "make", None)
    if make is not None:
        return make(x)
    if isinstance(x, Number):
        return x
    if isinstance(x, bool | np.bool_ | int | np.integer):
        return Number(int(x))
    if isinstance(x, float | np.floating):
        # A long double has digits that a float has not.
        if x.dtype.itemsize > 8 if isinstance(x, np.floating) else False:
            raise NoTruth("it computes with long doubles")
        return CONTEXT.make_mpf(mpmath.libmp.from_float(float(x)))
    raise NoTruth(f"it computes with a {type(x).__name__}")


def _real(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that gives NaN where its result is complex, and infinity at a pole."""

    def method(*args: Any) -> Any:
        try:
            result = compute(*args)
        except ZeroDivisionError:
            return _quotient(*args) if len(args) == 2 else Number("nan")
        except ValueError:  # a pole
            return Number("nan")
        if result is NotImplemented or isinstance(result, Number):
            return result
        return Number("nan")

    return method


def _quotient(x: Any, y: Any) -> Any:
    """Return x / 0 as NumPy does."""
    x = to_number(x)
    return Number("inf") if x > 0 else Number("-inf") if x < 0 else Number("nan")


def _refused(x: Any) -> Any:
    raise NoTruth(ROUNDS)


def _rint(x: Any) -> Any:
    low = CONTEXT.floor(x)
    above = x - low
    if above == 0.5:
        return low if low % 2 == 0 else low + 1
    return low if above < 0.5 else low + 1


def _cbrt(x: Any) -> Any:
    return -CONTEXT.cbrt(-x) if x < 0 else CONTEXT.cbrt(x)


#: Functions that mpmath calls by the same names.
_SAME_NAME: tuple[str, ...] = ("exp", "expm1", "log", "log1p", "log10", "sqrt", "sin", "cos")
_SAME_NAME += ("tan", "sinh", "cosh", "tanh", "floor", "ceil", "hypot", "degrees", "radians")
_INVERSES = ("sin", "cos", "tan", "sinh", "cosh", "tanh")
#: What NumPy calls on each element of an array of objects.
_METHODS: dict[str, Callable[..., Any]] = {
    **{name: getattr(CONTEXT, name) for name in _SAME_NAME},
    **{f"arc{name}": getattr(CONTEXT, f"a{name}") for name in _INVERSES},
    "arctan2": CONTEXT.atan2,
    "fmod": lambda x, y: x - y * (x / y).trunc(),
    "cbrt": _cbrt,
    "exp2": lambda x: CONTEXT.power(2, x),
    "log2": lambda x: CONTEXT.log(x) / CONTEXT.log(2),
    "deg2rad": CONTEXT.radians,
    "rad2deg": CONTEXT.degrees,
    "rint": _rint,
    "trunc": lambda x: CONTEXT.floor(x) if x >= 0 else CONTEXT.ceil(x),
    "fabs": abs,
    "conjugate": lambda x: x,
}
for _name, _compute in _METHODS.items():
    setattr(Number, _name, _real(_compute))
for _name in ("__floor__", "__ceil__", "__trunc__"):
    setattr(Number, _name, getattr(Number, _name.strip("_")))
for _name in ("__pow__", "__rpow__", "__truediv__", "__mod__"):
    setattr(Number, _name, _real(getattr(Number, _name)))
Number.__rtruediv__ = lambda y, x: to_number(x) / y
for _name in ("__float__", "__int__", "__complex__", "__round__"):
    setattr(Number, _name, _refused)
