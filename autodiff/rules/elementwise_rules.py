"""Rules of functions that act on each element, made of their partial derivatives.

A VJP multiplies the cotangent by the partial derivative and sums over the axes along which the
argument was broadcast; a JVP multiplies the tangent.
"""

import functools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from autodiff.core.batching import alike
from autodiff.core.primitive import Array, Interval, Primitive, Rule, general, register
from autodiff.core.tensor import Tensor, record

__all__ = [
    *("FIRST", "MULTIPLY_NO_NAN", "NEGATIVE", "ONE", "SECOND", "elementwise", "multiply_no_nan"),
    "unbroadcast",
]

_FLOAT = np.dtype(float)
#: Partial derivatives that need no function: 1 and -1, and an operand as it is.
ONE: Literal["one"] = "one"
NEGATIVE: Literal["negative"] = "negative"
FIRST: Literal["first"] = "first"
SECOND: Literal["second"] = "second"


@functools.lru_cache(maxsize=64)
def _ones(length: int) -> Array:
    return np.ones(length)


def unbroadcast(x_bar: Array, shape: tuple[int, ...]) -> Array:
    """Return a cotangent summed over the axes along which its primal was broadcast."""
    if x_bar.shape == shape:
        return x_bar
    new_axes = x_bar.ndim - len(shape)
    if new_axes == 1 and x_bar.shape[1:] == shape:
        # A bias added to the rows of a matrix: ``np.sum`` would take four times as long.
        if type(x_bar) is np.ndarray and x_bar.ndim == 2 and x_bar.dtype is _FLOAT:
            return _ones(len(x_bar)).dot(x_bar)
        return np.add.reduce(x_bar, axis=0)
    axes = tuple(range(new_axes)) + tuple(
        new_axes + axis
        for axis, length in enumerate(shape)
        if length == 1 and x_bar.shape[new_axes + axis] != 1
    )
    return np.reshape(np.add.reduce(x_bar, axis=axes), shape) if axes else x_bar


def multiply_no_nan(direction: Array, product: Array) -> Array:
    """Return a product with zero where the direction is zero, though the partial is infinite.

    Without this ``np.where(x > 0, np.sqrt(x), 0)`` would give 0 times infinity at 0: what does not
    reach the result has no derivative. NaN arises nowhere else from a finite direction.
    """
    if type(product) is np.ndarray and product.dtype is _FLOAT and product.flags.c_contiguous:
        # A sum of squares is NaN only where a term is: a third of the time of the mask.
        flat = product.reshape(-1)
        squares = flat.dot(flat)
        if squares == squares:
            return product
    if type(direction) is Tensor or type(product) is Tensor:
        return record(MULTIPLY_NO_NAN, (direction, product))
    lost = np.isnan(product)
    if not np.count_nonzero(lost):
        return product
    return np.where(lost & (direction == 0), 0.0, product)


def _kept(direction: Array, product: Array, changed: Array) -> Array:
    """Return the change of the result with the product: zero where that was set to zero."""
    return np.where(np.isnan(product) & (direction == 0), 0.0, changed)


def _draw(rng: Any, *shapes: tuple[int, ...]) -> list[Array]:
    return [rng.normal(size=shape)[()] for shape in shapes]


#: As one operation. Its result is the product: the direction has no part in it.
MULTIPLY_NO_NAN = general(
    "multiply_no_nan",
    multiply_no_nan,
    [
        lambda g, out, direction, product: np.zeros_like(direction),
        lambda g, out, direction, product: _kept(direction, product, g),
    ],
    [
        lambda x_dot, out, direction, product: np.zeros_like(out),
        lambda x_dot, out, direction, product: _kept(direction, product, x_dot),
    ],
    examples=[(((2, 3), (2, 3)), {}), (((), (3,)), {})],
    draw=_draw,
    complex=True,
    batch=alike,
)


