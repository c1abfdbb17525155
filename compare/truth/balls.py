"""Derivatives in ball arithmetic: where python-flint is installed, an enclosure proves the digits.

A function runs on power series ``f(x + t) = f(x) + f'(x) t`` whose coefficients are balls that
hold the true numbers (F. Johansson, "Arb: efficient arbitrary-precision midpoint-radius interval
arithmetic", IEEE Transactions on Computers 66, 2017). A comparison that the balls do not decide
(a kink, a tie) ends the attempt: central differences take over.
"""

import importlib.util
import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import mpmath
import numpy as np

from compare.truth.numbers import ROUNDS, NoTruth, made_by

__all__ = ["INSTALLED", "Ball", "working_digits"]

INSTALLED = importlib.util.find_spec("flint") is not None


@contextmanager
def working_digits(digits: int) -> Iterator[None]:
    """Compute with series of two terms and some decimal digits; the settings are the process's."""
    # late: an optional library
    from flint import ctx

    outer = ctx.dps, ctx.cap
    ctx.dps, ctx.cap = digits, 2
    try:
        with made_by(Ball.of):
            yield
    finally:
        ctx.dps, ctx.cap = outer


class Ball:
    """A number that depends on one input: enclosures of its value and of its slope."""

    __slots__ = ("series",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, series: Any) -> None:
        self.series = series

    @classmethod
    def of(cls, x: Any) -> "Ball":
        """Return a number that depends on nothing."""
        return x if isinstance(x, Ball) else cls(_series(_arb(x)))

    @classmethod
    def moving(cls, x: Any) -> "Ball":
        """Return the input itself."""
        return cls(_series(_arb(x), 1))

    @property
    def value(self) -> Any:
        """The ball that holds the value."""
        return self.series[0]

    @property
    def slope(self) -> Any:
        """The ball that holds the derivative."""
        return self.series[1]

    def enclosed_slope(self, digits: int) -> Any:
        """Return the derivative as one of ``mpmath.mpf``; None where its ball is too wide."""
        if not (self.value.is_finite() and self.slope.is_finite()):
            return None
        middle, radius = (
            mpmath.mp.make_mpf(mpmath.libmp.from_man_exp(*map(int, part.man_exp())))
            for part in (self.slope.mid(), self.slope.rad())
        )
        with mpmath.workdps(digits):
            return middle if radius <= abs(middle) * mpmath.mpf(10) ** -digits else None

    def sign(self) -> int:
        """Return the sign of the value, which is one on both sides of the input."""
        if self.value > 0:
            return 1
        if self.value < 0:
            return -1
        if self.value.is_zero() and self.slope.is_zero():
            return 0
        raise NoTruth("a comparison that balls do not decide")

    # Operators, comparisons and functions are set below, from tables.
    __add__: Any
    __sub__: Any
    __mul__: Any
    __truediv__: Any
    __gt__: Any
    __ge__: Any
    exp: Any
    log: Any
    arctan: Any

    def __neg__(self) -> "Ball":
        return Ball(-self.series)

    def __pos__(self) -> "Ball":
        return self

    def __abs__(self) -> "Ball":
        return self if self.sign() >= 0 else -self

    def __bool__(self) -> bool:
        return self.sign() != 0

    def __pow__(self, other: Any) -> "Ball":
        if isinstance(other, np.ndarray):
            return NotImplemented
        power = Ball.of(other)
        if power.slope.is_zero() and power.value.is_integer():
            count = int(power.value.unique_fmpz())
            return Ball(self.series**count)
        raised: Ball = (power * self.log()).exp()
        return raised

    def __rpow__(self, other: Any) -> "Ball":
        return Ball.of(other) ** self

    def _part(self, function: str) -> "Ball":
        """Return a step function, constant where the ball lies between two steps."""
        part = getattr(self.value, function)()
        if not part.is_exact() or (self.value - part).contains(0):
            raise NoTruth("a step that balls do not decide")
        return Ball.of(part)

    def floor(self) -> "Ball":
        """Return the largest integer below."""
        return self._part("floor")

    def ceil(self) -> "Ball":
        """Return the smallest integer above."""
        return self._part("ceil")

    def trunc(self) -> "Ball":
        """Return the integer towards zero."""
        return self.floor() if self.sign() > 0 else self.ceil()

    def rint(self) -> "Ball":
        """Return the next integer; a tie is not decided."""
        nearest: Ball = (self + 0.5).floor()
        return nearest

    def _refused(self, *args: Any) -> Any:
        raise NoTruth(ROUNDS)

    __float__ = __int__ = __complex__ = __round__ = _refused


