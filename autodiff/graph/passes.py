"""The two passes over a tape: cotangents pulled backward, tangents pushed forward.

Reverse mode applies the chain rule from the output to the inputs (Linnainmaa 1970; Speelpenning
1980; Griewank and Walther, Evaluating Derivatives, 2nd edition, 2008, section 3.2): every node
hands to each of its operands its own adjoint times the local derivative, and where a value is used
several times the contributions are added. Forward mode (Wengert 1964) applies it from the inputs
on: the tangent of a node is the sum of what its operands' tangents contribute.
"""

import cmath
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from autodiff.core.batched import innermost
from autodiff.core.libraries import beside, elsewhere, own_copy
from autodiff.core.primitive import Primitive
from autodiff.core.tape import Form, Tape
from autodiff.core.tensor import Tensor, primal
from autodiff.graph.reads import Reads
from autodiff.rules.elementwise import EXP
from autodiff.rules.elementwise_rules import LOST, any_nan, guarded_jvp, guarded_vjp
from autodiff.rules.indexing import GETITEM, accumulate_at

__all__ = [
    *("Forms", "Repeated", "has_nan", "in_dtype", "masked", "own_gradients", "primal_dtype"),
    *("are_elsewhere", "pull", "pull_recorded", "push", "pushed", "seed_beside", "zeros_beside"),
]

#: By identity of the node.
Forms = Mapping[int, Form]
_HOST = (np.ndarray, np.generic, float, complex)
_QUICK = frozenset({np.ndarray, np.float64})
_HOST_OR_NONE = (*_HOST, type(None))


def pull(
    nodes: Sequence[Tensor],
    tape: Tape,
    wanted: frozenset[int] | None = None,
    *,
    keep: bool = False,
    consume: bool = False,
    guard: Container[int] = (),
) -> None:
    """Run the backward pass: adjoints of outputs are there, those of inputs are left.

    `guard` has the identities of nodes whose rules give zero for a cotangent of zero. With
    `consume` the values are given up as the pass goes.
    """
    # Adjoints that are arrays of this pass alone, which elements can be added into.
    owned: set[int] = set()
    reads = Reads()
    pending = reads.pending
    # A partial derivative may be infinite; what comes of it is infinite or NaN without a warning.
    with np.errstate(divide="ignore", invalid="ignore"):
        for node in _emptied(nodes) if consume else reversed(nodes):
            if pending and id(node) in pending:
                node.adjoint = reads.added(node, node.adjoint)
            g = node.adjoint
            if g is None:
                continue
            primitive, operands, params = node.primitive, node.operands, node.params
            if primitive is None:
                continue
            arity = primitive.arity
            if guard and id(node) in guard and primitive is not GETITEM:
                arity = min(arity, 0)
            # The first two cases are `_pull_general` for the nodes met most often, and nothing but
            # speed. They halve the time of the chain of ``python -m benchmarks eager``.
            if arity == 2 and params is None:
                x, y = operands
                rules = primitive.vjps
                if type(x) is Tensor and x.tape is tape:
                    left = x.value
                    if type(y) is Tensor and y.tape is tape:
                        right = y.value
                        if wanted is None or id(y) in wanted:
                            x_bar = rules[1](g, node.value, left, right)
                            if x_bar.dtype is not right.dtype:
                                x_bar = in_dtype(x_bar, right.dtype)
                            y.adjoint = x_bar if y.adjoint is None else y.adjoint + x_bar
                    else:
                        right = y
                    if wanted is None or id(x) in wanted:
                        x_bar = rules[0](g, node.value, left, right)
                        if x_bar.dtype is not left.dtype:
                            x_bar = in_dtype(x_bar, left.dtype)
                        x.adjoint = x_bar if x.adjoint is None else x.adjoint + x_bar
                elif wanted is None or id(y) in wanted:
                    right = y.value
                    x_bar = rules[1](g, node.value, x, right)
                    if x_bar.dtype is not right.dtype:
                        x_bar = in_dtype(x_bar, right.dtype)
                    y.adjoint = x_bar if y.adjoint is None else y.adjoint + x_bar
            elif arity == 1 and len(operands) == 1 and primitive is not GETITEM:
                x = operands[0]
                if wanted is None or id(x) in wanted:
                    value, rule = x.value, primitive.vjps[0]
                    if params is None:
                        x_bar = rule(g, node.value, value)
                    else:
                        x_bar = rule(g, node.value, value, **params)
                    if x_bar.dtype is not value.dtype:
                        x_bar = in_dtype(x_bar, value.dtype)
                    x.adjoint = x_bar if x.adjoint is None else x.adjoint + x_bar
            elif primitive is GETITEM and len(operands) == 1:
                x = operands[0]
                if wanted is None or id(x) in wanted:
                    here = isinstance(g, _HOST) and isinstance(x.adjoint, _HOST_OR_NONE)
                    if here and elsewhere(x.value) is None:
                        _put_back(x, g, params or {}, owned)
                    else:
                        reads.add(x, params["index"], g)  # type: ignore[index]
            elif arity >= 0:
                _pull_general(node, tape, wanted, id(node) in guard)
            if not keep:
                node.adjoint = None
            if consume:
                # The output, which others hold, would hold all that it was computed from.
                node.operands = ()
        for x in reads.sources():
            x.adjoint = reads.added(x, x.adjoint, last=True)


