"""Kinks: where a function has a slope by convention, and the derivative of that slope has none.

At 0 the slope of a length n(x) = |x| counts as 0, but the function x → slope is no constant: the
slope of f(n(x)) is g(n) x / n with the cotangent g, and where g vanishes with n, as in n², it has
the derivative lim g / n there (l'Hôpital). A rule that is applied to tensors of an outer trace,
where its result may be differentiated again, therefore says so by a node `LIMIT` of the same value.
What that limit is the pass over the outer tape finds: `graph.limits`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any, Literal, NamedTuple

import numpy as np

from autodiff.core.batched import innermost
from autodiff.core.batching import broadcast
from autodiff.core.primitive import PRIMITIVES, Array, Primitive, Rule
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, record
from autodiff.rules.complex_numbers import JUMP
from autodiff.rules.elementwise_rules import LOST, unbroadcast
from autodiff.rules.reductions import expanded

__all__ = ["KINKS", "LIMIT", "Kink", "at_kink", "holds", "note", "noting", "outer_tape"]


class Kink(NamedTuple):
    """How a function bends: its result near the kink, by the distance from it.

    "length"
        The result is the distance.
    "tie"
        The mean of two operands and a share of their distance.
    "root"
        The distance is the square root of the operand.
    "cone"
        The result grows with the distance, in each direction by another share.
    "order"
        The result is the operand, whose equal elements will be put in an order.
    "jump"
        The result has no value by the distance: no derivative passes.
    """

    kind: Literal["length", "tie", "root", "cone", "order", "jump"]
    #: ``at(out, *operands, **params)``, a mask of the elements of the result that are at the kink.
    at: Callable[..., Array]
    #: Share of the distance in the result.
    share: float = 1.0
    #: Whether it reduces axes.
    reduces: bool = False
    #: ``steep(out, *operands)``: elements that are no square roots but other powers between 0 and
    #: 1, which have a limit only where no cotangent arrives.
    steep: Callable[..., Array] | None = None


def _at_zero(out: Array, *xs: Array, **params: Any) -> Array:
    return np.equal(out, 0)


def _at_tie(out: Array, x: Array, y: Array) -> Array:
    return np.equal(x, y)


def _at_power(out: Array, x: Array, y: Array) -> Array:
    steep = np.logical_and(np.less(0, y), np.less(y, 1))
    if type(steep) in (np.bool, np.ndarray) and not np.any(steep):
        # Without a look at a value, which is not known under jax.jit.
        return np.False_
    return np.logical_and(np.equal(out, 0), steep)


def _at_ties(out: Array, x: Array, *, axis: Any, keepdims: bool) -> Array:
    hits = np.equal(x, expanded(out, np.shape(x), axis, keepdims))
    return np.greater(np.sum(hits, axis=axis, keepdims=keepdims), 1)


_LENGTH, _ROOT = Kink("length", _at_zero), Kink("root", _at_zero)
_JUMP = Kink("jump", _at_zero)
_UPPER, _LOWER = Kink("tie", _at_tie, 0.5), Kink("tie", _at_tie, -0.5)
_LARGEST = Kink("cone", _at_ties, reduces=True)
_SMALLEST = Kink("cone", _at_ties, -1.0, reduces=True)
#: By name of the primitive.
_BY_NAME = {
    **dict.fromkeys(("absolute", "fabs", "hypot"), _LENGTH),
    **dict.fromkeys(("root", "sqrt"), _ROOT),
    **dict.fromkeys(
        ("power", "float_power"),
        Kink("root", _at_power, steep=lambda out, x, y: np.not_equal(y, 0.5)),
    ),
    "cbrt": Kink("root", _at_zero, steep=lambda out, x: True),
    "copysign": Kink("cone", _at_zero),
    **dict.fromkeys(("maximum", "fmax"), _UPPER),
    **dict.fromkeys(("minimum", "fmin"), _LOWER),
    "power_norm": Kink("cone", _at_zero, reduces=True),
    **dict.fromkeys(("max", "nanmax"), _LARGEST),
    **dict.fromkeys(("min", "nanmin"), _SMALLEST),
    "sign": _JUMP,
}
KINKS = {PRIMITIVES[name]: kink for name, kink in _BY_NAME.items()}
KINKS[JUMP] = _JUMP


def at_kink(node: Tensor, kink: Kink) -> Any:
    """Return the mask of the elements of a node that are at its kink."""
    tape = node.tape
    xs = [x.value if type(x) is Tensor and x.tape is tape else x for x in node.operands]
    return kink.at(node.value, *xs, **(node.params or {}))


def _x_bar(x_bar: Array, *others: Array, **params: Any) -> Array:
    return x_bar


#: ``LIMIT(x_bar, g, out, *operands)`` is `x_bar`, what a rule made of the others at a kink. It is
#: in no registry: it stands on tapes of eager calls only.
LIMIT = Primitive(
    "limit",
    _x_bar,
    "general",
    (lambda g, out, *xs, argnum, **params: np.zeros_like(xs[argnum]) if argnum else g,),
    (lambda x_dot, out, *xs, argnum, **params: np.zeros_like(out) if argnum else x_dot,),
    variadic=True,
    complex=True,
    batch=broadcast,
)


def outer_tape(x: Any) -> Tape | None:
    """Return the innermost tape that records a value, past batches; None of a plain one."""
    while type(x) is Tensor:
        if x.tape.batch is None:
            return x.tape
        x = x.value.array
    return None


def note(x: Any) -> Any:
    """Note on its tape a tensor whose derivative is a limit, and return it."""
    node = x
    while type(node) is Tensor:
        if node.tape.batch is None:
            node.tape.limits.append(node)
            break
        node = node.value.array
    return x


def holds(mask: Any) -> bool:
    """Return whether a mask holds anywhere, for any element of a batch; a trace guards it."""
    while type(mask) is Tensor and mask.tape.batch is not None:
        mask = mask.value.array
    return bool(np.any(mask))


def _note_lost(g: Array, flat: Array) -> None:
    """Note that a cotangent of zero may meet an infinite slope, whose product is a limit."""
    LOST.found = LOST.found or bool(np.any(np.equal(innermost(g), 0) & innermost(flat)))


def _root_vjp(g: Array, out: Array, infinite: bool) -> Array:
    """Return the cotangent of a radicand: 0 where the root is, unless its slope is looked at."""
    flat = np.equal(out, 0)
    slope = np.where(flat, 0.0, 0.5 / np.where(flat, 1.0, out))
    if infinite:
        _note_lost(g, flat)
        slope = np.where(np.logical_and(flat, np.not_equal(g, 0)), np.inf, slope)
    return g * slope


def _steep_vjp(rule: Rule, at: Array, g: Array, out: Array, x: Array, *others: Array) -> Array:
    """Return the cotangent of a base: at the kink as that of a root, elsewhere by the rule."""
    _note_lost(g, at)
    slope = np.where(np.logical_and(at, np.not_equal(g, 0)), np.inf, 0.0)
    aside = (np.where(at, 1.0, y) for y in (out, x))
    x_bar = g * slope + rule(np.where(at, 0.0, g), *aside, *others)
    return unbroadcast(x_bar, np.shape(x))


def _noting(primitive: Primitive, kink: Kink, params: dict[str, Any]) -> Primitive:
    """Return a primitive whose backward rule notes that its result is a limit at the kink."""

    def noted(argnum: int) -> Rule:
        rule = primitive.vjp(argnum)

        def vjp(g: Array, out: Array, *xs: Array, **own: Any) -> Array:
            if kink.steep is not None:
                x_bar = _steep_vjp(rule, kink.at(out, *xs), g, out, *xs)
            elif kink.kind == "root":
                x_bar = _root_vjp(g, out, primitive.name != "root")
                x_bar = unbroadcast(x_bar, np.shape(xs[argnum]))
            else:
                x_bar = rule(g, out, *xs, **own)
            return note(record(LIMIT, (x_bar, g, out, *xs), {**params, "place": argnum}))

        return vjp

    bent = 1 if kink.kind == "root" else len(primitive.vjps)
    own = [noted(argnum) for argnum in range(bent)]
    return replace(primitive, vjps=(*own, *primitive.vjps[bent:]))


_turns = count()


@contextmanager
def noting(nodes: Sequence[Tensor]) -> Iterator[bool]:
    """Let the rules of nodes that are at kinks note it, and say whether there are any.

    This is for a pass over nodes whose values are tensors of an outer trace.
    """
    changed: list[tuple[Tensor, Primitive]] = []
    turn = next(_turns)
    try:
        for node in nodes:
            primitive = node.primitive
            kink = None if primitive is None else KINKS.get(primitive)
            if kink is None or outer_tape(node.value) is None or not holds(at_kink(node, kink)):
                continue
            assert primitive is not None
            changed.append((node, primitive))
            if kink.kind == "jump":
                note(node.value)
                continue
            # Of a kink that a limit was taken of, that holds there and not beside it.
            last = any(x is node for x in node.tape.limits)
            node.primitive = _noting(primitive, kink, {"kink": kink, "last": last, "turn": turn})
        yield bool(changed)
    finally:
        for node, primitive in changed:
            node.primitive = primitive
