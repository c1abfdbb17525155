"""One call of a function on tensors: its tape, its inputs and its outputs."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.core import substitution
from autodiff.core.constants import states
from autodiff.core.conversions import PYTHON_NUMBER
from autodiff.core.primitive import UFUNCS
from autodiff.core.pytrees import LEAF, flatten
from autodiff.core.stores import current, operands_as_recorded, resolved
from autodiff.core.tape import PassObserver, Tape
from autodiff.core.tensor import Tensor, leaf, primal
from autodiff.errors import LostDerivative, TraceEnded, Undifferentiable
from autodiff.graph.graph import check_written
from autodiff.graph.passes import (
    are_elsewhere,
    has_nan,
    in_dtype,
    masked,
    own_gradients,
    primal_dtype,
    pull,
    pull_recorded,
    push,
    seed_beside,
    zeros_beside,
)
from autodiff.graph.trace import as_primal, check_result
from autodiff.rules.elementwise_rules import LOST
from autodiff.rules.kinks import noting
from autodiff.rules.magnitude import real_part
from autodiff.transforms.values import compare, floating, has_limits, refuse_discrete

__all__ = ["Call"]

_Number = np.float64
_ONE = _Number(1.0)
#: Types of results that need no look at their data type.
_REAL = frozenset({float, int, complex, np.float64})
_FLOAT = np.dtype(float)
_HOST = frozenset({np.ndarray, np.float64})
#: Bytes from which on the system is asked for memory.
_PAGES = 1 << 17


class Call:
    """A function called on tensors in place of the arguments `argnums`, nested ones included.

    It has a tape of its own, unless its arguments are tensors of a tape that records passes too.
    Then it records there: a second tensor around each of those would double the time.
    """

    __slots__ = (
        *(
            "_made",
            "_numbers",
            "arrays",
            "aux",
            "inputs",
            "nodes",
            "observer",
            "outputs",
            "simple",
            "structure",
        ),
        *("structures", "tape", "what"),
    )

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        argnums: Sequence[int],
        what: str,
        *,
        brief: bool = False,
        has_aux: bool = False,
    ) -> None:
        self.what = what
        self._made = f, args, kwargs, argnums, has_aux
        copied = substitution.is_remembered(f)
        try:
            self._attempt(f, args, kwargs, argnums, brief, has_aux, copied)
            tape = self.tape
            if tape.lost is None:
                if tape.marks or substitution.UNCOMPARED:
                    self._check(f, args, kwargs, argnums, has_aux)
                return
        except Exception as error:
            if copied or not substitution.is_refusal(self.tape, error):
                raise
        if not copied:
            self._attempt(f, args, kwargs, argnums, brief, has_aux, True)
            substitution.remember(f)
        if self.tape.lost is not None:
            # Somebody has swallowed it.
            raise self.tape.lost
        self._check(f, args, kwargs, argnums, has_aux)

    def _check(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        argnums: Sequence[int],
        has_aux: bool,
    ) -> None:
        """Raise if the function gives other values for plain arguments, or nothing but masks."""
        tape, what = self.tape, self.what
        if any([type(x) is Tensor for x in flatten((args, kwargs))[0]]):
            return
        compared = substitution.is_to_be_compared(f, "text" in tape.marks)
        # Dask asks for the class of whatever it meets.
        if (compared or "classes" in tape.marks) and not are_elsewhere(self.outputs):

            def plainly() -> Any:
                output = f(*args, **kwargs)
                return flatten(output[0] if has_aux else output)[0]

            compare(what, self.values, plainly, "classes" in tape.marks)
            if compared:
                substitution.note_compared(f)
        own = any([type(x) is Tensor and x.tape is tape for x in self.outputs])
        if "masks" in tape.marks and "branches" not in tape.marks and not own:
            self._check_masks(f, args, kwargs, argnums, has_aux)

    def _check_masks(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        argnums: Sequence[int],
        has_aux: bool,
    ) -> None:
        """Raise if a result that depends on no argument is made of masks, which then are nodes."""
        tape, replaced = Tape(replayable=True, known=True), list(args)
        for argnum in argnums:
            leaves, structure = flatten(args[argnum])
            nodes = [leaf(tape, as_primal(x, self.what)) for x in leaves]
            replaced[argnum] = structure.unflatten(nodes)
        try:
            output = f(*replaced, **kwargs)
            found = flatten(output[0] if has_aux else output)[0]
            plain = any([what == "value" for _, what, _ in tape.guards])
        except (LostDerivative, Undifferentiable):
            return
        finally:
            tape.end()
        if plain or any([type(x) is Tensor and x.tape is tape for x in found]):
            raise TypeError(
                f"{self.what}: the result comes of comparisons alone, so its derivative is zero "
                "where it exists: differentiate a smooth function in its place, such as "
                "1 / (1 + np.exp(-x)) for x > 0"
            )

    def _attempt(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        argnums: Sequence[int],
        brief: bool,
        has_aux: bool,
        copied: bool,
    ) -> None:
        """Call the function, or a copy of it, and end the trace."""
        what = self.what
        self.tape = tape = Tape(brief=brief)
        #: The leaves of the arguments, and the structure of each of them.
        self.inputs: list[Tensor] = []
        inputs = self.inputs
        #: The arrays among the arguments.
        self.arrays: list[Any] = []
        arrays = self.arrays
        self.structures = [LEAF] * len(argnums)
        self._numbers: list[tuple[int, type]] = []
        replaced, simple = list(args), True
        for place, argnum in enumerate(argnums):
            arg = args[argnum]
            # `_as_tensors` for the arguments met most often.
            node = Tensor()
            if type(arg) is np.ndarray and arg.dtype is _FLOAT:
                node.value, node.params = arg, None
                arrays.append(arg)
            elif type(arg) is float:
                node.value, node.params = _Number(arg), PYTHON_NUMBER
                self._numbers.append((len(inputs), float))
            else:
                replaced[argnum] = self._as_tensors(arg, argnum, place)
                simple = False
                continue
            node.tape, node.operands, node.primitive, node.adjoint = tape, (), None, None
            tape.append(node)
            inputs.append(node)
            replaced[argnum] = node
        #: With `has_aux` the second part of the result, with values in place of tensors.
        self.aux: Any = None
        #: Whether no value is a tensor of an outer trace.
        self.simple = simple or not any([type(x.value) is Tensor for x in inputs])
        self.observer, outer = (None, None) if self.simple else _observer(inputs)
        if outer is not None:
            self._record_on(outer)
            assert self.observer is not None
            start = len(outer.nodes)
            self.observer.before_function()
            try:
                self._run(f, replaced, kwargs, has_aux, copied)
            finally:
                self.observer.after_function()
            self.nodes = outer.nodes[start:]
            return
        before = states(arrays)
        with tape:
            self._run(f, replaced, kwargs, has_aux, copied)
            if before != states(arrays):
                raise ValueError(
                    f"{what}: the function wrote into the array that it is differentiated at, "
                    "by another name, so the derivative would be wrong: pass a copy"
                )
        # Now and not after the passes: nobody else's code runs in them, and what was just read is
        # read again in half the time.
        tape.constants.check(what)
        self.nodes = tape.end()
        for x in self.outputs:
            if type(x) is Tensor and x.tape is not tape and x.tape.ended:
                raise TraceEnded(
                    f"{what}: the function returned a tensor of another trace, which has ended: "
                    "its derivative would be lost"
                )
        if tape.written:
            check_written(tape, self.nodes, self.outputs)

    def _run(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
        has_aux: bool,
        copied: bool,
    ) -> None:
        """Call the function and take its result apart."""
        what = self.what
        output = substitution.call(self.tape, f, args, kwargs) if copied else f(*args, **kwargs)
        if has_aux:
            if not isinstance(output, tuple) or len(output) != 2:
                raise TypeError(
                    f"{what}: has_aux=True needs a function that returns a pair (value, aux); "
                    f"it returned a {type(output).__name__}"
                )
            output, aux = output
            self.aux = self._plain(aux)
        if output is None:
            raise TypeError(
                f"{what}: the function returned a NoneType; expected numbers or arrays: does "
                "it end without return?"
            )
        #: The structure of the result, and its leaves: tensors and constants.
        leaves, self.structure = ([output], LEAF) if type(output) is Tensor else flatten(output)
        self.outputs = outputs = [check_result(x, what) for x in leaves]
        first = outputs[0] if outputs else 0.0
        if type(first) is Tensor:
            first = first.value
        if type(first) not in _REAL and getattr(first, "dtype", None) is not _FLOAT:
            refuse_discrete(outputs, what)

    def _record_on(self, tape: Tape) -> None:
        """Make the inputs nodes of an outer tape, apart from the tensors that they stand for."""
        for node in self.inputs:
            x = node.value
            node.primitive, node.operands = UFUNCS[np.positive], (x,)
            node.value, node.tape = primal(x), tape
            tape.careful = tape.careful or node.value.dtype.kind == "c"
            tape.append(node)
        self.tape = tape

    def _as_tensors(self, arg: Any, argnum: int, place: int) -> Any:
        """Return an argument with tensors in place of its numbers and arrays."""
        if type(arg) is int:
            # The arguments of a lesson: circuit(-2, 5, -4). Within structures they are counts.
            arg = float(arg)
        if type(arg) in (np.ndarray, Tensor, float, np.float64):
            leaves, structure, paths = [arg], LEAF, [""]
        else:
            # None holds no number, which within a structure is nothing to complain of.
            leaves, structure = ([arg], LEAF) if arg is None else flatten(arg)
            paths = structure.paths()
        # Of an array that was written into it is what it is now.
        nodes = [
            leaf(self.tape, as_primal(current(x), f"{self.what}: argument {argnum}{path}"))
            for x, path in zip(leaves, paths, strict=True)
        ]
        for node, x in zip(nodes, leaves, strict=True):
            if type(x) in (float, complex):
                node.params = PYTHON_NUMBER
        start = len(self.inputs)
        self._numbers += [
            (start + i, type(x)) for i, x in enumerate(leaves) if type(x) in (float, complex)
        ]
        self.inputs += nodes
        self.arrays += [x.value for x in nodes if type(x.value) is np.ndarray]
        self.structures[place] = structure
        return structure.unflatten(nodes)

    def _plain(self, tree: Any) -> Any:
        """Return a nested structure with the values in place of the tensors of this call."""
        leaves, structure = flatten(tree)
        checked = [
            check_result(x, self.what) if type(x) is np.ndarray and x.dtype == object else x
            for x in leaves
        ]
        return structure.unflatten([self._value(x) for x in checked])

    def _value(self, x: Any) -> Any:
        own = self.observer is None and type(x) is Tensor and x.tape is self.tape
        return x.value if own else x

    @property
    def values(self) -> list[Any]:
        """The values of the outputs."""
        return [self._value(x) for x in self.outputs]

    @property
    def value(self) -> Any:
        """The result of the function, with values in place of tensors."""
        return self.structure.unflatten(self.values)

    def scalar(self, holomorphic: bool) -> Any:
        """Return the value if it is one number, real unless told otherwise."""
        what = self.what
        if not self.structure.is_leaf:
            raise TypeError(
                f"{what}: the function returned {len(self.outputs)} values in a nested structure; "
                "a gradient needs one number: has_aux=True leaves the second of a pair alone, "
                "jacobian differentiates them all"
            )
        value = self._value(self.outputs[0])
        if type(value) is np.float64:
            return value
        if np.shape(value) != ():
            raise ValueError(
                f"{what}: the function returned an array of shape {np.shape(value)}; a gradient "
                "needs a scalar: sum it, as in lambda x: np.sum(f(x)), or use jacobian"
            )
        if not holomorphic and primal_dtype(value).kind == "c":
            raise TypeError(
                f"{what}: the function returned a complex number; a gradient needs a real one: "
                "take np.real or np.abs of it, or say holomorphic=True for the complex derivative"
            )
        return value

    def pull(self, cotangents: Sequence[Any] | None, consume: bool = False) -> list[Any]:
        """Return the cotangents of the inputs."""
        if self.simple:
            return self._pull(cotangents, consume)
        # Rules see what was written over since as it was.
        cotangents = resolved(cotangents)
        with operands_as_recorded():
            return self._pull(cotangents, consume)

    def _pull(self, cotangents: Sequence[Any] | None, consume: bool) -> list[Any]:
        observer = self.observer
        if observer is not None:
            return self._pull_recorded(cotangents or [_ONE], observer, consume)
        if self.tape.limits:
            return self._pull_settled(cotangents or [_ONE])
        if not consume:
            for node in self.nodes:
                node.adjoint = None
        LOST.found = False
        if self.simple:
            self._pull_masked(cotangents or [_ONE], consume, replayed=False)
        else:
            # What is recorded to run again will do so on values that are not known.
            values = [x.value for x in self.inputs]
            replayed = any([type(x) is Tensor and x.tape.replayable for x in values])
            with noting(self.nodes):
                self._pull_masked(cotangents or [_ONE], consume, replayed)
        if LOST.found:
            if not self.nodes:
                # Their memory is used again: once more, then.
                f, args, kwargs, argnums, has_aux = self._made
                with operands_as_recorded(False):
                    again = Call(f, args, kwargs, argnums, self.what, has_aux=has_aux)
                return again.pull(cotangents)
            self._resolve(cotangents or [_ONE])
        # The seed of an input that is an output itself is held by the caller.
        seen = {*map(id, self.arrays)}
        if cotangents:
            seen.update(map(id, cotangents))
        return self._gradients(seen)

    def _resolve(self, cotangents: Sequence[Any]) -> None:
        """Run the backward pass again where zero met infinity: what that is depends."""
        if all([has_limits(x.value) for x in self.inputs]):
            # late: zero times infinity is rare
            from autodiff.graph.steep import below, with_limits, with_values_of_limits

            nested = any([below(x.value) is not x.value for x in self.inputs])
            find = with_values_of_limits if nested else with_limits
            seeds = [below(g) for g in cotangents]
            found = find(self.nodes, self.tape, self.inputs, lambda: self._seed(seeds))
            for x, x_bar in zip(self.inputs, found, strict=True):
                x.adjoint = x_bar

    def _pull_masked(self, cotangents: Sequence[Any], consume: bool, replayed: bool) -> None:
        """Run the backward pass, and again with guarded rules where it ended in NaN."""
        self._seed(cotangents)
        nodes = self.nodes
        some = nodes[len(nodes) // 2].value if consume and nodes else None
        large = type(some) is np.ndarray and some.nbytes >= _PAGES
        if large or are_elsewhere(self.outputs):
            # Memory that is used again at once is worth more than a second pass; to look for NaN
            # would compute what is lazy, or wait for the device.
            pull(nodes, self.tape, consume=consume, guard=masked(nodes))
            if not are_elsewhere(self.outputs):
                has_nan([x.adjoint for x in self.inputs])
            return
        pull(nodes, self.tape, guard=masked(nodes) if replayed else ())
        if has_nan([x.adjoint for x in self.inputs]):
            # It may be the product of zero and an infinite slope, of what a mask leaves out.
            for node in nodes:
                node.adjoint = None
            self._seed(cotangents)
            pull(nodes, self.tape, guard=set(map(id, nodes)))
        if consume and not LOST.found:
            # The output, which others may hold, would hold all that it was computed from.
            for x in self.outputs:
                if type(x) is Tensor and x.tape is self.tape:
                    x.operands = ()

    def _seed(self, cotangents: Sequence[Any]) -> None:
        """Give the outputs their cotangents."""
        for x, g in zip(self.outputs, cotangents, strict=True):
            if type(x) is Tensor and x.tape is self.tape:
                dtype = x.value.dtype
                if g is not _ONE or dtype is not _FLOAT or type(x.value) not in _HOST:
                    g = seed_beside(x.value, g)
                x.adjoint = g if x.adjoint is None else x.adjoint + g

    @property
    def nested(self) -> bool:
        """Whether its values are tensors, so that its derivatives may be differentiated again."""
        return self.observer is None and not self.simple

    def has_limits(self) -> bool:
        """Return whether a derivative is a limit, which backward passes alone find.

        Such are that of a slope at a kink and that of vectors of repeated eigenvalues.
        """
        if self.observer is not None:
            return False
        if self.tape.limits or not self.nested:
            return bool(self.tape.limits)
        with noting(self.nodes) as found:
            return found

    def _pull_settled(self, cotangents: Sequence[Any]) -> list[Any]:
        """Return the cotangents of the inputs where derivatives are limits."""

        def seed() -> None:
            for x, g in zip(self.outputs, cotangents, strict=True):
                if type(x) is Tensor and x.tape is self.tape:
                    g = in_dtype(g if hasattr(g, "dtype") else np.asarray(g)[()], x.dtype)
                    x.adjoint = g if x.adjoint is None else x.adjoint + g

        # late: most derivatives are no limits
        from autodiff.graph.limits import settled

        adjoints = settled(self.nodes, self.tape, self.inputs, seed)
        for x, x_bar in zip(self.inputs, adjoints, strict=True):
            x.adjoint = x_bar
        return self._gradients({*map(id, [*self.arrays, *cotangents])})

    def _pull_recorded(
        self, cotangents: Sequence[Any], observer: PassObserver, only: bool
    ) -> list[Any]:
        """Return the cotangents of the inputs, by a pass that is recorded beside the function."""
        nodes: Sequence[Any] = self.nodes
        if only:
            kept = [*self.outputs, *flatten(self.aux)[0]]
            self.nodes = []
            nodes = observer.before_only_pass(nodes, kept)
        seeds: dict[int, Any] = {}
        for x, g in zip(self.outputs, cotangents, strict=True):
            if type(x) is Tensor and x.tape is self.tape:
                if g is not _ONE or type(x.value) not in _HOST or x.value.dtype != _FLOAT:
                    g = seed_beside(x.value, g)
                seeds[id(x)] = seeds[id(x)] + g if id(x) in seeds else g
        forms = observer.before_passes(nodes)
        pull_recorded(nodes, self.inputs, seeds.copy(), forms, observer.before_rule)
        # The values of loops are not known in the trace; NaN stands for them.
        known = all([type(node) is Tensor for node in nodes])
        if known and has_nan([x.adjoint for x in self.inputs]):
            guard = set(map(id, nodes))
            pull_recorded(nodes, self.inputs, seeds, forms, observer.before_rule, guard)
        observer.after_pass()
        gradients = self._gradients(set(map(id, cotangents)))
        for node in self.inputs:
            node.adjoint = None
        return gradients

    def _gradients(self, seen: set[int]) -> list[Any]:
        """Return the adjoints of the inputs, in the types of the arguments."""
        gradients = own_gradients(self.inputs, seen)
        for i, kind in self._numbers:
            if type(gradients[i]) is not Tensor:
                gradients[i] = kind(gradients[i])
        return gradients

    def push(self, tangents: Sequence[Any]) -> list[Any]:
        """Return the tangents of the outputs."""
        if self.simple:
            return self._push(tangents)
        tangents = resolved(tangents)
        with operands_as_recorded():
            return self._push(tangents)

    def _push(self, tangents: Sequence[Any]) -> list[Any]:
        if self.has_limits():
            return self._push_by_pulls(tangents)
        known = {
            id(x): x_dot
            for x, x_dot in zip(self.inputs, tangents, strict=True)
            if x_dot is not None
        }
        recorded = self.observer is not None
        forms = self.observer.before_passes(self.nodes) if self.observer is not None else {}
        LOST.found = False
        found = push(self.nodes, self.tape, known, self.outputs, forms, recorded=recorded)
        if LOST.found and not recorded and all([has_limits(x.value) for x in self.inputs]):
            return self._push_by_pulls(tangents)
        return [
            zeros_beside(value, floating(value)) if out_dot is None else out_dot
            for value, out_dot in zip(self.values, found, strict=True)
        ]

    def _push_by_pulls(self, tangents: Sequence[Any]) -> list[Any]:
        """Return the tangents of the outputs, by a backward pass for each of their elements."""
        values = self.values
        zeros = [zeros_beside(value, floating(value)) for value in values]

        def along(place: int, element: int, unit: complex) -> Any:
            """Return the real part of a tangent's element times a unit."""
            zero = zeros[place]
            seed = np.zeros(zero.size, zero.dtype)
            seed[element] = unit
            seeds = [*zeros[:place], np.reshape(seed, zero.shape)[()], *zeros[place + 1 :]]
            return sum(
                # What does not move adds nothing, whatever its derivative.
                np.sum(np.where(np.equal(x_dot, 0), 0.0, real_part(x_bar * x_dot)))
                for x_bar, x_dot in zip(self.pull(seeds), tangents, strict=True)
                if x_dot is not None
            )

        found = []
        for i, zero in enumerate(zeros):
            elements = [
                along(i, k, 1.0) + 1j * along(i, k, -1j)
                if zero.dtype.kind == "c"
                else along(i, k, 1.0)
                for k in range(zero.size)
            ]
            out_dot = np.reshape(np.stack(elements), zero.shape) if elements else zero
            found.append(out_dot if zero.shape else out_dot[()])
        return found

    def arguments(self, leaves: Sequence[Any], single: bool) -> Any:
        """Return leaves in the structures of the arguments."""
        if self.structures.count(LEAF) == len(self.structures):
            return leaves[0] if single else tuple(leaves)
        results, start = [], 0
        for structure in self.structures:
            results.append(structure.unflatten(leaves[start : start + structure.count]))
            start += structure.count
        return results[0] if single else tuple(results)


def _observer(inputs: Sequence[Tensor]) -> tuple[PassObserver | None, Tape | None]:
    """Return the observer of passes on the tape of an outer trace, and that tape.

    All tensors must be of that one tape.
    """
    found: Tape | None = None
    for node in inputs:
        x: Any = node.value
        if type(x) is Tensor:
            if x.tape.observer is None or (found is not None and x.tape is not found):
                return None, None
            found = x.tape
    return (None, None) if found is None else (found.observer, found)