def _emptied(nodes: Any) -> Iterator[Tensor]:
    """Take away the nodes of a list, the latest first."""
    while nodes:
        yield nodes.pop()


def _pull_general(node: Tensor, tape: Tape, wanted: frozenset[int] | None, guarded: bool) -> None:
    """Hand the adjoint of a node to each of its operands."""
    g, out, primitive, operands = node.adjoint, node.value, node.primitive, node.operands
    assert primitive is not None
    params = node.params or {}
    values = [x.value if type(x) is Tensor and x.tape is tape else x for x in operands]
    rules = primitive.vjps
    every = primitive.joint[0](g, out, *values, **params) if primitive.joint else None
    for argnum, x in enumerate(operands):
        if type(x) is Tensor and x.tape is tape and (wanted is None or id(x) in wanted):
            if every is not None:
                x_bar = every[argnum]
            elif primitive.variadic:
                x_bar = rules[0](g, out, *values, argnum=argnum, **params)
            elif guarded:
                x_bar = guarded_vjp(primitive, argnum)(g, out, *values, **params)
            else:
                x_bar = rules[argnum](g, out, *values, **params)
            if x_bar.dtype is not x.value.dtype:
                x_bar = in_dtype(x_bar, x.value.dtype)
            known = x.adjoint
            x.adjoint = x_bar if known is None else known + x_bar


class Repeated(Protocol):
    """Many steps of a trace as one, which knows its own backward pass."""

    def activate(self, active: set[int]) -> None:
        """Add the identities of the results that depend on active nodes."""

    def mask(self, found: set[int]) -> None:
        """Add the identities of what reaches a mask, of which some of the results may be."""

    def pull(self, adjoints: dict[int, Any], active: set[int], guard: Container[int]) -> None:
        """Hand the adjoints of the results to the active nodes that it uses."""


def pull_recorded(
    nodes: "Sequence[Tensor | Repeated]",
    inputs: Sequence[Tensor],
    seeds: dict[int, Any],
    forms: Forms,
    observe: Callable[[Tensor, Primitive, Any], None],
    guard: Container[int] | None = None,
) -> None:
    """Run the backward pass on the tape of the nodes, which goes on: its steps are nodes too.

    Rules are guarded as in `pull`: by default where a mask may make cotangents zero, as the steps
    will run on other values.
    """
    active = set(map(id, inputs))
    for node in nodes:
        if type(node) is not Tensor:
            node.activate(active)
        elif node.primitive.arity >= 0:  # type: ignore[union-attr]
            for x in node.operands:
                if id(x) in active:
                    active.add(id(node))
                    break
    guard = masked(nodes) if guard is None else guard
    adjoints, latest = seeds, seeds.pop
    reads = Reads()
    pending = reads.pending

    def add_reads(x: Tensor, last: bool = True) -> None:
        observe(reads.latest(x), GETITEM, None)
        adjoints[id(x)] = reads.added(x, adjoints.get(id(x)), last=last)

    with np.errstate(divide="ignore", invalid="ignore"):
        for node in reversed(nodes):
            if type(node) is not Tensor:
                for x in reads.sources():
                    add_reads(x)
                node.pull(adjoints, active, guard)
                continue
            if pending and id(node) in pending:
                add_reads(node, last=False)
            g = latest(id(node), None)
            if g is None or id(node) not in active:
                continue
            form = forms.get(id(node))
            primitive, operands = form or (node.primitive, node.operands)
            assert primitive is not None
            observe(node, primitive, g)
            params = node.params or {}
            if primitive is GETITEM and len(operands) == 1:
                reads.add(operands[0], params["index"], g, node)
                continue
            rules = primitive.vjps
            every = primitive.joint[0](g, node, *operands, **params) if primitive.joint else None
            for argnum, x in enumerate(operands):
                if id(x) not in active:
                    continue
                if every is not None:
                    x_bar = every[argnum]
                elif primitive.variadic:
                    x_bar = rules[0](g, node, *operands, argnum=argnum, **params)
                elif id(node) in guard:
                    x_bar = guarded_vjp(primitive, argnum)(g, node, *operands, **params)
                else:
                    x_bar = rules[argnum](g, node, *operands, **params)
                value = x_bar.value if type(x_bar) is Tensor else x_bar
                if value.dtype is not x.value.dtype:
                    x_bar = in_dtype(x_bar, x.value.dtype)
                known = adjoints.get(id(x))
                adjoints[id(x)] = x_bar if known is None else known + x_bar
        for x in reads.sources():
            add_reads(x)
    for node in inputs:
        node.adjoint = adjoints.get(id(node))