def _arb(x: Any) -> Any:
    # late: an optional library
    from flint import arb

    if isinstance(x, arb):
        return x
    if hasattr(x, "_mpf_"):
        sign, mantissa, exponent, _ = x._mpf_
        if not mantissa and exponent:
            raise NoTruth("a constant that is not finite")
        return arb((-int(mantissa) if sign else int(mantissa), int(exponent)))
    if isinstance(x, bool | np.bool_ | int | np.integer):
        return arb(int(x))
    if isinstance(x, float | np.floating) and np.asarray(x).dtype.itemsize <= 8:
        return arb(float(x))
    raise NoTruth(f"it computes with a {type(x).__name__}")


def _series(value: Any, slope: int = 0) -> Any:
    # late: an optional library
    from flint import arb_series

    return arb_series([value, slope], prec=2)


def _pi() -> Ball:
    # late: an optional library
    from flint import arb

    return Ball.of(arb.pi())


def _binary(compute: Callable[[Any, Any], Any], swapped: bool = False) -> Callable[..., Any]:
    """Return an operator of balls and of what becomes one."""

    def method(self: Ball, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        a, b = self.series, (other if isinstance(other, Ball) else Ball.of(other)).series
        return Ball(compute(b, a) if swapped else compute(a, b))

    return method


def _comparison(compute: Callable[[int, int], bool]) -> Callable[..., Any]:
    def method(self: Ball, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return compute((self - other).sign(), 0)

    return method


def _arctan2(y: Ball, x: Ball) -> Any:
    if abs(x) > abs(y):
        turn = (y / x).arctan()
        return turn if x > 0 else turn + (_pi() if y >= 0 else -_pi())
    quarter = _pi() / 2 if y > 0 else -_pi() / 2
    return quarter - (x / y).arctan()


def _cbrt(x: Ball) -> Any:
    root = (abs(x).log() / 3).exp()
    return root if x > 0 else -root


for _name, _compute in {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
}.items():
    setattr(Ball, f"__{_name}__", _binary(_compute))
    setattr(Ball, f"__r{_name}__", _binary(_compute, swapped=True))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(Ball, f"__{_name}__", _comparison(getattr(operator, _name)))
#: NumPy's names of functions of series.
_SERIES = {"exp": "exp", "log": "log", "sqrt": "sqrt", "sin": "sin", "cos": "cos", "tan": "tan"}
_SERIES |= {"arcsin": "asin", "arccos": "acos", "arctan": "atan"}
#: Others, by those.
_METHODS: Mapping[str, Callable[..., Any]] = {
    **{
        name: lambda x, series=series: Ball(getattr(x.series, series)())
        for name, series in _SERIES.items()
    },
    "expm1": lambda x: x.exp() - 1,
    "log1p": lambda x: (x + 1).log(),
    "exp2": lambda x: Ball.of(2) ** x,
    "log2": lambda x: x.log() / Ball.of(2).log(),
    "log10": lambda x: x.log() / Ball.of(10).log(),
    "sinh": lambda x: (x.exp() - (-x).exp()) / 2,
    "cosh": lambda x: (x.exp() + (-x).exp()) / 2,
    "tanh": lambda x: 1 - 2 / ((x * 2).exp() + 1),
    "arcsinh": lambda x: (x + (x * x + 1).sqrt()).log(),
    "arccosh": lambda x: (x + (x * x - 1).sqrt()).log(),
    "arctanh": lambda x: ((1 + x) / (1 - x)).log() / 2,
    "arctan2": _arctan2,
    "hypot": lambda x, y: (x * x + y * y).sqrt(),
    "cbrt": _cbrt,
    "degrees": lambda x: x * 180 / _pi(),
    "rad2deg": lambda x: x * 180 / _pi(),
    "radians": lambda x: x * _pi() / 180,
    "deg2rad": lambda x: x * _pi() / 180,
    "fabs": lambda x: abs(x),
    "conjugate": lambda x: x,
}
for _name, _compute in _METHODS.items():
    setattr(Ball, _name, _compute)
for _name in ("__floor__", "__ceil__", "__trunc__"):
    setattr(Ball, _name, getattr(Ball, _name.strip("_")))
