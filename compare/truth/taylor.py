"""The Taylor test: a right gradient leaves a remainder that shrinks with the square of the step."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["TaylorTest", "taylor_test"]

#: Steps of the ladder, as powers of two.
_POWERS = range(-1, -36, -1)
#: Rungs that one slope is fitted to.
_RUNGS = 5
#: A remainder counts where it is so many times the rounding of what it is computed from.
_ABOVE_ROUNDING = 30.0
#: Rungs lie on a line if they are off by no more than this, in powers of two (r.m.s.); what
#: rounding leaves is off by more.
_ON_A_LINE = 0.15
#: Between 1 (a wrong gradient) and 2 (a right one).
_LEAST_SLOPE = 1.5


@dataclass(frozen=True)
class TaylorTest:
    """The verdict on a gradient, with the remainders that it was read from.

    Parameters
    ----------
    right : bool
        Whether the gradient passed.
    slope : float
        Slope of the logarithm of the remainder over that of the step, where it is smallest and
        still above rounding: 2 or more for a right gradient, 1 for a wrong one; NaN where all
        remainders are rounding, as those of a linear function are.
    steps, remainders : ndarray
        The ladder.
    message : str
        Why the gradient did not pass, or a remark.
    """

    right: bool
    slope: float
    steps: Any
    remainders: Any
    message: str = ""


def taylor_test(
    f: Callable[..., Any],
    inputs: Mapping[str, Any],
    gradients: Mapping[str, Any],
    *,
    directions: int = 3,
    seed: int = 0,
) -> TaylorTest:
    """Return the Taylor test of a gradient in random directions.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a scalar.
    inputs : mapping
        Its arguments by name: floats or arrays.
    gradients : mapping of str to array
        The gradient under test, by name of argument.
    directions : int
        Number of directions: in a single one errors may cancel.
    seed : int
        Seed of the directions.

    Returns
    -------
    TaylorTest
        The verdict, the slope, and the ladder it was read from, of the worst direction.

    Raises
    ------
    ValueError
        If a gradient has not the shape of its argument.

    Notes
    -----
    ``|f(x + h v) - f(x) - h g.v|`` is ``O(h^2)`` if ``g`` is the gradient, and ``O(h)`` if it is
    not: no step has to be chosen, and no tolerance. An error is seen that is larger than about
    ``1e-5`` of ``g.v`` (float32: a tenth). Where the remainder shrinks with slope 1 the test is
    repeated with ``|f(x + h v) - f(x - h v) - 2 h g.v|``: at a kink, where ``g`` is the mean of
    both slopes, that one is zero. P. E. Farrell, D. A. Ham, S. W. Funke, M. E. Rognes,
    "Automated derivation of the adjoint of high-level transient finite element programs", SIAM J.
    Sci. Comput. 35(4), 2013.

    Examples
    --------
    >>> x = np.array([1.0, 2.0])
    >>> round(taylor_test(lambda x: np.sum(np.exp(x)), {"x": x}, {"x": np.exp(x)}).slope)
    2
    >>> wrong = taylor_test(lambda x: np.sum(np.exp(x)), {"x": x}, {"x": np.exp(x) * 1.001})
    >>> wrong.right, round(wrong.slope)
    (False, 1)
    """
    for name, x_bar in gradients.items():
        if np.shape(x_bar) != np.shape(inputs[name]):
            raise ValueError(
                f"taylor_test: the gradient of {name} has shape {np.shape(x_bar)}; expected "
                f"{np.shape(inputs[name])}"
            )
    rng = np.random.default_rng(seed)
    found = [
        _in_direction(f, inputs, gradients, {n: _direction(inputs[n], rng) for n in gradients})
        for _ in range(directions)
    ]
    # A slope of NaN, where there is nothing but rounding, says less than any other.
    return min(found, key=lambda t: (t.right, math.inf if math.isnan(t.slope) else t.slope))


def _in_direction(
    f: Callable[..., Any],
    inputs: Mapping[str, Any],
    gradients: Mapping[str, Any],
    direction: Mapping[str, Any],
) -> TaylorTest:
    """Return the Taylor test in one direction."""
    one_sided = _ladder(f, inputs, gradients, direction, both=False)
    slope = _slope(*one_sided)
    steps, remainders, _ = one_sided
    if not slope < _LEAST_SLOPE:
        remark = "" if slope == slope else "the remainder is rounding, as of a linear function"
        if not len(steps):
            remark = "the function is finite at no step"
        return TaylorTest(True, slope, steps, remainders, remark)
    again = _slope(*_ladder(f, inputs, gradients, direction, both=True))
    if not again < _LEAST_SLOPE:
        return TaylorTest(True, slope, steps, remainders, "at a kink: right as the mean of slopes")
    message = (
        f"the remainder of the Taylor series shrinks with slope {slope:.2f}; with the gradient it "
        "would be 2"
    )
    return TaylorTest(False, slope, steps, remainders, message)


def _direction(x: Any, rng: np.random.Generator) -> Any:
    """Return a random direction in which every entry of an argument moves by its own size."""
    array = np.asarray(x, dtype=float)
    typical = math.sqrt(float(np.mean(array**2))) if array.size else 0.0
    scale = np.maximum(np.abs(array), typical or 1.0)
    return scale * rng.choice([-1.0, 1.0], array.shape) * rng.uniform(0.5, 1.0, array.shape)


def _ladder(
    f: Callable[..., Any],
    inputs: Mapping[str, Any],
    gradients: Mapping[str, Any],
    direction: Mapping[str, Any],
    *,
    both: bool,
) -> tuple[Any, Any, Any]:
    """Return the steps, the remainders, and the rounding of each."""
    middle = _evaluated(f, inputs)
    single = any(getattr(x, "dtype", None) == np.float32 for x in inputs.values())
    unit = float(np.finfo(np.float32 if single else np.float64).eps)
    rows = []
    for power in _POWERS:
        step = 2.0**power
        upper, above, up_size = _moved(f, inputs, gradients, direction, step)
        if both:
            lower, below, low_size = _moved(f, inputs, gradients, direction, -step)
        else:
            lower, below, low_size = middle, 0.0, 0.0
        remainder = abs((upper - lower) - (above - below))
        rounding = unit * (abs(upper) + abs(lower) + up_size + low_size)
        if math.isfinite(remainder):
            rows.append((step, remainder, rounding))
    columns = np.array(rows).reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2]


def _evaluated(f: Callable[..., Any], inputs: Mapping[str, Any]) -> float:
    with np.errstate(all="ignore"):
        return float(f(**inputs))


def _moved(
    f: Callable[..., Any],
    inputs: Mapping[str, Any],
    gradients: Mapping[str, Any],
    direction: Mapping[str, Any],
    step: float,
) -> tuple[float, float, float]:
    """Return f there, the change that the gradient predicts, and the size of its terms."""
    there, change, size = dict(inputs), 0.0, 0.0
    for name, v in direction.items():
        x = np.asarray(inputs[name])
        moved = (x + step * v).astype(x.dtype)
        # The step that was taken, after rounding, is what the gradient must predict.
        terms = np.asarray(gradients[name], dtype=float) * (moved.astype(float) - x)
        change, size = change + float(np.sum(terms)), size + float(np.sum(np.abs(terms)))
        there[name] = moved if x.ndim else moved[()]
    return _evaluated(f, there), change, size


def _slope(steps: Any, remainders: Any, rounding: Any) -> float:
    """Return the slope at the smallest steps at which the remainders are no rounding, or NaN."""
    counts = remainders > _ABOVE_ROUNDING * rounding
    for last in range(len(steps), _RUNGS - 1, -1):
        rungs = slice(last - _RUNGS, last)
        if not counts[rungs].all():
            continue
        x, y = np.log2(steps[rungs]), np.log2(remainders[rungs])
        slope, offset = np.polyfit(x, y, 1)
        if math.sqrt(float(np.mean((y - slope * x - offset) ** 2))) < _ON_A_LINE:
            return float(slope)
    return math.nan
