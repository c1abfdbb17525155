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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autodiff.core.batched import innermost
from autodiff.core.primitive import Primitive
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, leaf, record
from autodiff.graph.bends import FAR, MARK, NEAR, KinkedTape, computed, primitive_of
from autodiff.graph.passes import in_dtype, masked, primal_dtype, pull, push
from autodiff.rules.kinks import holds, note, noting, outer_tape
from autodiff.rules.linalg.repeated import SPECTRA, Spectrum, note_repeated

__all__ = ["settled"]

#: What a mark leaves where it cancels.
_NOISE = 1e-12


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
        ours = KinkedTape(nodes, tape, inputs)
        for bend in ours.bends.values():
            if outer_tape(bend.node.value) is not None:
                # The rate is right here and nowhere else: its own derivative is one of a limit.
                note(bend.node.value)
        # Numbers in the place of what does not exist are no concern of the user's.
        with noting(nodes), np.errstate(all="ignore"):
            if ours.bends:
                ours.settle()
            for node in nodes:
                node.adjoint = None
            seed()
            seeds = {id(node): node.adjoint for node in nodes if node.adjoint is not None}
            for node in ours.spectra:
                node.primitive = _apart(node, ours, seeds)
            adjoints = backward()
            ours.look()
            if ours.undefined:
                ours.first = False
                found = []
                here = [node.value for node in nodes]
                for values in [ours.beside(by) or {} for by in (FAR, NEAR)]:
                    for node, value in zip(nodes, here, strict=True):
                        node.value = values.get(id(node), value)
                    ours.mark = 0.0
                    plain = backward()
                    ours.mark = MARK
                    found.append([*zip(plain, backward(), strict=True)])
                for node, value in zip(nodes, here, strict=True):
                    node.value = value
                adjoints = list(map(_agreeing, adjoints, *found, inputs))
    finally:
        for node, primitive, value in before:
            node.primitive, node.value = primitive, value
    return adjoints


def _agreeing(x: Any, far: tuple[Any, Any], near: tuple[Any, Any], of: Tensor) -> Any:
    """Return the adjoint of a node where it does not depend on marks, NaN elsewhere."""
    if near[1] is None:
        return x
    changes = []
    for plain, marked in (far, near):
        plain = np.zeros_like(marked) if plain is None else plain
        changes.append(np.abs(marked - plain))
    # Not "up to": what is NaN nearby is not known to agree. It may be where the function ends.
    agree = changes[1] <= _NOISE
    agree = np.logical_and(agree, np.logical_not(changes[0] > _NOISE))
    # An exponential of the value, so that all derivatives of what is NaN are NaN.
    none = np.nan * np.exp(0.0 * of.value)
    return in_dtype((0.0 if x is None else x) + np.where(agree, 0.0, none), of.dtype)


def _apart(node: Tensor, tape: KinkedTape, seeds: Mapping[int, Any]) -> Primitive:
    """Return a decomposition whose rule has the limits where values are repeated."""
    primitive = primitive_of(node)
    spectrum, params = SPECTRA[primitive], node.params or {}
    values = tape.values(node)
    other = spectrum.turned(node.value, *values, **params)
    _, rates = _rates(node, node.value, tape, seeds, spectrum)
    turned = _outcome(node, tape, seeds, other)
    if turned:
        # Another choice of vectors gives another result.
        rates = [rate + np.nan for rate in rates]
    if _depth(node.value) > 1:
        # What stands for the limit can be differentiated once.
        rates = [np.where(np.equal(rate, 0), 0.0, np.nan) for rate in rates]

    def vjp(g: Any, out: Any, a: Any, **params: Any) -> Any:
        a_bar = spectrum.vjp(g, rates, out, a, **params)
        if turned or not spectrum.apart([g, *rates], out, a, **params):
            return a_bar
        # Another choice of vectors may give another derivative.
        g_there, rates_there = _rates(node, other, tape, seeds, spectrum)
        there = spectrum.vjp(g_there, rates_there, other, a, **params)
        least = 1e-6 * np.max(np.abs(a_bar), axis=(-2, -1), keepdims=True)
        return np.where(np.abs(there - a_bar) <= least, a_bar, np.nan)

    return replace(primitive, vjps=(vjp,))


def _outcome(node: Tensor, tape: KinkedTape, seeds: Mapping[int, Any], value: Any) -> bool:
    """Return whether what is differentiated is another if a node has another value."""
    values: dict[int, Any] = {id(node): value}
    change, largest = np.float64(0.0), 0.0
    for x in tape.nodes:
        if id(x) not in values and any([id(y) in values for y in x.operands]):
            values[id(x)] = computed(x, tape.values(x, values))
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
    node: Tensor, value: Any, tape: KinkedTape, seeds: Mapping[int, Any], spectrum: Spectrum
) -> tuple[Any, list[Any]]:
    """Return the cotangent of a node at a value, and its derivatives along the directions.

    What follows it is traced again, for forward passes over a backward one.
    """
    directions = spectrum.directions(value, *tape.values(node), **(node.params or {}))
    outer, inner = Tape(), Tape()
    moving = leaf(outer, value)
    start = leaf(inner, moving)
    again: dict[int, Any] = {id(node): start}
    for x in tape.nodes:
        if any([id(y) in again for y in x.operands]) and id(x) not in again:
            operands = [again.get(id(y), y.value) if tape.own(y) else y for y in x.operands]
            twin = record(primitive_of(x), tuple(operands), x.params)
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
        found.append(np.zeros_like(value) if rate is None else rate)
    return (g.value if type(g) is Tensor and g.tape is outer else g), found