def _pulls(partial: Rule | str, argnum: int, count: int, singular: bool | Rule) -> Rule:
    """Return the VJP of one argument of an elementwise function.

    One and two arguments have a function of their own, as calls cost more than small arrays.
    """
    if count == 1 and not singular:
        if partial is ONE:
            return lambda g, out, x: g
        if partial is NEGATIVE:
            return lambda g, out, x: -g
        assert callable(partial)
        return lambda g, out, x: g * partial(out, x)
    if count == 2 and not singular and partial is ONE:

        def passed_left(g: Array, out: Array, x: Array, y: Array) -> Array:
            return g if g.shape == x.shape else unbroadcast(g, x.shape)

        def passed_right(g: Array, out: Array, x: Array, y: Array) -> Array:
            return g if g.shape == y.shape else unbroadcast(g, y.shape)

        return passed_right if argnum else passed_left
    if partial is SECOND:

        def times_second(g: Array, out: Array, x: Array, y: Array) -> Array:
            x_bar = g * y
            return x_bar if x_bar.shape == x.shape else unbroadcast(x_bar, x.shape)

        return times_second
    if partial is FIRST:

        def times_first(g: Array, out: Array, x: Array, y: Array) -> Array:
            x_bar = g * x
            return x_bar if x_bar.shape == y.shape else unbroadcast(x_bar, y.shape)

        return times_first
    if count == 2 and not singular and callable(partial):

        def left(g: Array, out: Array, x: Array, y: Array) -> Array:
            x_bar = g * partial(out, x, y)
            return x_bar if x_bar.shape == x.shape else unbroadcast(x_bar, x.shape)

        def right(g: Array, out: Array, x: Array, y: Array) -> Array:
            x_bar = g * partial(out, x, y)
            return x_bar if x_bar.shape == y.shape else unbroadcast(x_bar, y.shape)

        return right if argnum else left
    product = _product(partial, singular)

    def pull_general(g: Array, out: Array, *xs: Array) -> Array:
        x_bar, shape = product(g, out, *xs), xs[argnum].shape
        return x_bar if x_bar.shape == shape else unbroadcast(x_bar, shape)

    return pull_general


def _product(partial: Rule | str, singular: bool | Rule) -> Rule:
    """Return the function that multiplies a direction by a partial derivative."""
    if partial is ONE:
        return lambda direction, out, *xs: direction
    if partial is NEGATIVE:
        return lambda direction, out, *xs: -direction
    if partial is FIRST or partial is SECOND:
        place = 0 if partial is FIRST else 1
        return lambda direction, out, *xs: direction * xs[place]
    assert callable(partial)
    if singular:

        def guarded(direction: Array, out: Array, *xs: Array) -> Array:
            product = direction * partial(out, *xs)
            harmless = callable(singular) and not singular(out, *xs)
            return product if harmless else multiply_no_nan(direction, product)

        return guarded
    return lambda direction, out, *xs: direction * partial(out, *xs)


def _pushes(partial: Rule | str, singular: bool | Rule) -> Rule:
    """Return the JVP of one argument of an elementwise function."""
    product = _product(partial, singular)

    def push(x_dot: Array, out: Array, *xs: Array) -> Array:
        out_dot, shape = product(x_dot, out, *xs), out.shape
        return out_dot if out_dot.shape == shape else np.broadcast_to(out_dot, shape)

    return push


def elementwise(
    function: np.ufunc,
    *partials: Rule | str,
    domain: Sequence[Interval] = ((-2.0, 2.0),),
    complex: bool = False,
    singular: bool | Rule = False,
    name: str | None = None,
    vjps: Sequence[Rule] = (),
) -> Primitive:
    """Register a function of each element by its ``partial(out, *operands)`` for each argument.

    Where a partial can be infinite or NaN (`singular`, or ``singular(out, *operands)`` in a call)
    it is not multiplied by zero. `vjps` are faster than products; one `domain` serves all.
    """
    count = len(partials)
    return register(
        Primitive(
            name=name or function.__name__,
            function=function,
            kind="elementwise",
            vjps=tuple(vjps)
            or tuple(_pulls(p, argnum, count, singular) for argnum, p in enumerate(partials)),
            jvps=tuple(_pushes(p, singular) for p in partials),
            domain=tuple(domain) * (count if len(domain) == 1 else 1),
            complex=complex,
        )
    )