def masked(nodes: "Sequence[Tensor | Repeated]") -> set[int]:
    """Return the identities of the nodes whose cotangents may be zero where slopes are infinite.

    They reach a mask. And an exponential overflows where what follows is flat: 1 / (1 + exp(-x)).
    """
    found: set[int] = set()
    for node in reversed(nodes):
        if type(node) is not Tensor:
            node.mask(found)
        elif node.primitive is not None:
            if node.primitive.masks or id(node) in found:
                found.update([id(x) for x in node.operands if type(x) is Tensor])
            if node.primitive is EXP:
                found.add(id(node))
    return found


def has_nan(found: Sequence[Any]) -> bool:
    """Return whether an adjoint or tangent has NaN, whatever traces it is part of.

    That one is infinite is noted: it may be so by rounding, or where there is no derivative.
    """
    # As `any_nan`, without a call for each: NaN is the largest of all.
    total = 0.0
    try:
        for x in found:
            if type(x) is np.ndarray:
                total += x.item(x.argmax()) - x.item(x.argmin())
            elif type(x) is np.float64:
                total += abs(x)
            else:
                break
        else:
            if cmath.isfinite(total):
                return False
    except ValueError:
        pass  # one has no elements
    plain = [innermost(x) for x in found if x is not None]
    LOST.found = LOST.found or any([_is_infinite(x) for x in plain])
    return any([_is_lost(x) for x in plain])


def _is_infinite(x: Any) -> bool:
    return isinstance(x, np.ndarray | np.generic | float) and bool(np.any(np.isinf(x)))


def _is_lost(x: Any) -> bool:
    if type(x) is np.ndarray:
        return any_nan(x) if x.dtype.kind == "f" else bool(np.count_nonzero(x != x))
    return bool(x != x) if isinstance(x, float | complex | np.generic) else False


def _put_back(x: Tensor, g: Any, params: Mapping[str, Any], owned: set[int]) -> None:
    """Add the adjoint of elements of a tensor to its own, in place if that is possible.

    A loop that takes n elements one by one would else add n arrays of n elements.
    """
    known = x.adjoint
    if known is None:
        x.adjoint = np.zeros(np.shape(x.value), primal_dtype(x.value))
        owned.add(id(x))
    elif id(x) not in owned or not isinstance(known, np.ndarray):
        x.adjoint = np.array(known)
        owned.add(id(x))
    accumulate_at(x.adjoint, in_dtype(g, x.adjoint.dtype), params["index"])


def push(
    nodes: Sequence[Tensor],
    tape: Tape,
    tangents: Mapping[int, Any],
    outputs: Sequence[Any],
    forms: Forms = MappingProxyType({}),
    *,
    recorded: bool = False,
) -> list[Any]:
    """Run the forward pass of tangents, once more with guarded rules if it ends in NaN."""
    if are_elsewhere(outputs):
        # To look for NaN would compute what is lazy, or wait for the device.
        return _push(nodes, tape, tangents, outputs, forms, recorded, True)
    found = _push(nodes, tape, tangents, outputs, forms, recorded, False)
    if has_nan(found):
        again = _push(nodes, tape, tangents, outputs, forms, recorded, True)
        return [x[()] if isinstance(x, np.ndarray) and not x.ndim else x for x in again]
    return found


def _push(
    nodes: Sequence[Tensor],
    tape: Tape,
    tangents: Mapping[int, Any],
    outputs: Sequence[Any],
    forms: Forms,
    recorded: bool,
    guarded: bool,
) -> list[Any]:
    known: dict[int, Any] = dict(tangents)
    with np.errstate(divide="ignore", invalid="ignore"):
        for node in nodes:
            primitive, operands = forms.get(id(node)) or (node.primitive, node.operands)
            if primitive is None or primitive.kind == "discrete":
                continue
            x_dots = [known.get(id(x)) if type(x) is Tensor else None for x in operands]
            if any([x_dot is not None for x_dot in x_dots]):
                values = list(operands)
                if not recorded:
                    values = [
                        x.value if type(x) is Tensor and x.tape is tape else x for x in values
                    ]
                out = node if recorded else node.value
                out_dot = pushed(primitive, out, values, node.params or {}, x_dots, guarded)
                if out_dot.dtype is not node.value.dtype:
                    out_dot = in_dtype(out_dot, primal_dtype(node.value))
                known[id(node)] = out_dot
    return [known.get(id(x)) if type(x) is Tensor and x.tape is tape else None for x in outputs]


