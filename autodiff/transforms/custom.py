"""Functions with rules of their own: a user's, recomputation, and no derivative at all."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from autodiff.core.batched import innermost
from autodiff.core.batching import batch_tape, broadcast, each, in_batch, of_batch
from autodiff.core.constants import is_plain
from autodiff.core.primitive import Primitive, discrete
from autodiff.core.pytrees import Structure, flatten
from autodiff.core.tensor import Tensor, assembled, record
from autodiff.errors import LostDerivative, Undifferentiable
from autodiff.transforms.call import Call

__all__ = ["checkpoint", "custom", "stop_gradient"]


def custom(
    f: Callable[..., Any],
    vjps: Mapping[int, Callable[..., Any]] | None = None,
    jvps: Mapping[int, Callable[..., Any]] | None = None,
) -> Callable[..., Any]:
    """Return a function that is differentiated by rules of the user's own.

    Use it for what the engine cannot see into (a compiled library, a lookup in a file), and where a
    formula is known that is faster or more stable than the chain rule.

    Parameters
    ----------
    f : callable
        Called with plain arrays only: ``f(*args, **kwargs)``, which returns one array or number.
    vjps : mapping of int to callable
        For the number of each positional argument ``vjp(out, *args, **kwargs)``, which returns a
        function from the cotangent of `out` to that of the argument, in its shape.
    jvps : mapping of int to callable
        For the number of each positional argument ``jvp(tangent, out, *args, **kwargs)``: the
        tangent of `out`. Rules that are themselves made of NumPy functions give higher derivatives.

    Returns
    -------
    callable
        Called as `f`, with tensors and numbers as positional arguments.

    Raises
    ------
    Undifferentiable
        When a derivative is asked for whose rule is not given.
    ValueError
        When a rule returns another shape than is due.

    Examples
    --------
    >>> import math, autodiff
    >>> gamma = custom(math.lgamma, vjps={0: lambda out, x: lambda g: g * -0.5772156649})
    >>> autodiff.grad(gamma)(1.0)
    -0.5772156649
    """
    name = getattr(f, "__name__", "function")
    rules = {"vjps": dict(vjps or {}), "jvps": dict(jvps or {})}
    for kind, given in rules.items():
        for argnum, rule in given.items():
            if not isinstance(argnum, int) or argnum < 0 or not callable(rule):
                raise TypeError(
                    f"custom: {kind} is a dict from argument numbers, counted from 0, to "
                    f"functions; it holds {argnum!r}: {rule!r}"
                )

    def missing(kind: str, argnum: int) -> NoReturn:
        raise Undifferentiable(
            f"custom: {name} has no {kind[:-1]} for argument {argnum}: give it as "
            f"custom({name}, {kind}={{{argnum}: ...}})"
        )

    def vjp(g: Any, out: Any, *args: Any, argnum: int, **kwargs: Any) -> Any:
        rule = rules["vjps"].get(argnum) or missing("vjps", argnum)

        def pull(g: Any, out: Any, *args: Any) -> Any:
            lent, kept = _lent(out), [_lent(x) for x in args]
            x_bar = rule(lent, *kept, **kwargs)(_copied(g))
            return _of_shape(x_bar, args[argnum], f"vjp of {name}", argnum)

        # Rules of a user need not know of batches.
        return each(pull, (g, out, *args), name)

    def jvp(x_dot: Any, out: Any, *args: Any, argnum: int, **kwargs: Any) -> Any:
        rule = rules["jvps"].get(argnum) or missing("jvps", argnum)

        def push(x_dot: Any, out: Any, *args: Any) -> Any:
            lent, kept = _lent(out), [_lent(x) for x in args]
            out_dot = rule(_copied(x_dot), lent, *kept, **kwargs)
            return _of_shape(out_dot, out, f"jvp of {name}", argnum)

        return each(push, (x_dot, out, *args), name)

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        for key, value in kwargs.items():
            if _holds_tensors(value):
                raise LostDerivative(
                    f"custom: {name}: {key}= is a tensor; derivatives are taken with respect to "
                    "positional arguments only: give it by position"
                )
        args = tuple([_put_together(x) for x in args])
        for argnum, x in enumerate(args):
            if type(x) is not Tensor and _holds_tensors(x):
                raise LostDerivative(
                    f"custom: {name}: argument {argnum} is a {type(x).__name__} that holds "
                    "tensors; a rule belongs to one array: give each as an argument, or np.stack "
                    "them"
                )
        if any([type(x) is Tensor for x in args]):
            return record(primitive, args, kwargs)
        return f(*args, **kwargs)

    def value(*args: Any, **kwargs: Any) -> Any:
        if any([type(x) is Tensor for x in args]):
            return record(primitive, args, kwargs)
        # What f writes into its arguments must not change the values of the graph.
        out = f(*[_copied(x) for x in args], **kwargs)
        # An array, not a number of Python's, so that shape and type are there to ask for.
        return out if hasattr(out, "dtype") else np.asarray(out, float)[()]

    primitive = Primitive(name, value, "general", (vjp,), (jvp,), variadic=True, complex=True)
    return call


def _copied(x: Any) -> Any:
    """Return an array that a user's function may write into."""
    return x.copy() if isinstance(x, np.ndarray) else x


