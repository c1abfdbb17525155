"""Passes over tapes on which the chain rule alone gives no derivative, though there may be one.

At a kink the rules take a slope by convention, 0 for a length. Where that slope is differentiated
again a node `LIMIT` stands: the slope of f(n(x)), n = |x|, is P = g x / n with g = f'(n). If g
vanishes with n its derivative at x = 0 is the rate R = dg/dn times that of x. R is found by pushing
a tangent from n to g along the tape, twice, by different amounts and along different directions of
the inputs: the two agree where g depends on n alone. Otherwise, and where g is not 0, P has no
derivative. What depends on one that does not exist is NaN: beside the kink other numbers are put
in its place, and what differs is not a number.

Kinks that do not move with the inputs, as those of rows of zeros, keep their convention.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from types import MappingProxyType
from typing import Any

import numpy as np

from autodiff.core.batched import innermost
from autodiff.core.constants import NUMBERS
from autodiff.core.primitive import Primitive
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, compute, leaf, record
from autodiff.errors import Undifferentiable
from autodiff.graph.passes import in_dtype, masked, primal_dtype, pull, push, pushed
from autodiff.rules.elementwise_rules import unbroadcast
from autodiff.rules.kinks import KINKS, LIMIT, Kink, at_kink, holds, note, noting, outer_tape
from autodiff.rules.linalg.repeated import SPECTRA, note_repeated
from autodiff.rules.magnitude import conjugate
from autodiff.rules.reductions import expanded

__all__ = ["settled"]

#: In place of a derivative that does not exist: what changes with it is none either.
_MARK = 1.2345678e6
#: What a mark leaves where it cancels.
_NOISE = 1e-12
#: In place of slopes that are 0 by convention, beside their kinks: marks must pass them.
_SLOPE = 0.61
#: Share of the numbers that a cotangent is the sum of up to which it is rounding: a few digits.
_ROUNDING = 64 * float(np.finfo(float).eps)
#: Relative difference of two rates that are one but for rounding: half of the digits.
_APART = 1e-8
#: Roots within roots whose limits follow from each other.
_DEEPEST = 4
#: How many operations a cotangent is traced back by, to see what it is the sum of.
_BACK = 8


@dataclass(slots=True, eq=False)
class _Bend:
    """A node at a kink, and which of its elements are."""

    node: Tensor
    kink: Kink
    primitive: Primitive
    #: The same for nodes that compute the same.
    number: int
    #: Elements at the kink that leave it when the inputs change.
    at: Any
    #: The distances in the two probes, or 0 where there is no kink.
    distances: list[Any]
    #: Cotangents up to which it is looked at by rounding only.
    least: Any = 0.0
    #: Elements whose distance is looked at in first order.
    looked_at: Any = False

    def gathered(self, h: Any) -> Any:
        """Return an array of the operand's shape as one of the result's."""
        if self.kink.reduces:
            params = self.node.params or {}
            return np.sum(h, axis=params["axis"], keepdims=params["keepdims"])
        return np.broadcast_to(h, np.shape(self.node.value))

    def spread(self, x: Any, shape: tuple[int, ...]) -> Any:
        """Return an array of the result's shape as one of an operand's."""
        if self.kink.reduces:
            params = self.node.params or {}
            return np.broadcast_to(expanded(x, shape, params["axis"], params["keepdims"]), shape)
        return unbroadcast(x, shape)


@dataclass(slots=True, eq=False)
class _Limit:
    """A node `LIMIT`, and the rate of its cotangent with the distance from the kink."""

    node: Tensor
    bend: _Bend
    kink: Kink
    place: int
    #: The backward pass that made it.
    turn: int
    #: Whether further derivatives are none.
    last: bool
    #: Of the two probes.
    rates: list[Any] = field(default_factory=lambda: [0.0, 0.0])
    #: Elements where there is no derivative.
    bad: Any = False
    rate: Any = field(default_factory=lambda: np.float64(0.0))


class _Tape:
    """A tape and its limits, during a pass."""

    def __init__(self, nodes: Sequence[Tensor], tape: Tape, inputs: Sequence[Tensor]) -> None:
        self.nodes, self.tape, self.inputs = nodes, tape, inputs
        #: Whether the pass is the first, at the kink itself; the others are beside it.
        self.first = True
        self.mark = 0.0
        #: Whether there is anything that has no derivative.
        self.undefined = False
        self.bends: dict[int, _Bend] = {}
        self.limits: list[_Limit] = []
        #: Decompositions with repeated values.
        self.spectra: list[Tensor] = []
        self._beside: dict[int, Any] | None = None
        self._find()

    def own(self, x: Any) -> bool:
        """Return whether something is a node of this tape."""
        return type(x) is Tensor and x.tape is self.tape

    def values(self, node: Tensor, others: Mapping[int, Any] = MappingProxyType({})) -> list[Any]:
        """Return the values of the operands of a node, some of which have others."""
        return [others.get(id(x), x.value) if self.own(x) else x for x in node.operands]

    def _find(self) -> None:
        """Find the kinks that the limits on the tape are of."""
        present = set(map(id, self.nodes))
        found = [node for node in self.tape.limits if id(node) in present]
        self.spectra = [node for node in found if node.primitive in SPECTRA]
        bent = [node.operands[2] if node.primitive is LIMIT else node for node in found]
        chosen = {id(x): x for x in bent if self.own(x) and x.primitive in KINKS}
        if not chosen:
            return
        numbers = self._numbered()
        for key, node in chosen.items():
            primitive = _primitive(node)
            kink = KINKS[primitive]
            at = at_kink(node, kink)
            beside = self.beside()
            if beside is not None:
                there = self.values(node, beside)
                out = beside.get(key, node.value)
                at = np.logical_and(at, np.logical_not(kink.at(out, *there, **(node.params or {}))))
            seeds = [numbers[key] + 0.5 * k for k in (0, 1)]
            shape = np.shape(node.value)
            distances = [at * (1.5 + 0.5 * _direction(shape, seed)) for seed in seeds]
            self.bends[key] = _Bend(node, kink, primitive, numbers[key], at, distances)
        for node, x in zip(found, bent, strict=True):
            if node.primitive is LIMIT and id(x) in chosen:
                self.limits.append(_Limit(node, self.bends[id(x)], **(node.params or {})))

    def _numbered(self) -> dict[int, int]:
        """Return a number for each node; nodes that compute the same have the same one."""
        numbers: dict[int, int] = {}
        known: dict[Any, int] = {}
        for node in self.nodes:
            key: Any = id(node)
            if node.primitive is not None:
                operands = [numbers[id(x)] if self.own(x) else _key(x) for x in node.operands]
                params = [(name, _key(x)) for name, x in (node.params or {}).items()]
                key = (node.primitive.function, *operands, *params)
            numbers[id(node)] = known.setdefault(key, len(known))
        return numbers

    def beside(self) -> dict[int, Any] | None:
        """Return the values of nodes at inputs nearby, None where there are none."""
        if self._beside is None:
            self._beside = values = {}
            for k, x in enumerate(self.inputs):
                by = 1e-3 * _direction(np.shape(x.value), 5.0 + k)
                values[id(x)] = x.value + in_dtype(by * (1.0 + np.abs(x.value)), x.dtype)
            with np.errstate(all="ignore"):
                for node in self.nodes:
                    if any([id(x) in values for x in node.operands]):
                        try:
                            values[id(node)] = _computed(node, self.values(node, values))
                        except (ArithmeticError, ValueError):
                            values.clear()
                            break
        return self._beside or None

    def probe(self, k: int) -> None:
        """Find the rates of limits."""
        bends = self.bends.values()
        forms = {id(bend.node): (_moving(bend, k), bend.node.operands) for bend in bends}
        for limit in self.limits:
            forms[id(limit.node)] = _moving_limit(limit, k), limit.node.operands
        directions = {
            id(x): in_dtype(_direction(np.shape(x.value), 7.0 + i + 0.5 * k), x.dtype)
            for i, x in enumerate(self.inputs)
        }
        try:
            push(self.nodes, self.tape, directions, (), forms)
        except Undifferentiable:
            # A function of the user's that has no forward rule: nothing is known.
            for limit in self.limits:
                limit.rates[k] = np.float64(np.nan)

    def judge(self) -> None:
        """Decide where limits exist. Of equal kinks in one pass it is that of their sum."""

        def key(limit: _Limit) -> tuple[int, int, int]:
            return limit.turn, limit.bend.number, limit.place

        for _, equal in groupby(sorted(self.limits, key=key), key):
            group = list(equal)
            limit, at = group[0], group[0].bend.at
            cotangents = [x.node.operands[1] for x in group]
            g = sum(x.value if self.own(x) else x for x in cotangents)
            size = sum(self._size(x, _BACK) for x in cotangents)
            first, second = (sum(x.rates[k] for x in group) for k in (0, 1))
            most = np.abs(first) + np.abs(second)
            alike = np.abs(first - second) <= _APART * (most + size)
            bad = np.logical_or(np.abs(g) > _ROUNDING * size, np.logical_not(alike))
            if limit.kink.kind == "cone" or limit.last:
                bad = np.logical_or(bad, most > _APART * size)
            bad = np.logical_and(at, bad)
            for x in group:
                x.bad, x.rate = bad, np.float64(0.0)
                x.bend.least = np.maximum(x.bend.least, _ROUNDING * np.max(size, initial=0.0))
            limit.rate = np.where(np.logical_and(at, np.logical_not(bad)), first, 0.0)
            self.undefined = self.undefined or holds(bad)

    def _size(self, x: Any, depth: int) -> Any:
        """Return up to what size the numbers are that a value is the sum of."""
        if not self.own(x):
            return np.abs(x)
        name = x.primitive.name if x.primitive is not None and depth else ""
        if name in ("add", "subtract"):
            return sum(self._size(y, depth - 1) for y in x.operands)
        if name == "multiply":
            left, right = (self._size(y, depth - 1) for y in x.operands)
            return left * right
        if name in ("sum", "reshape", "broadcast_to", "swapaxes", "positive", "limit"):
            size = self._size(x.operands[0], depth - 1)
            return x.primitive.function(size, **(x.params or {}))
        return self._size(x.operands[0], depth - 1) if name == "negative" else np.abs(x.value)

    def revalue(self) -> bool:
        """Give limits of roots their value, and what comes of them; return whether that is new."""
        roots = [limit for limit in self.limits if limit.kink.kind == "root"]
        new: dict[int, Any] = {}
        for limit in roots:
            x_bar = limit.node.operands[0]
            value = x_bar.value if self.own(x_bar) else x_bar
            half = unbroadcast(0.5 * limit.rate, np.shape(value))
            new[id(limit.node)] = in_dtype(value + half, primal_dtype(value))
        changed: set[int] = set()
        anything = False
        for node in self.nodes if roots else ():
            value = new.get(id(node))
            if value is None:
                if not any([id(x) in changed for x in node.operands]):
                    continue
                value = _computed(node, self.values(node))
            else:
                anything = anything or holds(np.not_equal(value, node.value))
            node.value = value
            changed.add(id(node))
        return anything

    def settle(self) -> None:
        """Give the nodes the rules that they have in the limit."""
        for _ in range(_DEEPEST):
            for k in (0, 1):
                self.probe(k)
            self.judge()
            if not self.revalue():
                break
        for bend in self.bends.values():
            bend.node.primitive = _strict(bend, self)
        for limit in self.limits:
            limit.node.primitive = _settled(limit, self)


def settled(
    nodes: Sequence[Tensor],
    tape: Tape,
    inputs: Sequence[Tensor],
    seed: Callable[[], None],
    keep: bool = False,
) -> list[Any]:
    """Return the adjoints of inputs that a pass leaves, with limits in the place of conventions.

    `seed` puts their adjoints on the outputs; those of other nodes are kept if told so.
    """

    def backward() -> list[Any]:
        for node in nodes:
            node.adjoint = None
        seed()
        pull(nodes, tape, keep=keep, guard=masked(nodes))
        return [x.adjoint for x in inputs]

    before = [(node, node.primitive, node.value) for node in nodes]
    try:
        ours = _Tape(nodes, tape, inputs)
        for bend in ours.bends.values():
            if outer_tape(bend.node.value) is not None:
                # The rate is right here and nowhere else: its own derivative is one of a limit.
                note(bend.node.value)
        with noting(nodes):
            if ours.bends:
                ours.settle()
            for node in nodes:
                node.adjoint = None
            seed()
            seeds = {id(node): node.adjoint for node in nodes if node.adjoint is not None}
            for node in ours.spectra:
                node.primitive = _apart(node, ours, seeds)
            adjoints = backward()
            if ours.undefined:
                ours.first = False
                beside = ours.beside() or {}
                for node in nodes:
                    node.value = beside.get(id(node), node.value)
                plain = backward()
                ours.mark = _MARK
                marked = backward()
                adjoints = list(map(_agreeing, adjoints, plain, marked, inputs))
    finally:
        for node, primitive, value in before:
            node.primitive, node.value = primitive, value
    return adjoints


def _agreeing(x: Any, plain: Any, marked: Any, of: Tensor) -> Any:
    """Return the adjoint of a node where it does not depend on marks, NaN elsewhere."""
    if marked is None:
        return x
    plain = np.zeros_like(marked) if plain is None else plain
    # Not "up to": what is NaN in one of them is not known to agree.
    agree = np.abs(marked - plain) <= _NOISE
    # A factor, and of the value too, so that the derivatives of what is NaN are NaN.
    x = (0.0 if x is None else x) + 0.0 * of.value
    return in_dtype(x * np.where(agree, 1.0, np.nan), of.dtype)


def _primitive(node: Tensor) -> Primitive:
    assert node.primitive is not None
    return node.primitive


def _computed(node: Tensor, values: Sequence[Any]) -> Any:
    return compute(_primitive(node), values, node.params)


def _key(x: Any) -> Any:
    """Return something hashable that equal numbers and parameters have in common."""
    if type(x) is tuple:
        return tuple(map(_key, x))
    if type(x) is slice:
        return slice, x.start, x.stop, x.step
    plain = type(x) in NUMBERS or type(x) in (bool, str, type(None))
    return (type(x), x) if plain else id(x)


def _direction(shape: tuple[int, ...], seed: float) -> Any:
    """Return numbers between -1 and 1, the same on every call."""
    numbers = np.arange(math.prod(shape), dtype=float)
    return np.reshape(np.cos(2.4 * numbers + 1.7 * seed + 0.3), shape)[()]


def _form(primitive: Primitive, vjp: Any = None, jvp: Any = None) -> Primitive:
    """Return a primitive of the same value with rules of its own for all arguments."""
    return Primitive(primitive.name, primitive.function, "general", joint=(vjp, jvp), complex=True)


def _moving(bend: _Bend, k: int) -> Primitive:
    """Return the form of a bend that a probe moves off its kink."""

    def jvp(x_dots: list[Any], out: Any, *xs: Any, **params: Any) -> Any:
        if bend.kink.kind == "root":
            flat = np.equal(out, 0)
            slope = np.where(flat, 0.0, 0.5 / np.where(flat, 1.0, out))
            # Of a radicand that is no square near 0 the root has no such kink.
            steep = np.logical_and(flat, np.not_equal(x_dots[0], 0))
            out_dot = np.where(steep, np.inf, x_dots[0] * slope)
        else:
            out_dot = pushed(bend.primitive, out, list(xs), params, x_dots)
        if bend.kink.kind == "length":
            out_dot = np.where(bend.at, 0.0, out_dot)
        return out_dot + bend.kink.share * bend.distances[k]

    return _form(bend.primitive, jvp=jvp)


def _moving_limit(limit: _Limit, k: int) -> Primitive:
    """Return the form of a limit in a probe, which finds its rate."""
    bend = limit.bend

    def jvp(x_dots: list[Any], out: Any, *operands: Any, **params: Any) -> Any:
        x_bar_dot, g_dot, _, *rest = x_dots
        distance = np.where(bend.at, bend.distances[k], 1.0)
        limit.rates[k] = np.where(bend.at, 0.0 if g_dot is None else g_dot / distance, 0.0)
        out_dot = np.zeros_like(out) if x_bar_dot is None else x_bar_dot
        zeros = map(np.zeros_like, operands[3:])
        turned = [zero if d is None else d for zero, d in zip(zeros, rest, strict=True)]
        if limit.kink.kind == "length":
            turn = conjugate(np.broadcast_to(turned[limit.place], np.shape(operands[2])))
        elif limit.kink.kind == "tie":
            turn = _sign(limit, 0) * (turned[0] - turned[1])
        else:
            return out_dot
        return out_dot + unbroadcast(limit.rates[k] * turn, np.shape(out))

    return _form(_primitive(limit.node), jvp=jvp)


def _sign(limit: _Limit, argnum: int) -> float:
    """Return how the cotangent of one operand of a tie changes with another operand."""
    return limit.kink.share * (1.0 if limit.place == argnum else -1.0)


def _strict(bend: _Bend, tape: _Tape) -> Primitive:
    """Return a node that lets no derivative pass where its distance is looked at in first order."""
    primitive = _primitive(bend.node)
    jumps = bend.kink.kind == "jump"

    def own(argnum: int) -> Any:
        def vjp(g: Any, out: Any, *xs: Any, **params: Any) -> Any:
            x_bar = primitive.vjp(argnum)(g, out, *xs, **params)
            if tape.first:
                seen = jumps or np.abs(g) > bend.least
                bend.looked_at = np.logical_and(bend.at, seen)
                tape.undefined = tape.undefined or holds(bend.looked_at)
                return x_bar
            marks = tape.mark * bend.looked_at * (g if jumps else 1.0) + _SLOPE * bend.at * g
            return x_bar + bend.spread(marks, np.shape(x_bar))

        return vjp

    return replace(primitive, vjps=tuple(map(own, range(len(primitive.vjps)))))


def _settled(limit: _Limit, tape: _Tape) -> Primitive:
    """Return a node `LIMIT` with the derivative that it has."""
    bend, kink = limit.bend, limit.kink

    def vjp(h: Any, out: Any, x_bar: Any, g: Any, n: Any, *xs: Any, **params: Any) -> list[Any]:
        marks = bend.gathered(h) * (tape.mark * limit.bad)
        if not tape.first:
            marks = marks + _SLOPE * bend.at * bend.gathered(h)
        results = [h, np.zeros_like(n) + np.real(marks), np.zeros_like(n)]
        for i, x in enumerate(xs):
            if kink.kind == "tie":
                turn = limit.rate * _sign(limit, i) * bend.gathered(h)
            elif kink.kind == "length" and i == limit.place:
                turn = limit.rate * conjugate(bend.gathered(h))
            else:
                turn = np.zeros_like(marks)
            results.append(bend.spread(marks + turn, np.shape(x)))
        return results

    return _form(_primitive(limit.node), vjp=vjp)


def _apart(node: Tensor, tape: _Tape, seeds: Mapping[int, Any]) -> Primitive:
    """Return a decomposition whose rule has the limits where values are repeated."""
    primitive = _primitive(node)
    spectrum, params = SPECTRA[primitive], node.params or {}
    values = tape.values(node)
    directions = spectrum.directions(node.value, *values, **params)
    rates = _rates(node, tape, seeds, directions)
    turned = _outcome(node, tape, seeds, spectrum.turned(node.value, *values, **params))
    if turned:
        # Another choice of vectors gives another result.
        rates = [rate + np.nan for rate in rates]
    if _depth(node.value) > 1:
        # What stands for the limit can be differentiated once.
        rates = [np.where(np.equal(rate, 0), 0.0, np.nan) for rate in rates]

    def vjp(g: Any, out: Any, a: Any, **params: Any) -> Any:
        return spectrum.vjp(g, rates, out, a, **params)

    return replace(primitive, vjps=(vjp,))


def _outcome(node: Tensor, tape: _Tape, seeds: Mapping[int, Any], value: Any) -> bool:
    """Return whether what is differentiated is another if a node has another value."""
    values: dict[int, Any] = {id(node): value}
    change, largest = np.float64(0.0), 0.0
    for x in tape.nodes:
        if id(x) not in values and any([id(y) in values for y in x.operands]):
            values[id(x)] = _computed(x, tape.values(x, values))
            plain = np.abs(innermost(x.value))
            largest = max(largest, float(np.max(plain, initial=0.0, where=np.isfinite(plain))))
        if id(x) in values and id(x) in seeds:
            change = change + np.sum(seeds[id(x)] * (values[id(x)] - x.value))
            largest = largest * float(np.max(np.abs(innermost(seeds[id(x)])), initial=1.0))
    # Half of the digits: the difference is either rounding or of the size of the numbers.
    eps = np.finfo(primal_dtype(node.value)).eps
    return holds(np.logical_not(np.abs(change) <= np.sqrt(eps) * largest))


def _depth(x: Any) -> int:
    """Return how many derivatives may still be taken of a value: not those of plans."""
    depth = 0
    while type(x) is Tensor:
        depth += x.tape.batch is None and not x.tape.known
        x = x.value if x.tape.batch is None else x.value.array
    return depth


def _rates(
    node: Tensor, tape: _Tape, seeds: Mapping[int, Any], directions: Sequence[Any]
) -> list[Any]:
    """Return the derivatives of the cotangent of a node along directions of its value.

    What follows it is traced again, for forward passes over a backward one.
    """
    outer, inner = Tape(), Tape()
    moving = leaf(outer, node.value)
    start = leaf(inner, moving)
    again: dict[int, Any] = {id(node): start}
    for x in tape.nodes:
        if any([id(y) in again for y in x.operands]) and id(x) not in again:
            operands = [again.get(id(y), y.value) if tape.own(y) else y for y in x.operands]
            twin = record(_primitive(x), tuple(operands), x.params)
            again[id(x)] = twin
            if type(twin) is Tensor and twin.primitive in SPECTRA:
                values = SPECTRA[twin.primitive].values
                note_repeated(twin, values(twin, *twin.operands, **(twin.params or {})))

    def seed() -> None:
        for x in tape.nodes:
            if id(x) in seeds and type(again.get(id(x))) is Tensor:
                again[id(x)].adjoint = seeds[id(x)]

    g = settled(inner.nodes, inner, [start], seed)[0]
    found = []
    for direction in directions:
        rate = None
        if type(g) is Tensor and g.tape is outer:
            rate = push(outer.nodes, outer, {id(moving): direction}, [g])[0]
        found.append(np.zeros_like(node.value) if rate is None else rate)
    return found
