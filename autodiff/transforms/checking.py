"""A check of derivatives for the tests of users: against central differences, of several orders."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.core.pytrees import flatten
from autodiff.graph.passes import primal_dtype
from autodiff.transforms.call import Call
from autodiff.transforms.gradients import jvp, vjp

__all__ = ["WrongGradient", "check_gradients"]

#: Steps of the central differences, as powers of the resolution of the type: one is right for
#: truncation (error h²) against rounding (error eps/h), the larger one tells how far to trust it.
_STEP = 1 / 3


class WrongGradient(AssertionError):
    """A derivative does not agree with central differences."""


def check_gradients(
    f: Callable[..., Any],
    *args: Any,
    modes: Sequence[str] = ("rev", "fwd"),
    order: int = 2,
    rtol: float | None = None,
    directions: int = 3,
    seed: int = 0,
) -> None:
    """Raise unless the derivatives of `f` agree with central differences.

    For random directions v and weights g the derivative of Re(sum(g f(x + t v))) in t is held
    against its central difference, in each mode; for the second order the same is done with that
    derivative in place of `f`.

    Parameters
    ----------
    f : callable
        Function of numbers, arrays and nested structures, smooth near the arguments.
    *args
        The arguments, all differentiated.
    modes : sequence of {"rev", "fwd"}
        Reverse mode (`vjp`) and forward mode (`jvp`).
    order : int
        The highest order that is checked.
    rtol : float, optional
        Tolerance relative to the size of the derivative; by default 1e-6 for float64 and 2e-2 for
        float32, and always at least ten times what central differences of two steps differ by.
    directions : int
        Number of random directions.
    seed : int
        Of the random numbers.

    Raises
    ------
    WrongGradient
        If a derivative is wrong; an `AssertionError`.
    ValueError
        If a mode is none of those.

    Examples
    --------
    >>> import numpy as np
    >>> check_gradients(lambda x: np.sum(np.sin(x) ** 2), np.array([0.5, 1.0]))
    >>> from autodiff import custom
    >>> wrong = custom(np.sin, vjps={0: lambda out, x: lambda g: g * np.sin(x)})
    >>> check_gradients(wrong, 0.5, modes=("rev",), order=1)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    autodiff.transforms.checking.WrongGradient: order 1, reverse mode: the derivative along ...
    """
    known = {"rev": "reverse", "fwd": "forward"}
    for mode in modes:
        if mode not in known:
            raise ValueError(f"check_gradients: mode {mode!r}; 'rev' and 'fwd' are known")
    rng = np.random.default_rng(seed)
    leaves = Call(lambda *xs: 0.0, args, {}, range(len(args)), "check_gradients").inputs
    resolution = max((float(np.finfo(x.dtype).eps) for x in leaves), default=0.0)
    if rtol is None:
        rtol = 1e-6 if resolution < 1e-10 else 2e-2
    for _ in range(directions):
        _check_order(f, args, modes, order, 1, rtol, resolution, rng, known)


def _check_order(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    modes: Sequence[str],
    order: int,
    level: int,
    rtol: float,
    resolution: float,
    rng: "np.random.Generator",
    known: dict[str, str],
) -> None:
    """Check one order along a random direction, and the next order of each mode's derivative."""
    weights = _random_like(f(*args), rng)
    direction = _random_like(args, rng)

    def projected(*xs: Any) -> Any:
        return _paired(weights, f(*xs))

    coarse, fine = (
        _central(projected, args, direction, resolution**_STEP * factor) for factor in (4.0, 1.0)
    )
    derivatives = {"rev": _reverse(f, weights, direction), "fwd": _forward(f, weights, direction)}
    scale = max(abs(fine), abs(coarse), _norm(direction) * resolution**0.5)
    for mode in modes:
        found = float(derivatives[mode](*args))
        allowed = max(rtol * scale, 10 * abs(coarse - fine), rtol * resolution**0.5)
        if not abs(found - fine) <= allowed:
            raise WrongGradient(
                f"order {level}, {known[mode]} mode: the derivative along a random direction is "
                f"{found:.3g}, the central difference {fine:.3g}"
            )
    if level < order:
        for mode in modes:
            _check_order(
                derivatives[mode], args, modes, order, level + 1, rtol, resolution, rng, known
            )


def _reverse(f: Callable[..., Any], weights: Any, direction: Any) -> Callable[..., Any]:
    def derivative(*xs: Any) -> Any:
        _, pullback = vjp(f, *xs)
        return _paired(direction, pullback(weights))

    return derivative


def _forward(f: Callable[..., Any], weights: Any, direction: Any) -> Callable[..., Any]:
    def derivative(*xs: Any) -> Any:
        return _paired(weights, jvp(f, xs, direction)[1])

    return derivative


def _paired(left: Any, right: Any) -> Any:
    """Return the real part of the sum of products of all leaves, which pairs the two modes."""
    total = 0.0
    for a, b in zip(flatten(left)[0], flatten(right)[0], strict=True):
        product = np.sum(a * b)
        total = total + (np.real(product) if np.iscomplexobj(product) else product)
    return total


def _random_like(tree: Any, rng: "np.random.Generator") -> Any:
    """Return a structure of standard normal numbers of the shapes and types of another."""
    leaves, structure = flatten(tree)
    return structure.unflatten([_random(np.shape(x), primal_dtype(x), rng) for x in leaves])


def _random(shape: tuple[int, ...], dtype: np.dtype[Any], rng: "np.random.Generator") -> Any:
    numbers = rng.normal(size=shape)
    if dtype.kind == "c":
        numbers = numbers + 1j * rng.normal(size=shape)
    return np.asarray(numbers, dtype if dtype.kind in "fc" else float)[()]


def _moved(args: Any, direction: Any, step: float) -> Any:
    leaves, structure = flatten(args)
    moved = [
        np.asarray(x + step * d, primal_dtype(x))[()]
        for x, d in zip(leaves, flatten(direction)[0], strict=True)
    ]
    return structure.unflatten(moved)


def _central(f: Callable[..., Any], args: Any, direction: Any, step: float) -> float:
    ahead, behind = (f(*_moved(args, direction, sign * step)) for sign in (1.0, -1.0))
    return float((ahead - behind) / (2.0 * step))


def _norm(direction: Any) -> float:
    return float(np.sqrt(sum(np.sum(np.abs(d) ** 2) for d in flatten(direction)[0])))
