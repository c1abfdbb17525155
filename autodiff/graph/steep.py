"""Products of zero and infinity in first derivatives: which of them are 0, and what others are.

The pass of sqrt(x)**2 at 0 hands a cotangent of 0 to an infinite slope. So does that of
where(x > 0, sqrt(x), 0), and only there the product is 0, for the cotangent is 0 beside as well.
Otherwise it is a limit: F'(s) / (du/ds) where s is the result of what is steep, u its operand, and
F' vanishes like du/ds (`rules.steep`). The derivatives of F' along s come from passes over passes,
along two directions of s: where they do not agree the limit depends on the way, and there is none.
What is not known is NaN.

Numbers that are 0 but for rounding count as 0: the cotangent of arcsin in sin(arcsin(x)) at 1 is
cos(pi / 2), which is 6e-17. And an infinite slope that meets one, as that of arcsin(sin(x)) at
pi / 2 does, has no limit: there its operand turns.
"""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autodiff.core.primitive import Primitive
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, leaf, record
from autodiff.graph.bends import NEAR, computed, direction, form, primitive_of
from autodiff.graph.limits import settled
from autodiff.graph.passes import in_dtype, pull, push
from autodiff.rules.elementwise_rules import (
    MULTIPLY_NO_NAN,
    each_element,
    guarded_vjp,
    unbroadcast,
)
from autodiff.rules.kinks import holds
from autodiff.rules.steep import STEEP

__all__ = ["below", "with_limits", "with_values_of_limits"]

#: Up to which power of s a cotangent is differentiated.
_MOST = 5
#: Relative difference of limits that are one but for rounding.
_APART = 1e-8
#: Relative error of what was rounded a few times.
_ROUNDING = 8 * float(np.finfo(float).eps)
#: Share of the inputs by which points are apart that show an operand's turn.
_TURN = 1e-6

#: What starts at zero, and grows from there.
_AT_ZERO = ("sqrt", "power", "float_power", "log", "log2", "log10")
#: What overflows where it has not ended. 1 / (1 + exp(-x)) is flat there, log(1 + exp(x)) is not.
_OVERFLOWING = ("exp", "exp2", "expm1", "sinh", "cosh")


@dataclass(slots=True, eq=False)
class _Lost:
    """A node and the elements whose cotangent of 0 meets an infinite slope, for each operand."""

    node: Tensor
    at: dict[int, Any]
    #: The cotangent, and the elements of it that are 0, or are but for rounding.
    g: Any = 0.0
    flat: Any = np.True_
    #: The larger one of its sizes on both sides: that of a pole is none that vanishes.
    beside: Any = np.inf
    #: What is handed to the first operand there; NaN is to the others.
    limit: Any = np.nan
    #: Up to which power of the result the cotangent must vanish, and what its factor is divided by.
    order: Any = None
    scale: Any = None


def with_limits(
    nodes: Sequence[Tensor], tape: Tape, inputs: Sequence[Tensor], seed: Callable[[], None]
) -> list[Any]:
    """Return the adjoints of inputs that a pass leaves, with limits in the place of 0 · infinity.

    `seed` puts their adjoints on the outputs.
    """
    ours = _Pass(nodes, tape, inputs, seed)
    with np.errstate(all="ignore"):
        adjoints = ours.run()
        found, infinite = ours.lost()
        lost = ours.vanishing(found)
        if lost:
            ours.find_limits(lost)
        lost += ours.mended(infinite)
        if lost:
            forms = {id(x.node): (x.node, primitive_of(x.node)) for x in lost}
            try:
                for x in lost:
                    x.node.primitive = _limited(x)
                adjoints = ours.run(but=set(forms))
            finally:
                for node, primitive in forms.values():
                    node.primitive = primitive
    return adjoints


