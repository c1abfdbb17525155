"""Kinks on a tape: which there are, which limits their slopes have, and the rules in the limit.

See `limits`, which the passes belong to.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import groupby
from types import MappingProxyType
from typing import Any

import numpy as np

from autodiff.core.constants import NUMBERS
from autodiff.core.primitive import Primitive
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, compute
from autodiff.errors import Undifferentiable
from autodiff.graph.passes import in_dtype, primal_dtype, push, pushed
from autodiff.rules.elementwise_rules import unbroadcast
from autodiff.rules.kinks import KINKS, LIMIT, Kink, at_kink, holds
from autodiff.rules.linalg.repeated import SPECTRA
from autodiff.rules.magnitude import conjugate
from autodiff.rules.reductions import expanded
from autodiff.rules.ties import unequal, uneven

__all__ = ["FAR", "MARK", "NEAR", "KinkedTape", "computed", "direction", "form", "primitive_of"]

#: In place of a derivative that does not exist: what changes with it is none either.
MARK = 1.2345678e6
#: Share of the inputs by which points nearby are apart. Of what vanishes in high order nothing is
#: left in the nearest, and the other may be beyond an end of the function.
NEAR, FAR = 1e-3, 0.02
#: In place of slopes that are 0 by convention, beside their kinks: marks must pass them.
_SLOPE = 0.61
#: Share of the numbers that a cotangent is the sum of up to which it is rounding: a few digits.
_ROUNDING = 64 * float(np.finfo(float).eps)
#: Relative difference of two rates that are one but for rounding: half of the digits.
_APART = 1e-8
#: Roots within roots whose limits follow from each other.
_DEEPEST = 4
#: Comparisons that programs choose a branch by.
_BRANCHES = ("less", "less_equal", "greater", "greater_equal")
#: How many operations a cotangent is traced back by, to see what it is the sum of.
_BACK = 8


@dataclass(slots=True, eq=False)
class Bend:
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
    #: What cotangent arrives, and at which elements the distance is looked at in first order.
    seen: Any = None
    looked_at: Any = False

    @property
    def share(self) -> float:
        """Share of the distance in the result."""
        return self.kink.share if self.kink.kind == "tie" else 1.0

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
class Limit:
    """A node `LIMIT`, and the rate of its cotangent with the distance from the kink."""

    node: Tensor
    bend: Bend
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
    #: Of an order, its rates for neighbours, and the direction that they are asked for.
    pairs: Any = None
    asked: Any = 0.0


class KinkedTape:
    """A tape and its limits, during a pass."""

    def __init__(self, nodes: Sequence[Tensor], tape: Tape, inputs: Sequence[Tensor]) -> None:
        self.nodes, self.tape, self.inputs = nodes, tape, inputs
        #: Whether the pass is the first, at the kink itself; the others are beside it.
        self.first = True
        self.mark = 0.0
        #: Whether there is anything that has no derivative.
        self.undefined = False
        self.bends: dict[int, Bend] = {}
        self.limits: list[Limit] = []
        #: Decompositions with repeated values.
        self.spectra: list[Tensor] = []
        self._beside: dict[tuple[float, bool], dict[int, Any]] = {}
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
        known: dict[Any, int] = {}
        for key, node in chosen.items():
            primitive = primitive_of(node)
            kink = KINKS[primitive]
            number = known.setdefault(self._distance(node, kink, numbers), len(known))
            at = at_kink(node, kink)
            beside = self.beside()
            if beside is not None:
                there = self.values(node, beside)
                out = beside.get(key, node.value)
                at = np.logical_and(at, np.logical_not(kink.at(out, *there, **(node.params or {}))))
            seeds = [number + 0.5 * k for k in (0, 1)]
            shape = np.shape(node.value)
            distances = [at * (1.5 + 0.5 * direction(shape, seed)) for seed in seeds]
            self.bends[key] = Bend(node, kink, primitive, number, at, distances)
        for node, x in zip(found, bent, strict=True):
            if node.primitive is LIMIT and id(x) in chosen:
                self.limits.append(Limit(node, self.bends[id(x)], **(node.params or {})))

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

    def _distance(self, node: Tensor, kink: Kink, numbers: Mapping[int, int]) -> Any:
        """Return the common part of kinks that bend by the same distance, as |x - y| and max."""
        operands = node.operands
        if kink.kind == "root" and self.own(operands[0]):
            plain = kink.steep is None or not np.any(kink.steep(node.value, *self.values(node)))
            return ("root", numbers[id(operands[0])]) if plain else numbers[id(node)]
        single = kink.kind == "length" and len(operands) == 1 and node.operands[0].dtype.kind != "c"
        if kink.kind != "tie" and not single:
            return numbers[id(node)]
        if single and self._name(operands[0]) == "subtract":
            operands = operands[0].operands
        terms = [x for x in operands if self.own(x) or np.any(x)]
        if len(terms) == 1 and self._name(terms[0]) == "negative":
            terms = list(terms[0].operands)
        shape = np.shape(node.value)
        return shape, frozenset([numbers[id(x)] if self.own(x) else _key(x) for x in terms])

    def _name(self, x: Any) -> str:
        """Return the name of the primitive that a value of this tape is the result of."""
        return x.primitive.name if self.own(x) and x.primitive is not None else ""

    def beside(self, by: float = NEAR, same: bool = False) -> dict[int, Any] | None:
        """Return the values of nodes at inputs nearby, None where there are none.

        They may be those of the same branch.
        """
        if (by, same) not in self._beside:
            self._beside[by, same] = values = {}
            for k, x in enumerate(self.inputs):
                change = by * direction(np.shape(x.value), 5.0 + k) * (1.0 + np.abs(x.value))
                values[id(x)] = x.value + in_dtype(change, x.dtype)
            with np.errstate(all="ignore"):
                for node in self.nodes:
                    if same and self._name(node) in _BRANCHES:
                        continue
                    if any([id(x) in values for x in node.operands]):
                        try:
                            values[id(node)] = computed(node, self.values(node, values))
                        except (ArithmeticError, ValueError):
                            values.clear()
                            break
        return self._beside[by, same] or None

    def probe(self, k: int) -> None:
        """Find the rates of limits."""
        bends = self.bends.values()
        forms = {id(bend.node): (_moving(bend, k), bend.node.operands) for bend in bends}
        for limit in self.limits:
            forms[id(limit.node)] = _moving_limit(limit, k), limit.node.operands
        directions = {
            id(x): in_dtype(direction(np.shape(x.value), 7.0 + i + 0.5 * k), x.dtype)
            for i, x in enumerate(self.inputs)
        }
        try:
            push(self.nodes, self.tape, directions, (), forms)
        except Undifferentiable:
            # A function of the user's that has no forward rule: nothing is known.
            for limit in self.limits:
                limit.rates[k] = np.float64(np.nan)

    def judge(self) -> None:
        """Decide where limits exist. Of equal distances in one pass it is that of their sum."""

        def key(limit: Limit) -> tuple[int, int]:
            return limit.turn, limit.bend.number

        for _, equal in groupby(sorted(self.limits, key=key), key):
            group = sorted(equal, key=lambda x: x.kink.kind != "length")
            limit, at = group[0], group[0].bend.at
            # Each operand of a node has a limit, of the same cotangent.
            once = list({id(x.bend.node): x for x in reversed(group)}.values())
            cotangents = [x.node.operands[1] for x in once]
            g = sum(
                x.bend.share * (y.value if self.own(y) else y)
                for x, y in zip(once, cotangents, strict=True)
            )
            size = sum(self._size(x, _BACK) for x in cotangents)
            first, second = (sum(x.bend.share * x.rates[k] for x in once) for k in (0, 1))
            most = np.abs(first) + np.abs(second)
            alike = np.abs(first - second) <= _APART * (most + size)
            bad = np.logical_or(np.abs(g) > _ROUNDING * size, np.logical_not(alike))
            if limit.kink.kind == "cone" or limit.last:
                bad = np.logical_or(bad, most > _APART * size)
            if limit.kink.steep is not None:
                steep = limit.kink.steep(limit.bend.node.value, *self.values(limit.bend.node))
                bad = np.logical_or(bad, np.logical_and(steep, self._arrives(cotangents)))
            if limit.kink.kind == "order":
                moved = [
                    (r * d, d) for r, d in zip((first, second), limit.bend.distances, strict=True)
                ]
                bad, limit.pairs = uneven(limit.bend.node.value, g, _ROUNDING * size, moved)
            bad = np.logical_and(at, bad)
            for x in group:
                x.bad, x.rate = bad, np.float64(0.0)
                x.bend.least = np.maximum(x.bend.least, _ROUNDING * np.max(size, initial=0.0))
            rate = np.where(np.logical_and(at, np.logical_not(bad)), first / limit.bend.share, 0.0)
            for x in group:
                if x.bend is limit.bend:
                    x.rate = rate
            self.undefined = self.undefined or holds(bad)

    def _arrives(self, cotangents: Sequence[Any]) -> Any:
        """Return where cotangents are not 0 nearby, though they are at the kink."""
        beside = self.beside(same=True)
        if beside is None:
            return True
        plain = [x.value if self.own(x) else x for x in cotangents]
        g = sum(beside.get(id(x), value) for x, value in zip(cotangents, plain, strict=True))
        return np.not_equal(g, 0)

    def _size(self, x: Any, depth: int) -> Any:
        """Return up to what size the numbers are that a value is the sum of."""
        if not self.own(x):
            return np.abs(x)
        name = self._name(x) if depth else ""
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
                value = computed(node, self.values(node))
            else:
                anything = anything or holds(np.not_equal(value, node.value))
            node.value = value
            changed.add(id(node))
        return anything

    def look(self) -> None:
        """Find the elements whose distance is looked at; that of several kinks by their sum."""
        groups: dict[int, list[Bend]] = {}
        for bend in self.bends.values():
            if bend.seen is not None:
                groups.setdefault(bend.number, []).append(bend)
        for group in groups.values():
            least = reduce(np.maximum, [bend.least for bend in group])
            seen = sum(bend.share * bend.seen for bend in group)
            looked_at = np.abs(seen) > least
            if group[0].kink.kind == "order":
                limits = [x for x in self.limits if x.bend in group and x.pairs is not None]
                terms = [(x.pairs, x.asked) for x in limits]
                looked_at = unequal(group[0].node.value, seen, terms, least)
            for bend in group:
                bend.looked_at = np.logical_and(bend.at, bend.kink.kind == "jump" or looked_at)
                self.undefined = self.undefined or holds(bend.looked_at)

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


def primitive_of(node: Tensor) -> Primitive:
    """Return the primitive of a node that is no input."""
    assert node.primitive is not None
    return node.primitive


def computed(node: Tensor, values: Sequence[Any]) -> Any:
    """Return the result of a node at other values of its operands."""
    return compute(primitive_of(node), values, node.params)


def _key(x: Any) -> Any:
    """Return something hashable that equal numbers and parameters have in common."""
    if type(x) is tuple:
        return tuple(map(_key, x))
    if type(x) is slice:
        return slice, x.start, x.stop, x.step
    if type(x) is np.ndarray and not x.ndim:
        x = x[()]
    plain = type(x) in NUMBERS or type(x) in (bool, str, type(None))
    return (type(x), x) if plain else id(x)


def direction(shape: tuple[int, ...], seed: float) -> Any:
    """Return numbers between -1 and 1, the same on every call."""
    numbers = np.arange(math.prod(shape), dtype=float)
    return np.reshape(np.cos(2.4 * numbers + 1.7 * seed + 0.3), shape)[()]


def form(primitive: Primitive, vjp: Any = None, jvp: Any = None) -> Primitive:
    """Return a primitive of the same value with rules of its own for all arguments."""
    return Primitive(primitive.name, primitive.function, "general", joint=(vjp, jvp), complex=True)


def _moving(bend: Bend, k: int) -> Primitive:
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
        if bend.kink.kind in ("length", "order"):
            out_dot = np.where(bend.at, 0.0, out_dot)
        return out_dot + bend.kink.share * bend.distances[k]

    return form(bend.primitive, jvp=jvp)


def _moving_limit(limit: Limit, k: int) -> Primitive:
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

    return form(primitive_of(limit.node), jvp=jvp)


def _sign(limit: Limit, argnum: int) -> float:
    """Return how the cotangent of one operand of a tie changes with another operand."""
    return limit.kink.share * (1.0 if limit.place == argnum else -1.0)


def _strict(bend: Bend, tape: KinkedTape) -> Primitive:
    """Return a node that lets no derivative pass where its distance is looked at in first order."""
    primitive = primitive_of(bend.node)
    jumps = bend.kink.kind == "jump"

    def own(argnum: int) -> Any:
        def vjp(g: Any, out: Any, *xs: Any, **params: Any) -> Any:
            x_bar = primitive.vjp(argnum)(g, out, *xs, **params)
            if tape.first:
                bend.seen = g
                return x_bar
            marks = tape.mark * bend.looked_at * (g if jumps else 1.0) + _SLOPE * bend.at * g
            return x_bar + bend.spread(marks, np.shape(x_bar))

        return vjp

    return replace(primitive, vjps=tuple(map(own, range(len(primitive.vjps)))))


def _settled(limit: Limit, tape: KinkedTape) -> Primitive:
    """Return a node `LIMIT` with the derivative that it has."""
    bend, kink = limit.bend, limit.kink

    def vjp(h: Any, out: Any, x_bar: Any, g: Any, n: Any, *xs: Any, **params: Any) -> list[Any]:
        marks = bend.gathered(h) * (tape.mark * limit.bad)
        if kink.kind == "order":
            # Any of the equal elements may have the place of another.
            marks = np.sum(np.abs(marks), axis=-1, keepdims=True) * limit.bad
        if tape.first:
            limit.asked = h
        else:
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

    return form(primitive_of(limit.node), vjp=vjp)
