"""The computational graph: nodes in topological order, run forward and backward.

The backward pass applies the chain rule from the output to the inputs (Linnainmaa 1970;
Speelpenning 1980; Griewank and Walther, Evaluating Derivatives, 2nd edition, 2008, section 3.2):
every node hands to each of its operands its own adjoint times the local derivative, and where a
value is used several times the contributions are added.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.errors import BranchChanged, TraceEnded, Undifferentiable, WrongOrder
from autodiff.rules.table import Primitive
from autodiff.tensor import Tape, Tensor, compute, memory, primal

__all__ = ["Graph"]

Binder = Callable[[tuple[Any, ...], dict[str, Any]], Mapping[str, Any]]
_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "bool": bool,
    "index": operator.index,
    "shape": np.shape,
}
_HOST = (np.ndarray, np.generic, float)


class _Constant:
    """An operand that does not depend on the inputs."""

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
    bind : callable, optional
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
        self._guards = tape.guards
        self.nodes: tuple[Tensor, ...] = tuple(tape.end())
        self.inputs = dict(inputs)
        self.wrt = tuple(self.inputs if wrt is None else wrt)
        own = type(output) is Tensor and output.tape is tape
        if type(output) is Tensor and not own and output.tape.ended:
            raise TraceEnded(
                "the function returned a tensor of another trace, which has ended: its "
                "derivative would be lost"
            )
        if tape.written:
            _check_written(tape, self.nodes, output)
        self.output: Any = output if own else _Constant(output)
        local = {name: x for name, x in (names or {}).items() if x.tape is tape}
        self._names = {**local, **self.inputs}
        self._bind = bind
        self._kinds = {name: type(node.value) for name, node in self.inputs.items()}
        self._shapes = {name: np.shape(node.value) for name, node in self.inputs.items()}
        self._forward_done = True
        self._steps = [_Step(node, tape) for node in self.nodes if node.primitive is not None]
        active = {id(self.inputs[name]) for name in self.wrt}
        for step in self._steps:
            if step.activate(active):
                active.add(id(step.node))

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, name: str) -> Tensor:
        """Return the node of an argument or of a local variable of the traced function."""
        try:
            return self._names[name]
        except KeyError:
            known = ", ".join(sorted(self._names))
            raise KeyError(f"no node is called {name!r}; these are: {known}") from None

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}{_shape_text(s)}" for name, s in self._shapes.items())
        return f"<Graph of ({arguments}): {self.operations} operations>"

    @property
    def operations(self) -> int:
        """Number of operations: nodes that are not inputs."""
        return len(self._steps)

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
        return self._forward(args, kwargs, own=True)

    def _forward(self, args: tuple[Any, ...], kwargs: dict[str, Any], own: bool) -> Any:
        """Run the forward pass, on copies of the arguments if they must be the graph's own."""
        self.forget()
        if self._bind is None:
            raise ValueError("forward: this graph has no arguments to bind; use autodiff.trace")
        values = self._bind(args, kwargs)
        if values.keys() != self.inputs.keys():
            raise TypeError(
                f"forward: the arguments are {', '.join(values) or 'none'}; the graph was traced "
                f"with {', '.join(self.inputs) or 'none'}: give the same"
            )
        for name, value in values.items():
            if np.shape(value) != self._shapes[name]:
                raise ValueError(
                    f"forward: argument {name!r} has shape {np.shape(value)}; the graph was traced "
                    f"with {self._shapes[name]}: trace the function again for other shapes"
                )
        for name, value in values.items():
            self.inputs[name].value = (
                np.array(value) if own and isinstance(value, np.ndarray) else value
            )
        try:
            for step in self._steps:
                step.node.value = compute(
                    step.primitive, [x.value for x in step.operands], step.params
                )
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
                node.adjoint = np.zeros(node.shape, dtype if dtype.kind == "f" else float)
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
        return value, self._gradients(set())

    def gradients(self) -> dict[str, Any]:
        """Return the adjoints of the inputs as arrays of their own."""
        return self._gradients({id(node.adjoint) for node in self.nodes})

    def _gradients(self, seen: set[int]) -> dict[str, Any]:
        """Return the adjoints of the inputs, copied where they are among the arrays seen."""
        seen |= {id(node.value) for node in self.inputs.values()}
        return {name: self._own(name, seen) for name in self.wrt}

    def _own(self, name: str, seen: set[int]) -> Any:
        """Return the adjoint of an input: no view, nothing that another result shares."""
        node = self.inputs[name]
        x_bar, value = node.adjoint, node.value
        if x_bar is None:
            x_bar = np.zeros(np.shape(value), primal_dtype(value))
        if type(x_bar) is Tensor:
            return x_bar
        dtype = primal_dtype(value)
        if self._kinds[name] is not np.ndarray and np.ndim(x_bar) == 0:
            return np.asarray(x_bar, dtype)[()] if isinstance(x_bar, _HOST) else x_bar
        shared = (
            not isinstance(x_bar, np.ndarray)
            or x_bar.dtype != dtype
            or x_bar.base is not None
            or not x_bar.flags.writeable
            or id(x_bar) in seen
        )
        if shared and isinstance(x_bar, np.ndarray | np.generic):
            x_bar = np.array(x_bar, dtype)
        seen.add(id(x_bar))
        return x_bar

    def _pull(self, seed: Any, keep: bool) -> None:
        """Run the backward pass; drop adjoints of intermediates after use unless told to keep."""
        if not self._forward_done:
            raise WrongOrder(
                "backward: there was no forward pass, so there are no values to differentiate at: "
                "call graph.forward(...) with the inputs first"
            )
        for node in self.nodes:
            node.adjoint = None
        self._seed(seed)
        for step in reversed(self._steps):
            node = step.node
            g = node.adjoint
            if g is None or not step.pulls:
                continue
            values = [x.value for x in step.operands]
            params = step.params
            out = node.value
            for operand, vjp in step.pulls:
                x_bar = vjp(g, out, *values, **params) if params else vjp(g, out, *values)
                if x_bar.dtype != operand.value.dtype:
                    x_bar = x_bar.astype(operand.value.dtype)
                known = operand.adjoint
                operand.adjoint = x_bar if known is None else known + x_bar
            if not keep:
                node.adjoint = None

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
            dtype = primal_dtype(self.output.value)
            self.output.adjoint = seed if type(seed) is Tensor else np.asarray(seed, dtype)[()]

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.nodes)