def with_values_of_limits(
    nodes: Sequence[Tensor], tape: Tape, inputs: Sequence[Tensor], seed: Callable[[], None]
) -> list[Any]:
    """Return adjoints that are tensors of outer traces, of the values that limits have.

    Their derivatives stay those of 0 · infinity, which are not known.
    """
    before = [(node, node.value, node.operands) for node in nodes]
    adjoints = [x.adjoint for x in inputs]
    try:
        for node in nodes:
            node.value = below(node.value)
            node.operands = tuple(
                [x if type(x) is Tensor and x.tape is tape else below(x) for x in node.operands]
            )
        found = with_limits(nodes, tape, inputs, seed)
    finally:
        for node, value, operands in before:
            node.value, node.operands = value, operands
    return [
        x if x is None else _moved_to(x, limit) for x, limit in zip(adjoints, found, strict=True)
    ]


def _moved_to(x: Any, limit: Any) -> Any:
    """Return a tensor of another value; its derivatives are as they were."""
    plain = below(x)
    apart = np.not_equal(plain, 0.0 if limit is None else limit)
    return x + np.where(apart, limit - plain, 0.0) if holds(apart) else x


def below(x: Any) -> Any:
    """Return the value of a tensor of outer traces, which may be one of a batch."""
    while type(x) is Tensor and x.tape.batch is None:
        x = x.value
    return x