def _lent(x: Any) -> Any:
    """Return a view of an array that a user's rule can read only."""
    if isinstance(x, np.ndarray):
        x = x.view()
        x.flags.writeable = False
    return x


def _put_together(x: Any) -> Any:
    """Return an argument, of an array of objects the tensor that it makes up."""
    return assembled(x) if type(x) is np.ndarray and x.dtype == object else x


def _holds_tensors(tree: Any) -> bool:
    """Return whether tensors are anywhere in a structure, if only in an array of objects."""
    return any([type(_put_together(x)) is Tensor for x in flatten(tree)[0]])


def _of_shape(result: Any, like: Any, what: str, argnum: int) -> Any:
    result = result if hasattr(result, "dtype") else np.asarray(result)[()]
    if np.shape(result) != np.shape(like):
        raise ValueError(
            f"custom: the {what} for argument {argnum} returned shape {np.shape(result)}; "
            f"{np.shape(like)} is expected"
        )
    return result


def stop_gradient(x: Any) -> Any:
    """Return the value of a tensor as a constant: no derivative passes, of any order.

    Parameters
    ----------
    x : float, array, tensor or nested structure
        What is to be held constant.

    Returns
    -------
    array or nested structure
        The same values.

    Examples
    --------
    >>> import autodiff
    >>> autodiff.grad(lambda x: x * stop_gradient(x))(3.0)
    3.0
    """
    leaves, structure = flatten(x)
    return structure.unflatten([_stopped(leaf) for leaf in leaves])


def _stopped(x: Any) -> Any:
    x = _put_together(x)
    if type(x) is Tensor:
        # Recorded, so that a graph which runs again computes it anew.
        return record(_STOP, (x,))
    if isinstance(x, float | int | complex | str | bytes) or (is_plain(x) and x.dtype.kind != "O"):
        return x
    raise TypeError(
        f"stop_gradient: a {type(x).__name__} arrived, which may hold tensors; numbers, arrays, "
        "and dicts, lists, tuples, NamedTuples and dataclasses of them are expected"
    )