def pushed(
    primitive: Primitive,
    out: Any,
    values: list[Any],
    params: dict[str, Any],
    x_dots: list[Any],
    guarded: bool = False,
) -> Any:
    """Return the tangent of a node from those of its operands."""
    if primitive.joint:
        return primitive.joint[1](x_dots, out, *values, **params)
    out_dot = None
    for argnum, x_dot in enumerate(x_dots):
        if x_dot is not None:
            guard = guarded or (primitive.masks and type(out) is Tensor)
            rule = guarded_jvp(primitive, argnum) if guard else primitive.jvp(argnum)
            term = rule(x_dot, out, *values, **params)
            out_dot = term if out_dot is None else out_dot + term
    return out_dot


def own_gradients(inputs: Sequence[Tensor], seen: set[int]) -> list[Any]:
    """Return the adjoints of inputs: no views, nothing that two results share."""
    results: list[Any] = []
    for node in inputs:
        x_bar = node.adjoint
        value = node.value
        if (
            type(x_bar) is type(value) is np.ndarray
            and x_bar.base is None
            and x_bar.dtype is value.dtype
            and id(x_bar) not in seen
            and x_bar.flags.writeable
        ):
            seen.add(id(x_bar))
            results.append(x_bar)
            continue
        if type(x_bar) is type(value) is np.float64:
            results.append(x_bar)
            continue
        dtype = value.dtype
        if elsewhere(value) is not None and type(x_bar) is not Tensor:
            results.append(_own_elsewhere(x_bar, value, seen))
            continue
        if x_bar is None:
            x_bar = np.zeros(np.shape(value), dtype)
        if type(x_bar) is not Tensor:
            if type(value) is not np.ndarray and np.shape(value) == ():
                x_bar = np.asarray(x_bar, dtype)[()] if isinstance(x_bar, _HOST) else x_bar
            elif isinstance(x_bar, np.ndarray | np.generic):
                x_bar = np.array(x_bar, dtype)
            seen.add(id(x_bar))
        results.append(x_bar)
    return results


def _own_elsewhere(x_bar: Any, value: Any, seen: set[int]) -> Any:
    """Return an adjoint of an array of another library."""
    if x_bar is None:
        return zeros_beside(value, primal_dtype(value))
    if elsewhere(x_bar) is None:
        x_bar = beside(value, np.asarray(x_bar))
    shared = id(x_bar) in seen or getattr(x_bar, "base", None) is not None
    seen.add(id(x_bar))
    return own_copy(x_bar) if shared else x_bar


def are_elsewhere(outputs: Sequence[Any]) -> bool:
    """Return whether a result is an array of another library than NumPy."""
    values = [x.value for x in outputs if type(x) is Tensor]
    return any([type(x) not in _QUICK and elsewhere(x) is not None for x in values])


def seed_beside(value: Any, g: Any) -> Any:
    """Return a cotangent in the type of its primal, and in its library."""
    if type(g) is not Tensor and elsewhere(value) is None:
        return np.asarray(g, primal_dtype(value))[()]
    if type(g) is not Tensor and elsewhere(g) is None:
        g = beside(value, np.asarray(g))
    return in_dtype(g, primal_dtype(value))


def zeros_beside(value: Any, dtype: Any) -> Any:
    """Return zeros of the shape of a value, in its library."""
    home, shape = elsewhere(value), np.shape(value)
    if home is not None:
        return np.zeros_like(home, dtype=dtype, shape=shape)
    return np.zeros(shape, dtype)[()]


def in_dtype(direction: Any, dtype: np.dtype[Any]) -> Any:
    """Return a cotangent or tangent in the data type of its primal."""
    if direction.dtype == dtype:
        return direction
    if dtype.kind != "c" and direction.dtype.kind == "c":
        direction = np.real(direction)
    return direction.astype(dtype)


def primal_dtype(value: Any) -> np.dtype[Any]:
    """Return the data type of a value, tensors of outer traces included."""
    value = primal(value)
    dtype: np.dtype[Any] = value.dtype if hasattr(value, "dtype") else np.result_type(value)
    return dtype
