"""The true gradient of a plain NumPy function: central differences in so many digits that 50 hold.

Nothing of the engines is used here, and no rule of differentiation: only the function itself. Where
python-flint is installed, power series of balls prove the digits, and differences are for the rest.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import mpmath
import numpy as np

from compare.checks.difference import entry_name
from compare.truth.arrays import exact
from compare.truth.balls import INSTALLED, Ball, working_digits
from compare.truth.numbers import NoTruth, as_mpf, from_mpf, precision

__all__ = ["Truth", "true_gradient"]

#: Digits that are promised.
_DIGITS = 50
#: Working digits, and the step as a power of ten. A central difference is off by step^2 and by
#: 10^(power of step - digits): by 10^-120 of the function's own scale at the first attempt. The
#: second one serves entries so small next to the value that the first leaves less than 50 digits.
_ATTEMPTS = ((180, -60), (420, -140))
#: Digits with which balls are tried.
_BALL_DIGITS = (70, 150)
#: Time in s to convert one number and to compute a little with it.
_NUMBER_S = 5e-6
#: How near the function must come to its value on plain numbers, relative.
_SAME = 1e-3
#: Evaluations of the function per entry: both sides, at two steps.
_EVALUATIONS = 4


@dataclass(frozen=True)
class Truth:
    """The value and the gradient of a function to 50 digits.

    Parameters
    ----------
    value : mpmath.mpf
        Value of the function.
    gradients : dict of str to ndarray of mpmath.mpf
        Derivatives by name of argument, of its shape; ``None`` where none was taken. At a kink it
        is the mean of the slopes on both sides.
    slopes : dict of (str, tuple of int) to tuple of mpmath.mpf
        Slopes to the left and to the right of the entries at a kink, where they differ.
    entries : int
        Number of derivatives that were taken.
    parameters : int
        Number that there are.
    seconds : float
        Time that it took, in s.
    digits : int
        Digits that were computed with: two steps agree in the first 50.
    """

    value: Any
    gradients: Mapping[str, Any]
    slopes: Mapping[tuple[str, tuple[int, ...]], tuple[Any, Any]] = field(default_factory=dict)
    entries: int = 0
    parameters: int = 0
    seconds: float = 0.0
    digits: int = 0
    #: Derivatives that balls enclose to 50 digits (python-flint); the others are differences.
    enclosed: int = 0

    @property
    def sampled(self) -> bool:
        """Whether only some entries are known."""
        return self.entries < self.parameters


def true_gradient(
    f: Callable[..., Any],
    inputs: Mapping[str, Any],
    wrt: Sequence[str] | None = None,
    *,
    seconds: float = 10.0,
    seed: int = 0,
) -> Truth:
    """Return value and gradient of a function to 50 digits.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a scalar.
    inputs : mapping
        Its arguments by name: floats or arrays. They, and the constants in `f`, are taken for
        exactly the numbers that their bits say.
    wrt : sequence of str, optional
        Arguments to differentiate with respect to; all of floating-point type by default.
    seconds : float
        Time that it may take, in s. If it does not suffice for all entries, a random sample is
        taken, alike from every argument.
    seed : int
        Seed of the sample.

    Returns
    -------
    Truth
        Value and derivatives.

    Raises
    ------
    NoTruth
        If `f` cannot be evaluated in 50 digits, is not finite, two steps give different
        derivatives, or its value is another one on plain numbers; the message says which.

    Notes
    -----
    ``(f(x + h) - f(x - h)) / 2h`` with ``h = 10^-60 max(1, |x|)``, in 180 digits: of its digits 50
    are right if ``f`` has three derivatives there, analytic or not. It is taken at ``h`` and at
    ``h / 3``; both must agree to 50 digits. Where the slopes on both sides differ (a kink: a tie of
    maxima, the corner of a ReLU) their mean is returned, which for two that tie is what the
    engines' convention gives: ties share evenly.

    Examples
    --------
    >>> truth = true_gradient(lambda x: np.log(x) * x, {"x": 2.0})
    >>> with mpmath.workdps(50):
    ...     error = truth.gradients["x"][()] - (1 + mpmath.log(2))
    >>> bool(abs(error) < 1e-49)
    True
    >>> true_gradient(lambda x: np.log(float(x)), {"x": 2.0})
    Traceback (most recent call last):
    compare.truth.numbers.NoTruth: no truth: it rounds its arguments to a float (by float(), \
math.exp, astype, or storing them in an array of numbers), where 16 digits would be left
    """
    begin = time.monotonic()
    names = tuple(wrt) if wrt is not None else tuple(n for n in inputs if _floating(inputs[n]))
    shapes = {name: np.shape(inputs[name]) for name in names}
    parameters = sum(int(np.prod(shape)) for shape in shapes.values())
    values: dict[int, Any] = {}
    try:
        if sum(int(np.size(x)) for x in inputs.values() if _floating(x)) * _NUMBER_S > seconds:
            raise NoTruth(f"its inputs are too many for {seconds:g} s of computing in 50 digits")
        with precision(_ATTEMPTS[0][0], seconds), np.errstate(all="ignore"):
            values[0] = _value(f, inputs)
        each_s = max(time.monotonic() - begin, 1e-6) * _EVALUATIONS
        balls = _balls(inputs) if INSTALLED else {}
        if balls and parameters:
            probed = time.monotonic()
            first = next(name for name in names if math.prod(shapes[name]))
            if _enclosed(f, balls, first, (0,) * len(shapes[first])) is not None:
                each_s = max(time.monotonic() - probed, 1e-6)
        affordable = int((seconds + begin - time.monotonic()) / each_s)
        if affordable < len(names):
            raise NoTruth(
                f"one derivative in 50 digits takes {each_s:.2g} s, and there are {parameters:,}"
            )
        gradients: dict[str, Any] = {name: np.full(shapes[name], None) for name in names}
        slopes, taken, enclosed = {}, 0, 0
        for name, entry in _sample(shapes, affordable, seed):
            if time.monotonic() - begin > 2 * seconds:
                break
            taken += 1
            gradients[name][entry] = _enclosed(f, balls, name, entry)
            if gradients[name][entry] is not None:
                enclosed += 1
                continue
            derivative, low, high = _derivative(f, inputs, name, entry, values)
            gradients[name][entry] = derivative
            if low != high:
                slopes[name, entry] = (low, high)
        _must_be_the_same(f, inputs, values[0], gradients)
    except NoTruth as error:
        raise NoTruth(f"no truth: {error}") from error
    except (ArithmeticError, ValueError, AttributeError, TypeError, IndexError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise NoTruth(f"no truth: the function raised {reason} on numbers of 50 digits") from error
    took_s, digits = time.monotonic() - begin, _ATTEMPTS[max(values)][0]
    return Truth(values[0], gradients, slopes, taken, parameters, took_s, digits, enclosed)


def _floating(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f"


def _must_be_the_same(
    f: Callable[..., Any], inputs: Mapping[str, Any], value: Any, gradients: Mapping[str, Any]
) -> None:
    """Raise if the function is another one on plain numbers, such as by inspecting their type."""
    with np.errstate(all="ignore"):
        plain = float(f(**inputs))
    moved = [
        abs(float(derivative) * float(np.asarray(inputs[name])[entry]))
        for name, derivatives in gradients.items()
        for entry, derivative in np.ndenumerate(derivatives)
        if derivative is not None
    ]
    room = _SAME * max([abs(plain), abs(float(value)), *moved])
    if math.isfinite(plain) and abs(plain - float(value)) > room:
        raise NoTruth(
            f"the function is {plain!r} on floats and {mpmath.nstr(value, 17)} on 50 digits: it "
            "goes another way there, or no digit of it is right"
        )


def _sample(
    shapes: Mapping[str, tuple[int, ...]], most: int, seed: int
) -> list[tuple[str, tuple[int, ...]]]:
    """Return the entries to take: all, or a random sample, alike from every argument."""
    sizes = {name: int(np.prod(shape)) for name, shape in shapes.items()}
    rng = np.random.default_rng(seed)
    chosen: list[tuple[str, tuple[int, ...]]] = []
    # Small arguments first: what they do not use is left to the larger ones.
    for done, name in enumerate(sorted(sizes, key=lambda n: sizes[n])):
        count = min(sizes[name], (most - len(chosen)) // (len(sizes) - done))
        places = rng.permutation(sizes[name])[:count] if count < sizes[name] else range(count)
        for place in places:
            chosen.append((name, tuple(int(i) for i in np.unravel_index(place, shapes[name]))))
    return chosen


def _value(f: Callable[..., Any], inputs: Mapping[str, Any]) -> Any:
    """Return the value of the function in the working precision."""
    given = {name: exact(x) if _floating(x) else x for name, x in inputs.items()}
    return _scalar(f(**given))


def _scalar(result: Any) -> Any:
    if np.shape(result) != ():
        raise NoTruth(f"the function returned shape {np.shape(result)}; expected a scalar")
    number = as_mpf(result)
    if not mpmath.isfinite(number):
        raise NoTruth(f"the function is {mpmath.nstr(number, 5)} at or beside this point")
    return number


def _balls(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs as balls."""
    with working_digits(_BALL_DIGITS[0]):
        return {n: exact(x) if _floating(x) else x for n, x in inputs.items()}