_STOP = discrete(_stopped, "stop_gradient", broadcast)


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is computed again in the backward pass instead of being stored.

    Of a long computation made of checkpointed parts only what goes in and out of the parts is kept
    in memory (Griewank 1992; Chen et al., Training deep nets with sublinear memory cost, 2016), for
    one more evaluation.

    Parameters
    ----------
    f : callable
        Plain NumPy function. Everything that it differentiates must be a positional argument, if
        only nested in one: a tensor that it closes over raises an error.

    Returns
    -------
    callable
        Called as `f`.

    Raises
    ------
    LostDerivative
        On a call, if `f` closes over a tensor.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> layer = checkpoint(lambda h, w: np.tanh(h @ w))
    >>> h, w = np.ones(2), np.eye(2)
    >>> autodiff.grad(lambda w: np.sum(layer(layer(h, w), w)))(w).round(4)
    array([[0.6945, 0.6945],
           [0.6945, 0.6945]])
    """
    name = getattr(f, "__name__", "function")

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = flatten(args)
        places = [i for i, x in enumerate(leaves) if type(x) is Tensor]
        if any(type(x) is Tensor for x in flatten(kwargs)[0]):
            raise LostDerivative(
                f"checkpoint: {name}: an argument by keyword is a tensor; give it by position"
            )
        if not places:
            return f(*args, **kwargs)
        outputs: list[Structure] = []
        shapes: list[tuple[int, ...]] = []

        def packed(*tensors: Any) -> Any:
            """Return all results as one vector."""
            filled = list(leaves)
            for place, x in zip(places, tensors, strict=True):
                filled[place] = x
            results, form = flatten(f(*structure.unflatten(filled), **kwargs))
            outputs[:], shapes[:] = [form], [np.shape(x) for x in results]
            return np.concatenate([np.reshape(x, (-1,)) for x in results])

        out = _recomputed(packed, [leaves[i] for i in places], name)
        ends = np.cumsum([int(np.prod(shape, dtype=int)) for shape in shapes])
        starts = [0, *ends[:-1]]
        return outputs[0].unflatten(
            [
                # A number stays one, where reshape would make an array without axes.
                np.reshape(out[int(start) : int(end)], shape) if shape else out[int(start)]
                for start, end, shape in zip(starts, ends, shapes, strict=True)
            ]
        )

    return call


def _recomputed(f: Callable[..., Any], tensors: Sequence[Tensor], name: str) -> Any:
    """Record a function of tensors as one node whose derivatives run it again."""

    def value(*xs: Any) -> Any:
        # Tensors of an outer trace record there: also as one node.
        if any([type(x) is Tensor for x in xs]):
            return record(primitive, xs)
        # In a trace of its own: what f leaves elsewhere is then no number that looks like one.
        out = Call(f, xs, {}, range(len(xs)), "checkpoint").value
        if type(out) is Tensor:
            raise LostDerivative(
                f"checkpoint: {name} closes over a tensor, whose derivative would be lost: "
                "give it as an argument"
            )
        return out

    def again(out: Any, xs: tuple[Any, ...]) -> Call:
        call = Call(f, xs, {}, range(len(xs)), "checkpoint")
        before, now = innermost(out), innermost(call.value)
        # The same operations on arrays that lie elsewhere in memory may be rounded differently.
        rtol = float(np.finfo(now.dtype).eps) ** 0.5 if now.dtype.kind in "fc" else 0.0
        if not np.allclose(now, before, rtol, 1e-12, equal_nan=True):
            raise ValueError(
                f"checkpoint: {name} gave another result when it was computed again, so the "
                "derivative would be wrong: it must not depend on random numbers, or on arrays "
                "that change after the call; give them as arguments"
            )
        return call

    def pull(g: Any, out: Any, *xs: Any) -> list[Any]:
        return again(out, xs).pull([g])

    def push(x_dots: Sequence[Any], out: Any, *xs: Any) -> Any:
        return again(out, xs).push(x_dots)[0]

    def batch(_: Primitive, xs: list[Any], on: list[bool], params: Any) -> Any:
        """Recompute the function of the batch, not each element."""
        size = next(x.shape[0] for x, mine in zip(xs, on, strict=True) if mine)

        def every(*arrays: Any) -> Any:
            tape = batch_tape()
            with tape:
                operands = [in_batch(tape, x) if i else x for x, i in zip(arrays, on, strict=True)]
                out = of_batch(tape, f(*operands), size)
            tape.end()
            return out

        return _recomputed(every, xs, name)

    primitive = Primitive(
        f"checkpoint({name})", value, "general", complex=True, joint=(pull, push), batch=batch
    )
    return record(primitive, tuple(tensors))
