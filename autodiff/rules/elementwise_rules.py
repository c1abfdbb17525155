"""Rules of functions that act on each element, made of their partial derivatives.

A VJP multiplies the cotangent by the partial derivative and sums over the axes along which the
argument was broadcast; a JVP multiplies the tangent.
"""

import functools
import math
import threading
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from autodiff.core.batching import alike, broadcast, rule_of
from autodiff.core.libraries import elsewhere
from autodiff.core.primitive import Array, Interval, Primitive, Rule, general, register
from autodiff.core.tensor import Tensor, record

__all__ = [
    *("FIRST", "LOST", "MULTIPLY_NO_NAN", "NEGATIVE", "ONE", "SECOND", "any_nan", "each_element"),
    *("elementwise", "guarded_jvp", "guarded_vjp", "multiply_no_nan", "unbroadcast"),
]

_FLOAT = np.dtype(float)
#: Partial derivatives that need no function: 1 and -1, and an operand as it is.
ONE: Literal["one"] = "one"
NEGATIVE: Literal["negative"] = "negative"
FIRST: Literal["first"] = "first"
SECOND: Literal["second"] = "second"
#: Entries whose rules give zero for a cotangent of zero as they are.
_SAFE: set[str] = set()


class _Lost(threading.local):
    """Whether a pass of this thread has met infinite slopes, or counted 0 times one as 0."""

    found = False


LOST = _Lost()


@functools.lru_cache(maxsize=64)
def _ones(length: int) -> Array:
    return np.ones(length)


def unbroadcast(x_bar: Array, shape: tuple[int, ...]) -> Array:
    """Return a cotangent summed over the axes along which its primal was broadcast."""
    own = x_bar.shape
    if own == shape:
        return x_bar
    if own[1:] == shape:
        # A bias added to the rows of a matrix: ``np.sum`` would take four times as long.
        if type(x_bar) is np.ndarray and len(own) == 2 and x_bar.dtype is _FLOAT:
            return _ones(own[0]).dot(x_bar)
        return _summed(x_bar, 0)
    new_axes = len(own) - len(shape)
    axes = tuple(range(new_axes)) + tuple(
        new_axes + axis
        for axis, length in enumerate(shape)
        if length == 1 and own[new_axes + axis] != 1
    )
    return np.reshape(_summed(x_bar, axes), shape) if axes else x_bar


def _summed(x: Array, axes: int | tuple[int, ...]) -> Array:
    # Other libraries answer functions; NumPy's method takes half of the time.
    return np.add.reduce(x, axis=axes) if type(x) is np.ndarray else np.sum(x, axis=axes)


def any_nan(x: Array) -> bool:
    """Return whether an array of floats has NaN, in a fifth of the time of the mask."""
    # It is the largest of all: the maximum itself would take three times as long to find.
    largest = x.item(x.argmax()) if x.size else 0.0
    return bool(largest != largest)


def multiply_no_nan(direction: Array, product: Array) -> Array:
    """Return a product with zero where the direction is zero, though the partial is infinite.

    Without this ``np.where(x > 0, np.sqrt(x), 0)`` would give 0 times infinity at 0: what does not
    reach the result has no derivative. NaN arises nowhere else from a finite direction.
    """
    if type(product) is np.float64 and math.isfinite(product):
        return product
    quick = type(product) is np.ndarray and product.dtype is _FLOAT and product.flags.c_contiguous
    if quick and not any_nan(product):
        return product
    if type(direction) is Tensor or type(product) is Tensor:
        return record(MULTIPLY_NO_NAN, (direction, product))
    lost = np.isnan(product)
    # Elsewhere than on the host to look costs more than to choose: it waits for all that is asked.
    here = elsewhere(product) is None
    if here and not np.count_nonzero(lost):
        return product
    lost = lost & (direction == 0)
    LOST.found = LOST.found or (here and bool(np.count_nonzero(lost)))
    return np.where(lost, 0.0, product)


def _kept(direction: Array, product: Array, changed: Array) -> Array:
    """Return the change of the result with the product: zero where that was set to zero."""
    lost = np.isnan(product) & (direction == 0)
    if type(lost) is not Tensor and elsewhere(lost) is None and np.count_nonzero(lost):
        LOST.found = True
    return np.where(lost, 0.0, changed)


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
    finite: bool = False,
    masks: bool = False,
) -> Primitive:
    """Register a function of each element by its ``partial(out, *operands)`` for each argument.

    Where a partial can be infinite or NaN (`singular`, or ``singular(out, *operands)`` in a call)
    at finite operands it is not multiplied by zero; at others `guarded_vjp` sees to it, but where
    it is `finite` at all. `vjps` are faster than products; one `domain` serves all arguments.
    """
    count = len(partials)
    if finite or singular is True or all(p is ONE or p is NEGATIVE for p in partials):
        _SAFE.add(name or function.__name__)
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
            masks=masks,
        )
    )


def each_element(primitive: Primitive) -> bool:
    """Return whether a rule multiplies each element by a partial."""
    return primitive.kind == "elementwise" or (
        rule_of(primitive) is broadcast and not primitive.masks and not primitive.joint
    )


def _is_guarded(primitive: Primitive) -> bool:
    """Return whether a rule multiplies each element by a partial that may not be finite."""
    return each_element(primitive) and primitive.name not in _SAFE


def _is_finite_number(x: Any) -> bool:
    return type(x) in (int, float) and math.isfinite(x)


def guarded_vjp(primitive: Primitive, argnum: int) -> Rule:
    """Return the VJP of one argument that gives zero where the cotangent is zero.

    Elements that a mask leaves out, as in ``np.where(x < 10, np.exp(x), x)``, have a cotangent of
    zero, and may have an infinite derivative, or NaN.
    """
    rule = primitive.vjp(argnum)
    if not _is_guarded(primitive):
        return rule

    def pull(g: Array, out: Array, *xs: Array, **params: Any) -> Array:
        x = xs[argnum]
        if primitive.function is np.multiply and _is_finite_number(xs[1 - argnum]):
            return rule(g, out, *xs)
        # The sum over axes of broadcasting comes after the guard.
        wide = x if x.shape == g.shape else np.broadcast_to(x, g.shape)
        product = rule(g, out, *xs[:argnum], wide, *xs[argnum + 1 :], **params)
        return unbroadcast(multiply_no_nan(g, product), x.shape)

    return pull


def guarded_jvp(primitive: Primitive, argnum: int) -> Rule:
    """Return the JVP of one argument that gives zero where the tangent or the partial is zero."""
    rule = primitive.jvp(argnum)
    if primitive.kind != "elementwise" and not _is_guarded(primitive):
        return rule

    def push(x_dot: Array, out: Array, *xs: Array, **params: Any) -> Array:
        wide = x_dot if x_dot.shape == out.shape else np.broadcast_to(x_dot, out.shape)
        product = multiply_no_nan(wide, rule(wide, out, *xs, **params))
        partial = rule(np.ones_like(wide), out, *xs, **params)
        found = LOST.found
        product = multiply_no_nan(partial, product)
        if primitive.masks:
            # What is not chosen is no limit of anything.
            LOST.found = found
        return product

    return push