class _Step:
    """One operation of a graph: its node, its operands and the rules to pull through."""

    __slots__ = ("node", "operands", "params", "primitive", "pulls")

    def __init__(self, node: Tensor, tape: Tape) -> None:
        assert node.primitive is not None
        self.node = node
        self.primitive: Primitive = node.primitive
        self.params = node.params
        self.operands: tuple[Any, ...] = tuple(
            x if type(x) is Tensor and x.tape is tape else _Constant(x) for x in node.operands
        )
        self.pulls: tuple[tuple[Tensor, Callable[..., Any]], ...] = ()

    def activate(self, active: set[int]) -> bool:
        """Choose the rules of operands that a derivative is wanted for; say if there are any."""
        if self.primitive.differentiable:
            self.pulls = tuple(
                (x, self.primitive.vjp(argnum))
                for argnum, x in enumerate(self.operands)
                if id(x) in active
            )
        return bool(self.pulls)


def _check_written(tape: Tape, nodes: tuple[Tensor, ...], output: Any) -> None:
    """Raise if an array was used that plain NumPy would have changed in place before."""
    place = {id(node): i for i, node in enumerate(nodes)}
    uses = [(i, x) for i, node in enumerate(nodes) for x in node.operands]
    for i, x in [*uses, (len(nodes), output)]:
        if type(x) is Tensor and x.tape is tape:
            written = tape.written.get(memory(x) or 0, 0)
            if place[id(x)] < written <= i:
                raise Undifferentiable(
                    "an array was changed in place (by += or its like) and is then used under "
                    "another name or through a view, which tensors do not follow: write a = a + b "
                    "instead of a += b, on a copy where the old values are meant"
                )


def primal_dtype(value: Any) -> np.dtype[Any]:
    """Return the data type of a value, tensors of outer traces included."""
    dtype: np.dtype[Any] = np.result_type(primal(value))
    return dtype


def _shape_text(shape: tuple[int, ...]) -> str:
    return f" {'×'.join(map(str, shape))}" if shape else ""
