"""Tracing: a plain NumPy function is run on tensors, and what it does becomes a graph."""

import difflib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

import numpy as np

from autodiff.core import substitution
from autodiff.core.constants import is_plain
from autodiff.core.libraries import sized
from autodiff.core.pytrees import LEAF, Structure, flatten, structure_of
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, assembled, leaf
from autodiff.graph.graph import Graph

__all__ = ["as_primal", "call_with_names", "check_result", "trace"]

_FLOAT = np.dtype(float)


def trace(
    f: Callable[..., Any], /, *args: Any, wrt: str | Sequence[str] | None = None, **kwargs: Any
) -> Graph:
    """Return the graph of a function.

    The function is run once on the example arguments. The graph holds no values afterwards:
    `Graph.forward` computes them, for these or for other arguments of the same shapes.

    Parameters
    ----------
    f : callable
        Plain NumPy function of floats and floating-point arrays.
    *args, **kwargs
        Example arguments of `f`.
    wrt : str or sequence of str, optional
        Arguments that derivatives are wanted for; all by default. No work is done for others.

    Returns
    -------
    Graph
        Its nodes in topological order. Local variables of `f` name their nodes:
        ``graph["h"]`` is the node that was in ``h`` when `f` returned.

    Raises
    ------
    TypeError
        If an argument is not of floating-point type, or the result is not one tensor.
    LostDerivative
        If `f` turns a tensor into a plain number.
    Undifferentiable
        If `f` calls a function that has no rule.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> def neuron(w, x):
    ...     z = np.sum(w * x)
    ...     return 1 / (1 + np.exp(-z))
    >>> graph = autodiff.trace(neuron, np.array([2.0, -3.0]), np.array([-1.0, -2.0]))
    >>> graph
    <Graph of (w 2, x 2): 6 operations>
    >>> value = graph.forward(np.array([2.0, -3.0]), np.array([-1.0, -2.0]))
    >>> gradients = graph.backward()
    >>> gradients["w"].round(4)
    array([-0.0177, -0.0353])
    >>> float(graph["z"].adjoint.round(4))
    0.0177
    """
    signature = _signature(f, len(args))
    bound = _bound("trace", f.__name__ if hasattr(f, "__name__") else "f", signature, args, kwargs)
    named = _named(bound)
    binding = _Binding(
        getattr(f, "__name__", "the function"),
        signature.replace(
            parameters=[
                p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()
            ],
            return_annotation=inspect.Signature.empty,
        ),
        {name: structure_of(value) for name, value in named.items()},
    )

    def attempt(tape: Tape, copied: bool) -> Graph:
        inputs = {name: leaf(tape, value) for name, value in binding.leaves(named, "trace").items()}
        chosen = _chosen(wrt, binding, inputs)
        _replace(bound, binding.grouped(inputs))

        def call() -> Any:
            if copied:
                return substitution.call(tape, f, bound.args, bound.kwargs)
            return f(*bound.args, **bound.kwargs)

        with tape:
            output, names = call_with_names(f, call)
            output = check_result(output, "trace")
        return Graph(tape, inputs, output, chosen, binding, names)

    graph: Graph = substitution.attempted(f, lambda: Tape(replayable=True), attempt)
    graph.forget()
    return graph


