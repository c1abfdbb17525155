"""The computational graph: nodes in topological order, run forward and backward."""

import operator
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from autodiff.core.batched import buffer_id
from autodiff.core.constants import Constants
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, compute
from autodiff.errors import BranchChanged, TraceEnded, Undifferentiable, WrongOrder
from autodiff.graph.passes import (
    are_elsewhere,
    has_nan,
    masked,
    own_gradients,
    primal_dtype,
    pull,
    seed_beside,
    zeros_beside,
)
from autodiff.rules.elementwise_rules import LOST

__all__ = ["Graph", "check_written"]

_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "bool": bool,
    "index": operator.index,
    "shape": np.shape,
}


class Binder(Protocol):
    """Turns arguments into inputs, and what belongs to inputs back into arguments."""

    def values(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Mapping[str, Any]:
        """Return the values by name of input."""

    def grouped(self, leaves: Mapping[str, Any]) -> dict[str, Any]:
        """Return structures by name of argument, of what is there for each input."""


class _Constant:
    """An output that does not depend on the inputs."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Graph:
    """A function as a graph of primitives, which runs forward and backward.

    Made by `autodiff.trace`.

    Parameters
    ----------
    tape : Tape
        The record of a trace, which is ended.
    inputs : mapping of str to Tensor
        The inputs, by name of argument.
    output : object
        What the function returned: a tensor of the tape, or a constant.
    wrt : sequence of str, optional
        Inputs that adjoints are computed for; all by default.
    bind : Binder, optional
        Turns the arguments of a call into values by name of input.
    names : mapping of str to Tensor, optional
        Further names of nodes.

    Attributes
    ----------
    nodes : tuple of Tensor
        Every node in topological order. ``node.value`` is its primal after `forward`,
        ``node.adjoint`` the derivative of the output with respect to it after `backward`.
    inputs : dict of str to Tensor
        The nodes of the arguments.
    names : dict of str to Tensor
        The nodes of the arguments and of local variables of the function.
    output : Tensor or constant
        The node of the result.

    Examples
    --------
    >>> import autodiff
    >>> def circuit(x, y, z):
    ...     q = x + y
    ...     return q * z
    >>> graph = autodiff.trace(circuit, -2.0, 5.0, -4.0)
    >>> print(graph.forward(-2.0, 5.0, -4.0))
    -12.0
    >>> {name: float(x_bar) for name, x_bar in graph.backward().items()}
    {'x': -4.0, 'y': -4.0, 'z': 3.0}
    >>> print(graph["q"].value, graph["q"].adjoint)
    3.0 -4.0
    """

    def __init__(
        self,
        tape: Tape,
        inputs: Mapping[str, Tensor],
        output: Any,
        wrt: Sequence[str] | None = None,
        bind: Binder | None = None,
        names: Mapping[str, Tensor] | None = None,
    ) -> None:
        guards, written = tape.guards, tape.written
        self.nodes: tuple[Tensor, ...] = tuple(tape.end())
        self._tape, self._guards = tape, guards
        # The nodes hold the constants that they need.
        tape.constants = Constants(brief=False)
        self.inputs = dict(inputs)
        self.wrt = tuple(self.inputs if wrt is None else wrt)
        own = type(output) is Tensor and output.tape is tape
        if type(output) is Tensor and not own and output.tape.ended:
            raise TraceEnded(
                "the function returned a tensor of another trace, which has ended: its "
                "derivative would be lost"
            )
        if written:
            check_written(tape, self.nodes, [output])
        self.output: Any = output if own else _Constant(output)
        local = {name: x for name, x in (names or {}).items() if x.tape is tape}
        self.names = {**local, **self.inputs}
        self._bind = bind
        self._kinds = {name: type(node.value) for name, node in self.inputs.items()}
        self._shapes = {name: np.shape(node.value) for name, node in self.inputs.items()}
        self._forward_done = True
        self._connect()

    def _connect(self) -> None:
        """Find the operations, and the nodes that a derivative passes through."""
        self._operations = [node for node in self.nodes if node.primitive is not None]
        self._wanted = frozenset(self._depending([self.inputs[name] for name in self.wrt]))

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        # These are made of identities, which another process does not share.
        del state["_operations"], state["_wanted"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._connect()

    def _depending(self, sources: Sequence[Tensor]) -> set[int]:
        """Return the identities of the nodes through which a derivative reaches the sources."""
        found = {id(x) for x in sources}
        for node in self._operations:
            assert node.primitive is not None
            if node.primitive.differentiable and any([id(x) in found for x in node.operands]):
                found.add(id(node))
        return found

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, name: str) -> Tensor:
        """Return the node of an argument or of a local variable of the traced function."""
        try:
            return self.names[name]
        except KeyError:
            known = ", ".join(sorted(self.names))
            raise KeyError(f"no node is called {name!r}; these are: {known}") from None

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}{_shape_text(s)}" for name, s in self._shapes.items())
        return f"<Graph of ({arguments}): {self.operations} operations>"

    @property
    def operations(self) -> int:
        """Number of operations: nodes that are not inputs."""
        return len(self._operations)

    def forget(self) -> None:
        """Drop all values and adjoints, so that the next step must be a forward pass."""
        for node in self.nodes:
            node.value = node.adjoint = None
        self._forward_done = False

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return the value of the function, computed node by node in topological order.

        Parameters
        ----------
        *args, **kwargs
            The arguments, as the traced function takes them and of the shapes it was traced with.
            Arrays are copied, so that changing them before `backward` does no harm.

        Returns
        -------
        float or array
            The value of the output.

        Raises
        ------
        TypeError
            If an argument is missing, was not there in the trace, or is not of floating-point type.
        ValueError
            If the shape of an argument is not the traced one.
        BranchChanged
            If the function decided a branch by comparing values and would now decide otherwise.
        """
        value = self._forward(args, kwargs, own=True)
        # The caller may write into what is returned, and then go backward.
        return np.array(value) if isinstance(value, np.ndarray) else value

    def _forward(self, args: tuple[Any, ...], kwargs: dict[str, Any], own: bool) -> Any:
        """Run the forward pass, on copies of the arguments if they must be the graph's own."""
        self.forget()
        if self._bind is None:
            raise ValueError("forward: this graph has no arguments to bind; use autodiff.trace")
        given = self._bind.values(args, kwargs)
        if given.keys() != self.inputs.keys():
            raise TypeError(
                f"forward: the arguments are {', '.join(given) or 'none'}; the graph was traced "
                f"with {', '.join(self.inputs) or 'none'}: give the same"
            )
        for name, value in given.items():
            if np.shape(value) != self._shapes[name]:
                raise ValueError(
                    f"forward: argument {name!r} has shape {np.shape(value)}; the graph was traced "
                    f"with {self._shapes[name]}: trace the function again for other shapes"
                )
        for name, value in given.items():
            self.inputs[name].value = (
                np.array(value) if own and isinstance(value, np.ndarray) else value
            )
        try:
            tape = self._tape
            for node in self._operations:
                values = [
                    x.value if type(x) is Tensor and x.tape is tape else x for x in node.operands
                ]
                node.value = compute(node.primitive, values, node.params)  # type: ignore[arg-type]
        except Exception:
            self._check_guards()
            raise
        self._check_guards()
        self._forward_done = True
        return self.output.value

    def _check_guards(self) -> None:
        """Raise if a branch that the trace took would not be taken on the present values."""
        for node, what, outcome in self._guards:
            if node.value is None:
                return
            now = _CONVERSIONS[what](node.value)
            if now != outcome:
                name = "input" if node.primitive is None else node.primitive.name
                raise BranchChanged(
                    f"forward: the traced function depends on the {what} of {name!r}, which was "
                    f"{outcome} and is now {now}: trace it again for these inputs, or choose "
                    "elements with np.where"
                )

    def backward(self, seed: Any = None) -> dict[str, Any]:
        """Return the gradients of the inputs, and leave its adjoint on every node.

        Parameters
        ----------
        seed : float or array, optional
            Cotangent of the output, of its shape; 1 by default, which needs a scalar output.

        Returns
        -------
        dict of str to array
            For each input of `wrt`, the gradient in its shape. Calling again gives the same.

        Raises
        ------
        WrongOrder
            If there was no forward pass.
        ValueError
            If the output is not a scalar and no seed is given, or the seed has another shape.
        """
        self._pull(seed, keep=True)
        for node in self.nodes:
            if node.adjoint is None:
                dtype = primal_dtype(node.value)
                wanted = dtype if dtype.kind in "fc" else float
                node.adjoint = zeros_beside(node.value, wanted)
        return self.gradients()

    def value_and_gradient(self, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Return the value and the gradients of the inputs: a forward and a backward pass.

        Adjoints of intermediates are dropped as soon as they are used, which saves memory.

        Parameters
        ----------
        *args, **kwargs
            The arguments, as the traced function takes them.

        Returns
        -------
        tuple
            The value, and the gradients by name of input.
        """
        value = self._forward(args, kwargs, own=False)
        self._pull(None, keep=False)
        # The arguments are the caller's, and may be others by the time of a further pass.
        self._forward_done = False
        return value, self._gradients(set())

    def draw(self, **options: Any) -> Any:
        """Return the picture of the graph: gates, values in green, gradients in red.

        Parameters
        ----------
        **options
            ``direction``: ``"right"`` (the default) or ``"down"``. ``digits``: significant digits
            of the numbers, 3. ``limit``: the most nodes that are drawn, 200.

        Returns
        -------
        autodiff.graph.draw.Drawing
            Shown by notebooks; ``.svg`` and ``.dot`` are its text, ``save(path)`` writes it.

        Raises
        ------
        ValueError
            If an option has no meaning, or the graph has more nodes than `limit`.
        """
        # late: a picture is rarely drawn
        from autodiff.graph.draw import draw

        return draw(self, **options)

    def gradients(self) -> dict[str, Any]:
        """Return the adjoints of the inputs as arrays of their own."""
        return self._gradients({id(node.adjoint) for node in self.nodes})

    def _gradients(self, seen: set[int]) -> dict[str, Any]:
        """Return the adjoints of the inputs, copied where they are among the arrays seen."""
        seen |= {id(node.value) for node in self.inputs.values()}
        found = own_gradients([self.inputs[name] for name in self.wrt], seen)
        leaves = dict(zip(self.wrt, found, strict=True))
        return leaves if self._bind is None else self._bind.grouped(leaves)

    def _pull(self, seed: Any, keep: bool) -> None:
        """Run the backward pass; drop adjoints of intermediates after use unless told to keep."""
        if not self._forward_done:
            raise WrongOrder(
                "backward: there was no forward pass, so there are no values to differentiate at: "
                "call graph.forward(...) with the inputs first"
            )
        if self._tape.limits and type(self.output) is Tensor:
            # late: most derivatives are no limits
            from autodiff.graph.limits import settled

            inputs = [self.inputs[name] for name in self.wrt]
            found = settled(self.nodes, self._tape, inputs, lambda: self._seed(seed), keep)
            for node, x_bar in zip(inputs, found, strict=True):
                node.adjoint = x_bar
            return
        found = [self.inputs[name] for name in self.wrt]
        LOST.found = False
        if are_elsewhere([self.output]):
            self._pull_once(seed, keep, masked(self.nodes))
        else:
            self._pull_once(seed, keep, ())
            # As in `Call.pull`.
            if has_nan([x.adjoint for x in found]):
                self._pull_once(seed, keep, set(map(id, self.nodes)))
        if LOST.found:
            # late: zero times infinity is rare
            from autodiff.graph.steep import with_limits

            adjoints = with_limits(self.nodes, self._tape, found, lambda: self._seed(seed))
            for node, x_bar in zip(found, adjoints, strict=True):
                node.adjoint = x_bar

    def _pull_once(self, seed: Any, keep: bool, guard: Container[int]) -> None:
        for node in self.nodes:
            node.adjoint = None
        self._seed(seed)
        if type(self.output) is Tensor:
            pull(self.nodes, self._tape, self._wanted, keep=keep, guard=guard)

    def _seed(self, seed: Any) -> None:
        shape = np.shape(self.output.value)
        if seed is None:
            if shape != ():
                raise ValueError(
                    f"backward: the output has shape {shape}; a gradient needs a scalar: sum it, "
                    f"or give a seed of shape {shape}"
                )
            seed = 1.0
        elif np.shape(seed) != shape:
            raise ValueError(
                f"backward: the seed has shape {np.shape(seed)}, the output {shape}: they must be "
                "the same"
            )
        if type(self.output) is Tensor:
            value = self.output.value
            self.output.adjoint = seed if type(seed) is Tensor else seed_beside(value, seed)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.nodes)


def check_written(tape: Tape, nodes: Sequence[Any], outputs: Sequence[Any]) -> None:
    """Raise if an array was used that plain NumPy would have changed in place before.

    Steps that were rolled into a loop have no operands: they were looked at as eager ones.
    """
    place = {id(node): i for i, node in enumerate(nodes)}
    uses = [(i, x) for i, node in enumerate(nodes) for x in getattr(node, "operands", ())]
    for i, x in [*uses, *((len(nodes), output) for output in outputs)]:
        if type(x) is Tensor and x.tape is tape:
            written = tape.written.get(buffer_id(x) or 0, 0)
            if place.get(id(x), written) < written <= i:
                raise Undifferentiable(
                    "an array was changed in place (by += or its like) and is then used under "
                    "another name or through a view, which tensors do not follow: write a = a + b "
                    "instead of a += b, on a copy where the old values are meant"
                )


def _shape_text(shape: tuple[int, ...]) -> str:
    return f" {'×'.join(map(str, shape))}" if shape else ""