class _Pass:
    """A backward pass over a tape that has products of zero and infinity."""

    def __init__(
        self,
        nodes: Sequence[Tensor],
        tape: Tape,
        inputs: Sequence[Tensor],
        seed: Callable[[], None],
    ) -> None:
        self.nodes, self.tape, self.inputs, self.seed = nodes, tape, inputs, seed

    def own(self, x: Any) -> bool:
        """Return whether something is a node of this tape."""
        return type(x) is Tensor and x.tape is self.tape

    def values(self, node: Tensor) -> list[Any]:
        """Return the values of the operands of a node."""
        return [x.value if self.own(x) else x for x in node.operands]

    def run(self, but: set[int] | None = None) -> list[Any]:
        """Return the adjoints of the inputs, and leave those of all nodes."""
        for node in self.nodes:
            node.adjoint = None
        self.seed()
        guard = set(map(id, self.nodes)) - (but or set())
        pull(self.nodes, self.tape, keep=True, guard=guard)
        return [x.adjoint for x in self.inputs]

    def lost(self) -> tuple[list[_Lost], list[_Lost]]:
        """Return the nodes where a cotangent of zero, or another, meets an infinite slope."""
        found: list[_Lost] = []
        infinite: list[_Lost] = []
        for node in self.nodes:
            g, primitive = node.adjoint, node.primitive
            if g is None or primitive is None or primitive.arity < 0:
                continue
            if primitive is MULTIPLY_NO_NAN:
                # A product that a pass within this one has taken for 0.
                direction_, product = self.values(node)
                flat = np.logical_and(np.isnan(product), np.equal(direction_, 0))
                if holds(flat):
                    found.append(_Lost(node, {1: flat}))
                continue
            if not each_element(primitive):
                continue
            xs, masks, others = self.values(node), {}, {}
            flat, steep = np.equal(g, 0), STEEP.get(primitive)
            if steep is not None:
                flat = np.logical_or(flat, steep.rounded(*xs))
            for argnum, x in enumerate(node.operands):
                if self.own(x):
                    wide = [*xs]
                    wide[argnum] = np.broadcast_to(xs[argnum], np.shape(g))
                    rule = primitive.vjp(argnum)
                    slope = rule(np.ones_like(g), node.value, *wide, **(node.params or {}))
                    masks[argnum] = np.logical_and(flat, np.logical_not(np.isfinite(slope)))
                    others[argnum] = np.logical_and(np.isinf(slope), np.not_equal(g, 0))
            for places, nodes in ((masks, found), (others, infinite)):
                places = {i: mask for i, mask in places.items() if holds(mask)}
                if places:
                    nodes.append(_Lost(node, places, g))
        return found, infinite

    def mended(self, infinite: Sequence[_Lost]) -> list[_Lost]:
        """Return the elements whose slope is infinite by the rule alone, with what it is.

        There is none where the function has no value, and where its operand turns back. That at the
        negative zero is the one at zero.
        """
        if not infinite:
            return []
        sides = []
        for by in (_TURN, -_TURN):
            try:
                with self._moved(by):
                    sides.append([self.values(x.node) for x in infinite])
            except Exception:  # as in `_beside`: whether an operand turns is not known then
                sides.append([[np.nan for _ in x.node.operands] for x in infinite])
        found = []
        for x, after, before in zip(infinite, *sides, strict=True):
            xs, out, masks = self.values(x.node), x.node.value, {}
            none = np.isnan(out)
            for i in x.at:
                # An input does not turn.
                if x.node.operands[i].primitive is not None:
                    passes = np.less_equal((after[i] - xs[i]) * (before[i] - xs[i]), 0)
                    none = np.logical_or(none, np.logical_not(passes))
            negative = False
            if primitive_of(x.node).name in _AT_ZERO:
                negative = np.signbit(xs[0]) & np.equal(xs[0], 0) & np.less_equal(out, 0)
            for i, at in x.at.items():
                masks[i] = np.logical_and(at, none if i else np.logical_or(none, negative))
            if any(map(holds, masks.values())):
                limit = np.where(none, np.nan, x.g * np.inf)
                found.append(_Lost(x.node, masks, limit=limit))
        return found

    def vanishing(self, lost: Sequence[_Lost]) -> list[_Lost]:
        """Return those whose cotangents are not 0 beside: those of what is masked are."""
        sides = [self._beside(sign * NEAR, [x.node for x in lost]) for sign in (1.0, -1.0)]
        left = []
        beyond = self._is_beyond()
        for x, *cotangents in zip(lost, *sides, strict=True):
            flat = [np.equal(g, 0) for g in cotangents]
            # Beyond its end a function is NaN.
            flat_or_none = [np.logical_or(np.equal(g, 0), np.isnan(g)) for g in cotangents]
            masked = np.logical_and(np.logical_or(*flat), np.logical_and(*flat_or_none))
            if beyond is not False and primitive_of(x.node).name in _OVERFLOWING:
                masked = np.logical_and(masked, np.logical_not(beyond))
            x.beside = np.fmax(*map(np.abs, cotangents))
            masks = {i: np.logical_and(at, np.logical_not(masked)) for i, at in x.at.items()}
            x.at = {i: at for i, at in masks.items() if holds(at)}
            if x.at:
                left.append(x)
        return left

    def _is_beyond(self) -> Any:
        """Return whether an output that is differentiated is not finite."""
        for node in self.nodes:
            node.adjoint = None
        self.seed()
        seeded = [x for x in self.nodes if x.adjoint is not None]
        lost = [
            np.any(np.logical_and(np.not_equal(x.adjoint, 0), np.logical_not(np.isfinite(x.value))))
            for x in seeded
        ]
        return functools.reduce(np.logical_or, lost, False)

    @contextmanager
    def _moved(self, by: float) -> Iterator[dict[int, tuple[Primitive | None, Any]]]:
        """Let nodes have their values at inputs nearby, by the same choices as here.

        What stands in a block gets their primitives and values of here.
        """
        before = {id(node): (node.primitive, node.value) for node in self.nodes}
        try:
            changed = set(map(id, self.inputs))
            for k, x in enumerate(self.inputs):
                change = by * direction(np.shape(x.value), 5.0 + k) * (1.0 + np.abs(x.value))
                x.value = x.value + in_dtype(change, x.dtype)
            for node in self.nodes:
                primitive = node.primitive
                if primitive is None or not any([id(x) in changed for x in node.operands]):
                    continue
                if primitive.masks or primitive is MULTIPLY_NO_NAN:
                    here = [before[id(x)][1] if self.own(x) else x for x in node.operands]
                    node.primitive = _frozen(primitive, node.value, here)
                if primitive.kind != "discrete":
                    node.value = computed(node, self.values(node))
                    changed.add(id(node))
            yield before
        finally:
            for node in self.nodes:
                node.primitive, node.value = before[id(node)]

    def _beside(self, by: float, wanted: Sequence[Tensor]) -> list[Any]:
        """Return the cotangents of nodes at inputs nearby."""
        try:
            with self._moved(by) as before:
                self.run()
                found = []
                for node in wanted:
                    g = 0.0 if node.adjoint is None else node.adjoint
                    if before[id(node)][0] is MULTIPLY_NO_NAN:
                        g = g * self.values(node)[0]
                    found.append(g)
                return found
        except Exception:  # a solver or a function of the user's may refuse what is nearby
            return [np.nan for _ in wanted]

    def find_limits(self, lost: Sequence[_Lost]) -> None:
        """Find what is handed on by those that are powers near an end."""
        known = [x for x in lost if self._is_power(x) and not self._leads_to(x, lost)]
        if not known:
            return
        most = max([int(np.max(np.where(_plain(x.at[0]), x.order, 0))) for x in known])
        found = []
        for k in (0, 1):
            distances = self._distances(known, k)
            found.append(self._rates(known, distances, most))
        for x, first, second in zip(known, *found, strict=True):
            rate, distance = first[0]
            apart = np.where(x.at[0], rate / np.where(x.at[0], distance, 1.0), 0.0)
            least = np.fmin(_ROUNDING * np.abs(x.node.value * apart), x.beside)
            x.flat = np.abs(x.g) <= least
            x.limit = np.where(x.flat, _limit(x, first, second), 0.0)

    def _is_power(self, x: _Lost) -> bool:
        """Return whether all limits of a node are those of a power, and note which."""
        steep = STEEP.get(primitive_of(x.node))
        xs = self.values(x.node)
        if steep is None or set(x.at) != {0} or x.node.dtype.kind != "f":
            return False
        power = _plain(steep.power(*xs))
        order = np.round(1.0 / power - 1.0, 9)
        x.order = np.ceil(order)
        scale = steep.side(*xs) * power * np.abs(steep.factor(*xs)) ** (1.0 / power)
        x.scale = np.where(order == x.order, scale, 0.0)
        known = np.logical_and(steep.at(*xs), x.order <= _MOST)
        return not holds(np.logical_and(x.at[0], np.logical_not(known)))

    def _leads_to(self, x: _Lost, lost: Sequence[_Lost]) -> bool:
        """Return whether the operand of another limit depends on a node: a root of a root."""
        changed = {id(x.node)}
        for node in self.nodes:
            if any([id(y) in changed for y in node.operands]):
                changed.add(id(node))
        return any([y is not x and id(y.node) in changed for y in lost])

    def _distances(self, known: Sequence[_Lost], k: int) -> list[Any]:
        """Return by how much results change along a direction of the inputs."""
        along = {
            id(x): in_dtype(direction(np.shape(x.value), 7.0 + i + 0.5 * k), x.dtype)
            for i, x in enumerate(self.inputs)
        }
        forms = {id(x.node): (_still(x), x.node.operands) for x in known}
        moved = push(self.nodes, self.tape, along, [x.node.operands[0] for x in known], forms)
        distances = []
        for i, (x, u_dot) in enumerate(zip(known, moved, strict=True)):
            steep, xs = STEEP[primitive_of(x.node)], self.values(x.node)
            u_dot = np.zeros_like(x.node.value) if u_dot is None else u_dot
            odd = np.sign(u_dot) if primitive_of(x.node).name == "cbrt" else 1.0
            s = odd * steep.factor(*xs) * np.abs(u_dot) ** steep.power(*xs)
            # Of a square the root moves by as much as it may.
            own = 1.5 + 0.5 * direction(np.shape(s), i + 0.5 * k)
            s = np.where(np.equal(u_dot, 0), own, s)
            distances.append(np.where(x.at[0], s, 0.0))
        return distances

    def _rates(self, known: Sequence[_Lost], distances: list[Any], most: int) -> list[list[Any]]:
        """Return for each node the derivatives of its cotangent along the distances.

        What follows the nodes is traced again, for passes over a pass over it.
        """
        outers, inner = [Tape() for _ in range(most)], Tape()
        leaves: list[list[Tensor]] = [[] for _ in outers]
        again: dict[int, Any] = {}
        for x in known:
            value = x.node.value
            for outer, own in zip(reversed(outers), reversed(leaves), strict=True):
                value = leaf(outer, value)
                own.append(value)
            again[id(x.node)] = leaf(inner, value)
        starts = list(again.values())
        for node in self.nodes:
            if id(node) not in again and any([id(y) in again for y in node.operands]):
                operands = [again.get(id(y), y.value) if self.own(y) else y for y in node.operands]
                again[id(node)] = record(primitive_of(node), tuple(operands), node.params)
        for node in self.nodes:
            node.adjoint = None
        self.seed()
        seeds = {id(node): node.adjoint for node in self.nodes if node.adjoint is not None}

        def seed() -> None:
            for key, twin in again.items():
                if key in seeds and type(twin) is Tensor and twin.tape is inner:
                    g = seeds[key]
                    twin.adjoint = g if twin.adjoint is None else twin.adjoint + g

        found = settled(inner.nodes, inner, starts, seed)
        rates: list[list[Any]] = [[] for _ in known]
        for outer, own in zip(outers, leaves, strict=True):

            def along(outer: Tape = outer, found: list[Any] = found) -> None:
                for g, distance in zip(found, distances, strict=True):
                    if type(g) is Tensor and g.tape is outer:
                        g.adjoint = distance if g.adjoint is None else g.adjoint + distance

            found = settled(outer.nodes, outer, own, along)
            for rate, g, distance in zip(rates, found, distances, strict=True):
                while type(g) is Tensor and g.tape.batch is None and g.tape in outers:
                    g = g.value
                rate.append((np.zeros_like(distance) if g is None else g, distance))
        return rates