@dataclass(frozen=True)
class _Binding:
    """The way from the arguments of a call to the inputs of a graph."""

    #: Name of the function, for messages.
    function: str
    signature: inspect.Signature
    #: The structure of each argument.
    structures: dict[str, Structure]

    def values(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Mapping[str, Any]:
        """Return the values by name of input."""
        named = _named(_bound("forward", self.function, self.signature, args, kwargs))
        for name in named.keys() & self.structures.keys():
            structure = structure_of(named[name])
            if structure != self.structures[name]:
                raise TypeError(
                    f"forward: argument {name!r} has the parts "
                    f"{', '.join(structure.paths(name)) or 'none'}; the graph was traced with "
                    f"{', '.join(self.structures[name].paths(name)) or 'none'}: give the same"
                )
        return self.leaves(named, "forward")

    def leaves(self, named: Mapping[str, Any], what: str) -> dict[str, Any]:
        """Return every leaf of the arguments by its path, as a primal."""
        found: dict[str, Any] = {}
        for name, tree in named.items():
            if type(tree) is np.ndarray and tree.dtype is _FLOAT:
                # As below, for the arguments met most often.
                found[name] = tree
                continue
            # None is no argument, though within a structure it is nothing to complain of.
            leaves, structure = ([tree], LEAF) if tree is None else flatten(tree)
            for path, value in zip(structure.paths(name), leaves, strict=True):
                # An argument that is a number, not a count within a structure.
                number = float(value) if type(value) is int and path == name else value
                found[path] = as_primal(number, f"{what}: argument {path!r}")
        return found

    def grouped(self, leaves: Mapping[str, Any]) -> dict[str, Any]:
        """Return by name of argument what is there for its leaves, in its structure.

        Where some leaves of an argument are left out, the others are returned by their paths.
        """
        groups: dict[str, Any] = {}
        for name, structure in self.structures.items():
            paths = structure.paths(name)
            if leaves.keys() >= set(paths):
                groups[name] = structure.unflatten([leaves[path] for path in paths])
            else:
                groups.update({path: leaves[path] for path in paths if path in leaves})
        return groups

    def paths(self, name: str) -> list[str]:
        """Return the paths of the leaves of an argument."""
        return self.structures[name].paths(name)


def as_primal(x: Any, what: str) -> Any:
    """Return an argument as floating-point array, or say why a derivative does not exist.

    Examples
    --------
    >>> as_primal(3, "grad: argument 0")
    Traceback (most recent call last):
    TypeError: grad: argument 0 is an int; a derivative needs a floating-point number, such as 3.0
    """
    if type(x) is Tensor and x.dtype.kind in "fc":
        return x
    if isinstance(x, float) and not isinstance(x, np.generic):
        return np.float64(x)
    if type(x) is complex:
        return np.complex128(x)
    if isinstance(x, bool | int):
        raise TypeError(
            f"{what} is {'a bool' if isinstance(x, bool) else 'an int'}; a derivative needs a "
            f"floating-point number, such as {float(x)}"
        )
    dtype = getattr(x, "dtype", None)
    if hasattr(x, "to_numpy"):
        raise TypeError(
            f"{what} is a {type(x).__name__}; a derivative needs a float or a floating-point "
            "array: take the numbers out of it with .to_numpy()"
        )
    if dtype is None or not is_plain(x):
        raise TypeError(
            f"{what} is a {type(x).__name__}; a derivative needs a float or a floating-point "
            "array, or dicts, lists, tuples, NamedTuples and dataclasses of them: convert it with "
            "np.array(..., dtype=float), or close over it: lambda w: f(w, x)"
        )
    if dtype.kind in "fc":
        return x if isinstance(x, np.ndarray | np.generic) else sized(x)
    advice = {
        "O": "convert it with .astype(float)",
        "i": "convert it with .astype(float), or close over it: lambda w: f(w, labels)",
        "u": "convert it with .astype(float), or close over it: lambda w: f(w, labels)",
        "b": "convert it with .astype(float), or close over it: lambda w: f(w, mask)",
    }.get(dtype.kind, "close over it: lambda w: f(w, names)")
    raise TypeError(
        f"{what} is an array of dtype {dtype}; a derivative needs a floating-point array: {advice}"
    )


def check_result(output: Any, what: str) -> Any:
    """Return a result as one tensor or number, or say why its derivative would be lost."""
    if type(output) is Tensor:
        return output
    if type(output) is np.ndarray and output.dtype == object:
        return assembled(output)
    if isinstance(output, float | int | complex):
        return output
    dtype = getattr(output, "dtype", None)
    # Series, masked arrays, matrices and records may hold tensors that nothing would look for.
    if dtype is None or not is_plain(output) or dtype.kind not in "fiubc":
        if hasattr(output, "to_numpy"):
            raise TypeError(
                f"{what}: the function returned a {type(output).__name__}; expected one number or "
                "array: take the numbers out of it with .to_numpy()"
            )
        raise TypeError(
            f"{what}: the function returned a {type(output).__name__}; expected one number or "
            "array: join several with np.stack or np.concatenate"
        )
    return output


def _bound(
    what: str,
    function: str,
    signature: inspect.Signature,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> inspect.BoundArguments:
    """Return the arguments bound to the parameters of the function."""
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{what}: {function}{signature}: {error}") from None


def _signature(f: Callable[..., Any], count: int) -> inspect.Signature:
    """Return the signature of a function."""
    try:
        return inspect.signature(f)
    except (TypeError, ValueError):
        # Universal functions and some builtins have no signature: number the arguments.
        kind = inspect.Parameter.POSITIONAL_ONLY
        return inspect.Signature([inspect.Parameter(f"x{i}", kind) for i in range(count)])


def _named(bound: inspect.BoundArguments) -> dict[str, Any]:
    """Return arguments by name; those of ``*args`` numbered, those of ``**kwargs`` by keyword."""
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            named.update({f"{name}[{i}]": x for i, x in enumerate(value)})
        elif kind is inspect.Parameter.VAR_KEYWORD:
            named.update(value)
        else:
            named[name] = value
    return named


def _replace(bound: inspect.BoundArguments, inputs: Mapping[str, Any]) -> None:
    """Put the tensors into the places of the arguments."""
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            bound.arguments[name] = tuple(inputs[f"{name}[{i}]"] for i in range(len(value)))
        elif kind is inspect.Parameter.VAR_KEYWORD:
            bound.arguments[name] = {keyword: inputs[keyword] for keyword in value}
        else:
            bound.arguments[name] = inputs[name]


def _chosen(
    wrt: str | Sequence[str] | None, binding: _Binding, inputs: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the names of the inputs that derivatives are wanted for."""
    if wrt is None:
        return tuple(inputs)
    chosen: list[str] = []
    for name in (wrt,) if isinstance(wrt, str) else tuple(wrt):
        if name in binding.structures:
            chosen += binding.paths(name)
        elif name in inputs:
            chosen.append(name)
        else:
            known = [
                *binding.structures,
                *(path for path in inputs if path not in binding.structures),
            ]
            near = difflib.get_close_matches(str(name), known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"trace: wrt names {name!r}, which is no argument; the arguments are "
                f"{', '.join(known)}{hint}"
            )
    return tuple(chosen)


def call_with_names(
    f: Callable[..., Any],
    call: Callable[[], Any],
    visit: Callable[[FrameType, str, Any], None] | None = None,
) -> tuple[Any, dict[str, Tensor]]:
    """Return the result of a call, and the tensors in the local variables of `f` by their names.

    They are read from the frame of the first call of `f`, which a profile hook of this thread
    finds; `visit` gets all events of the hook. If another profiler runs it is left alone, and
    there are no names.
    """
    code = getattr(inspect.unwrap(f), "__code__", None)
    names: dict[str, Tensor] = {}
    if sys.getprofile() is not None or (visit is None and not isinstance(code, CodeType)):
        return call(), names
    frames: list[FrameType] = []

    def on_event(frame: FrameType, event: str, arg: Any) -> None:
        if event == "call" and frame.f_code is code and not frames:
            frames.append(frame)
            # To be told of every call that follows would double the time.
            sys.setprofile(visit)
        if visit is not None:
            visit(frame, event, arg)

    sys.setprofile(on_event if isinstance(code, CodeType) else visit)
    try:
        result = call()
    finally:
        sys.setprofile(None)
    while frames:
        # Its caller is this function: a name for it would be a reference cycle.
        names.update({k: v for k, v in frames[-1].f_locals.items() if type(v) is Tensor})
        frames.pop().clear()
    return result, names