def _enclosed(
    f: Callable[..., Any], balls: Mapping[str, Any], name: str, entry: tuple[int, ...]
) -> Any:
    """Return a derivative that a ball encloses to 50 digits, or None where none does."""
    for digits in _BALL_DIGITS if balls else ():
        # What balls do not know or decide is no error: differences take over.
        with suppress(NoTruth, ArithmeticError, ValueError, AttributeError, TypeError, IndexError):
            with working_digits(digits), np.errstate(all="ignore"):
                given = {n: x.copy() if isinstance(x, np.ndarray) else x for n, x in balls.items()}
                plain = given[name].view(np.ndarray)
                plain[entry] = Ball.moving(plain[entry].value)
                result = np.asarray(f(**given), dtype=object)
                found = Ball.of(result[()]).enclosed_slope(_DIGITS) if result.ndim == 0 else None
            if found is not None:
                return found
    return None


def _derivative(
    f: Callable[..., Any],
    inputs: Mapping[str, Any],
    name: str,
    entry: tuple[int, ...],
    values: dict[int, Any],
) -> tuple[Any, Any, Any]:
    """Return a derivative, and the slopes to the left and to the right."""
    found: list[Any] = []
    for attempt, (digits, power) in enumerate(_ATTEMPTS):
        with precision(digits), mpmath.workdps(digits), np.errstate(all="ignore"):
            if attempt not in values:
                values[attempt] = _value(f, inputs)
            given = {n: exact(x) if _floating(x) else x for n, x in inputs.items()}
            at = given[name]
            middle, x = values[attempt], as_mpf(at[entry])
            found = []
            for step in (mpmath.mpf(10) ** power, mpmath.mpf(10) ** power / 3):
                h = step * max(1, abs(x))
                sides = []
                for moved in (x - h, x + h):
                    shifted = at.copy()
                    shifted[entry] = from_mpf(moved)
                    sides.append(_scalar(f(**{**given, name: shifted})))
                left, right = (middle - sides[0]) / h, (sides[1] - middle) / h
                found.append(((left + right) / 2, left, right))
            (one, _, _), (two, left, right) = found
            if _alike(one, two, _DIGITS):
                # Beyond a step of 10^-60 the slopes of a smooth function differ by as little.
                smooth = _alike(left, right, _DIGITS // 2) or abs(left - right) <= abs(
                    middle
                ) * mpmath.mpf(10) ** (power // 2)
                return (two, two, two) if smooth else (two, left, right)
    least, vanishing = mpmath.mpf(10) ** _ATTEMPTS[-1][1], max(abs(one), abs(two))
    # All that is left is the square of the step (x^3 at 0), or the step (max(x, 0)^2 at 0).
    if vanishing <= least**1.5 or (vanishing <= least**0.5 and _alike(one, 3 * two, 10)):
        zero = mpmath.mpf(0)
        return zero, zero, zero
    raise NoTruth(
        f"two steps give derivatives by {entry_name(name, entry)} that differ in their first "
        f"{_DIGITS} digits: {mpmath.nstr(one, 8)} and {mpmath.nstr(two, 8)}"
    )


def _alike(a: Any, b: Any, digits: int) -> bool:
    return bool(abs(a - b) <= mpmath.mpf(10) ** -digits * max(abs(a), abs(b)))
