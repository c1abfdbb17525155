"""Tracing: a plain NumPy function is run on tensors, and what it does becomes a graph."""

import difflib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from types import CodeType, FrameType
from typing import Any

import numpy as np

from autodiff.constants import is_plain
from autodiff.errors import LostDerivative
from autodiff.graph import Graph
from autodiff.tensor import Tape, Tensor

__all__ = ["as_primal", "check_result", "trace"]


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
    named, bind = _named_arguments(f, args, kwargs)
    chosen = _chosen(wrt, named)
    tape = Tape(replayable=True)
    inputs = {
        name: tape.input(as_primal(value, f"trace: argument {name!r}"))
        for name, value in named.items()
    }

    def values(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Mapping[str, Any]:
        given = _flattened(_bound("forward", f, bind, args, kwargs))
        return {
            name: as_primal(value, f"forward: argument {name!r}") for name, value in given.items()
        }

    bound = _bound("trace", f, bind, args, kwargs)
    _replace(bound, inputs)
    with tape:
        output, names = _call_with_names(f, bound)
        check_result(output, "trace")
    graph = Graph(tape, inputs, output, chosen, values, names)
    graph.forget()
    return graph


def as_primal(x: Any, what: str) -> Any:
    """Return an argument as floating-point array, or say why a derivative does not exist.

    Parameters
    ----------
    x : float or array
        The argument.
    what : str
        Names the argument in the message.

    Returns
    -------
    numpy.float64 or array
        Python floats become NumPy floats, so that division by zero gives infinity, not an error.

    Raises
    ------
    TypeError
        If it is not of floating-point type.

    Examples
    --------
    >>> as_primal(3, "grad: argument 0")
    Traceback (most recent call last):
    TypeError: grad: argument 0 is an int; a derivative needs a floating-point number, such as 3.0
    """
    if type(x) is Tensor:
        return x
    if isinstance(x, float) and not isinstance(x, np.generic):
        return np.float64(x)
    if isinstance(x, bool | int):
        raise TypeError(
            f"{what} is {'a bool' if isinstance(x, bool) else 'an int'}; a derivative needs a "
            f"floating-point number, such as {float(x)}"
        )
    dtype = getattr(x, "dtype", None)
    if dtype is None or not is_plain(x):
        raise TypeError(
            f"{what} is a {type(x).__name__}; a derivative needs a float or a floating-point "
            "array: convert it with np.array(..., dtype=float)"
        )
    if dtype.kind == "f":
        return x
    advice = {
        "c": "give the real and the imaginary part as two real arguments",
        "O": "convert it with .astype(float)",
        "i": "convert it with .astype(float), or close over it: lambda w: f(w, labels)",
        "u": "convert it with .astype(float), or close over it: lambda w: f(w, labels)",
        "b": "convert it with .astype(float), or close over it: lambda w: f(w, mask)",
    }.get(dtype.kind, "close over it: lambda w: f(w, names)")
    raise TypeError(
        f"{what} is an array of dtype {dtype}; a derivative needs a floating-point array: {advice}"
    )


def check_result(output: Any, what: str) -> None:
    """Raise if a result holds tensors in a way that would lose them.

    Parameters
    ----------
    output : object
        What the function returned.
    what : str
        Names the caller in the message.

    Raises
    ------
    TypeError
        If it is not a number, an array or a tensor.
    LostDerivative
        If it is an array of tensors.
    """
    if type(output) is Tensor:
        return
    if isinstance(output, np.ndarray) and output.dtype == object:
        raise LostDerivative(
            f"{what}: the function returned an array of objects, in which derivatives are lost: "
            "build it with np.stack"
        )
    if not isinstance(output, float | int | np.generic) and not hasattr(output, "__array_ufunc__"):
        raise TypeError(
            f"{what}: the function returned a {type(output).__name__}; expected one number or "
            "array: join several with np.stack or np.concatenate"
        )


def _bound(
    what: str,
    f: Callable[..., Any],
    signature: inspect.Signature | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> inspect.BoundArguments:
    """Return the arguments bound to the parameters of the function."""
    assert signature is not None
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        name = getattr(f, "__name__", "the function")
        raise TypeError(f"{what}: {name}{signature}: {error}") from None


def _named_arguments(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[dict[str, Any], inspect.Signature]:
    """Return the arguments by name, and the signature that binds a later call."""
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        # Universal functions and some builtins have no signature: number the arguments.
        kind = inspect.Parameter.POSITIONAL_ONLY
        signature = inspect.Signature([inspect.Parameter(f"x{i}", kind) for i in range(len(args))])
    return _flattened(_bound("trace", f, signature, args, kwargs)), signature


def _flattened(bound: inspect.BoundArguments) -> dict[str, Any]:
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


def _replace(bound: inspect.BoundArguments, inputs: Mapping[str, Tensor]) -> None:
    """Put the tensors into the places of the arguments."""
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            bound.arguments[name] = tuple(inputs[f"{name}[{i}]"] for i in range(len(value)))
        elif kind is inspect.Parameter.VAR_KEYWORD:
            bound.arguments[name] = {keyword: inputs[keyword] for keyword in value}
        else:
            bound.arguments[name] = inputs[name]


def _chosen(wrt: str | Sequence[str] | None, named: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the arguments that derivatives are wanted for."""
    if wrt is None:
        return tuple(named)
    chosen = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    for name in chosen:
        if name not in named:
            near = difflib.get_close_matches(str(name), named, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"trace: wrt names {name!r}, which is no argument; the arguments are "
                f"{', '.join(named)}{hint}"
            )
    return chosen


def _call_with_names(
    f: Callable[..., Any], bound: inspect.BoundArguments
) -> tuple[Any, dict[str, Tensor]]:
    """Return the result of a call, and the tensors in its local variables by their names.

    The variables are read when the function returns, by a profile hook of this thread. If
    another profiler runs it is left alone, and there are no names.
    """
    code = getattr(inspect.unwrap(f), "__code__", None)
    if not isinstance(code, CodeType) or sys.getprofile() is not None:
        return f(*bound.args, **bound.kwargs), {}
    names: dict[str, Tensor] = {}

    def on_event(frame: FrameType, event: str, arg: Any) -> None:
        if event == "return" and frame.f_code is code:
            names.update({k: v for k, v in frame.f_locals.items() if type(v) is Tensor})

    sys.setprofile(on_event)
    try:
        output = f(*bound.args, **bound.kwargs)
    finally:
        sys.setprofile(None)
    return output, names