def _limit(x: _Lost, first: list[Any], second: list[Any]) -> Any:
    """Return the limit of the cotangents over the slopes, NaN where there is none."""
    limit: Any = np.nan
    least = 0.0
    for order, pair in enumerate(zip(first, second, strict=True), start=1):
        terms = [
            np.where(x.at[0], g / np.where(x.at[0], d, 1.0) ** order, 0.0) / math.factorial(order)
            for g, d in pair
        ]
        most = np.abs(terms[0]) + np.abs(terms[1])
        alike = np.abs(terms[0] - terms[1]) <= _APART * most
        here = np.where(np.logical_and(alike, least <= 0), terms[0] * x.scale, np.nan)
        limit = np.where(x.order == order, here, limit)
        least = np.maximum(least, most)
    return limit


def _plain(x: Any) -> Any:
    """Return the value that all elements of a batch share."""
    while type(x) is Tensor:
        x = x.value if x.tape.batch is None else x.value.array
    return x


def _frozen(primitive: Primitive, out: Any, xs: Sequence[Any]) -> Primitive:
    """Return a primitive whose rules see other values: those that its choices were made by."""

    def at(rule: Any) -> Any:
        return lambda g, _, *others, **params: rule(g, out, *xs, **params)

    joint = primitive.joint and (at(primitive.joint[0]), primitive.joint[1])
    return replace(primitive, vjps=tuple(map(at, primitive.vjps)), joint=joint)


def _still(x: _Lost) -> Primitive:
    """Return a node that does not move: it would infinitely fast."""
    return form(primitive_of(x.node), jvp=lambda x_dots, out, *xs, **params: np.zeros_like(out))


def _limited(x: _Lost) -> Primitive:
    """Return a node that hands its limits on in the place of 0 times infinity."""
    primitive = primitive_of(x.node)

    def own(argnum: int) -> Any:
        rule = guarded_vjp(primitive, argnum)
        if argnum not in x.at:
            return rule

        def vjp(g: Any, out: Any, *xs: Any, **params: Any) -> Any:
            limits = np.where(x.at[argnum], np.nan if argnum else x.limit, 0.0)
            g = np.where(np.logical_and(x.at[argnum], x.flat), 0.0, g)
            return rule(g, out, *xs, **params) + unbroadcast(limits, np.shape(xs[argnum]))

        return vjp

    return replace(primitive, vjps=tuple(map(own, range(len(primitive.vjps)))))
