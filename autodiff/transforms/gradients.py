"""Transforms: functions that turn a function into its derivative. Thin layers over the passes."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.core.libraries import ADAPTERS, called_wrapped, elsewhere, own_copy
from autodiff.core.pytrees import flatten
from autodiff.core.tensor import Tensor
from autodiff.graph.passes import in_dtype
from autodiff.transforms.arguments import argument_numbers
from autodiff.transforms.call import Call

__all__ = [
    *("elementwise_grad", "grad", "jvp", "linearize", "matched_tangents", "push_first"),
    *("value_and_grad", "vjp"),
]


def value_and_grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., tuple[Any, Any]]:
    """Return a function that computes the value of `f` and its gradient.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a scalar.
    argnums : int or sequence of int
        Positional arguments to differentiate with respect to: floats, arrays, and nested dicts,
        lists, tuples, NamedTuples and dataclasses of them. Others may be anything.
    has_aux : bool
        Whether `f` returns a pair ``(value, aux)`` of which `aux` is not differentiated.
    holomorphic : bool
        Whether `f` is a holomorphic function of complex arguments: then the gradient is the
        complex derivative. Without it the value must be real; for a complex argument
        x + iy the gradient is then ∂f/∂x − i ∂f/∂y (the convention of JAX and HIPS autograd:
        a VJP is gᵀJ, without conjugation).

    Returns
    -------
    callable
        Called as `f`, it returns ``(value, gradient)``, or ``((value, aux), gradient)``. The
        gradient has the structure, shapes and types of its argument; for a sequence of `argnums`
        it is a tuple.

    Raises
    ------
    TypeError
        On a call, if an argument to differentiate is not of floating-point type.
    ValueError
        On a call, if the result of `f` is not a scalar.

    Examples
    --------
    >>> import numpy as np
    >>> value, gradient = value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    >>> print(value, gradient)
    5.0 [2. 4.]
    """
    single = isinstance(argnums, int | np.integer)
    known: dict[int, tuple[int, ...]] = {}

    @functools.wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        if ADAPTERS:
            # Not by its own name, which would be a circle for what reads closures.
            again = value_and_grad(f, argnums, has_aux=has_aux, holomorphic=holomorphic)
            if (done := called_wrapped(again, args, kwargs)) is not None:
                return done  # type: ignore[no-any-return]
        chosen = known.get(len(args))
        if chosen is None:
            chosen = known[len(args)] = argument_numbers(argnums, len(args), "grad")
        call = Call(f, args, kwargs, chosen, "grad", brief=True, has_aux=has_aux)
        value = call.scalar(holomorphic)
        gradients = call.pull(None, consume=True)
        return (value, call.aux) if has_aux else value, call.arguments(gradients, single)

    return value_and_gradient


def grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Return a function that computes the gradient of `f`.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a scalar.
    argnums : int or sequence of int
        Positional arguments to differentiate with respect to: floats, arrays, and nested dicts,
        lists, tuples, NamedTuples and dataclasses of them. Others may be anything.
    has_aux : bool
        Whether `f` returns a pair ``(value, aux)`` of which `aux` is not differentiated.
    holomorphic : bool
        Whether `f` is a holomorphic function of complex arguments: then the gradient is the
        complex derivative. Without it the value must be real; for a complex argument
        x + iy the gradient is then ∂f/∂x − i ∂f/∂y (the convention of JAX and HIPS autograd:
        a VJP is gᵀJ, without conjugation).

    Returns
    -------
    callable
        Called as `f`, it returns the gradient in the structure of the argument, or
        ``(gradient, aux)``; for a sequence of `argnums`, a tuple. Gradients nest:
        ``grad(grad(f))`` is the second derivative.

    Raises
    ------
    TypeError
        On a call, if an argument to differentiate is not of floating-point type.
    ValueError
        On a call, if the result of `f` is not a scalar.

    Examples
    --------
    >>> import numpy as np
    >>> grad(np.tanh)(0.0)
    1.0
    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    >>> grad(lambda p: p["w"] * p["b"])({"w": 2.0, "b": 5.0})
    {'w': 5.0, 'b': 2.0}
    >>> grad(lambda z: z * z, holomorphic=True)(1 + 3j)
    (2+6j)
    """
    both = value_and_grad(f, argnums, has_aux=has_aux, holomorphic=holomorphic)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, gradients = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return gradient


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Return the value of `f` and the function that pulls a cotangent back through it.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a number or an array, or a nested structure of them.
    *primals : float, array or nested structure
        Arguments, all differentiated.
    has_aux : bool
        Whether `f` returns a pair ``(out, aux)`` of which `aux` is not differentiated.

    Returns
    -------
    out : array or nested structure
        The value of `f`.
    pullback : callable
        ``pullback(cotangent)``, with a cotangent of the structure and shapes of `out`, returns a
        tuple: for each argument the cotangent times the Jacobian (gᵀJ, without conjugation), in
        the argument's structure. It can be called again.
    aux : object
        Only if `has_aux`.

    Raises
    ------
    TypeError
        If an argument is not of floating-point type, or a cotangent has another structure.
    ValueError
        If a cotangent has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> out, pullback = vjp(lambda x: x * np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback(np.array([1.0, 0.0]))[0]
    array([1., 0.])
    """
    # The pullback may come at any time: until then the caller must be free to change the arrays.
    if ADAPTERS and (done := called_wrapped(vjp, (f, *primals), {"has_aux": has_aux})) is not None:
        return done  # type: ignore[no-any-return]
    own = tuple(_own(x) for x in primals)
    call = Call(f, own, {}, range(len(own)), "vjp", has_aux=has_aux)

    def pulled(cotangent: Any) -> tuple[Any, ...]:
        leaves, structure = flatten(cotangent)
        if structure != call.structure:
            raise TypeError(
                f"vjp: the cotangent has the parts {structure.paths('g')}, the result "
                f"{call.structure.paths('g')}: they must be the same"
            )
        _check_shapes("vjp: the cotangent", leaves, call.values, structure.paths())
        gradients: tuple[Any, ...] = call.arguments(call.pull(leaves), single=False)
        return gradients

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        done = called_wrapped(pulled, (cotangent,), {}) if ADAPTERS else None
        return pulled(cotangent) if done is None else done

    value = _own(call.value)
    return (value, pullback, _own(call.aux)) if has_aux else (value, pullback)


def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], *, has_aux: bool = False
) -> tuple[Any, ...]:
    """Return the value of `f` and its derivative along a direction: forward mode.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a number or an array, or a nested structure of them.
    primals : sequence of float, array or nested structure
        The positional arguments.
    tangents : sequence
        The direction: for each argument a tangent of its structure and shapes.
    has_aux : bool
        Whether `f` returns a pair ``(out, aux)`` of which `aux` is not differentiated.

    Returns
    -------
    out : array or nested structure
        The value of `f`.
    out_dot : array or nested structure
        The Jacobian times the tangent.
    aux : object
        Only if `has_aux`.

    Raises
    ------
    TypeError
        If `primals` or `tangents` is no tuple or list, or their structures differ.
    ValueError
        If their numbers or shapes differ.

    Examples
    --------
    >>> out, out_dot = jvp(lambda x, y: x * y, (3.0, 4.0), (1.0, 0.5))
    >>> print(out, out_dot)
    12.0 5.5
    """
    given = (f, primals, tangents)
    if ADAPTERS and (done := called_wrapped(jvp, given, {"has_aux": has_aux})) is not None:
        return done  # type: ignore[no-any-return]
    leaves = matched_tangents("jvp", primals, tangents)
    call = Call(f, tuple(primals), {}, range(len(primals)), "jvp", has_aux=has_aux)
    out_dot = call.structure.unflatten(call.push(_in_dtypes(leaves, call)))
    return (call.value, out_dot, call.aux) if has_aux else (call.value, out_dot)


def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Return the value of `f` and its linear approximation there, which can be called again.

    Parameters
    ----------
    f : callable
        Plain NumPy function that returns a number or an array, or a nested structure of them. It
        is called once.
    *primals : float, array or nested structure
        Arguments, all differentiated.

    Returns
    -------
    out : array or nested structure
        The value of `f`.
    pushforward : callable
        ``pushforward(*tangents)``, with a tangent of the structure and shapes of each argument,
        returns the Jacobian times the tangents in the structure of `out`: `jvp` without the cost
        of the function.

    Raises
    ------
    TypeError
        If an argument is not of floating-point type, or the tangents have another structure.
    ValueError
        If their numbers or shapes differ.

    Examples
    --------
    >>> out, pushforward = linearize(lambda x, y: x * y, 3.0, 4.0)
    >>> print(out, pushforward(1.0, 0.0), pushforward(0.0, 1.0))
    12.0 4.0 3.0
    """
    if ADAPTERS and (done := called_wrapped(linearize, (f, *primals), {})) is not None:
        return done  # type: ignore[no-any-return]
    own = tuple(_own(x) for x in primals)
    call = Call(f, own, {}, range(len(own)), "linearize")

    def pushed(*tangents: Any) -> Any:
        leaves = matched_tangents("linearize", own, tangents)
        return _own(call.structure.unflatten(call.push(_in_dtypes(leaves, call))))

    def pushforward(*tangents: Any) -> Any:
        done = called_wrapped(pushed, tangents, {}) if ADAPTERS else None
        return pushed(*tangents) if done is None else done

    return _own(call.value), pushforward


def elementwise_grad(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    """Return the derivative of a function that acts on each element, for all elements at once.

    Parameters
    ----------
    f : callable
        Plain NumPy function each of whose results depends on one element of its argument, as
        ``np.sin`` does. Of others it gives the column sums of the Jacobian. Of complex arguments
        it must be holomorphic.
    argnum : int
        Positional argument to differentiate with respect to.

    Returns
    -------
    callable
        Called as `f`, it returns the derivative in the shape of the argument.

    Examples
    --------
    >>> import numpy as np
    >>> elementwise_grad(elementwise_grad(np.sin))(np.array([0.0, 1.0])).round(4)
    array([-0.    , -0.8415])
    """

    @functools.wraps(f)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        if (
            ADAPTERS
            and (done := called_wrapped(elementwise_grad(f, argnum), args, kwargs)) is not None
        ):
            return done
        chosen = argument_numbers(argnum, len(args), "elementwise_grad")
        call = Call(f, args, kwargs, chosen, "elementwise_grad", brief=True)
        ones = [np.ones_like(value) for value in call.values]
        gradients = call.pull(ones, consume=True)
        return call.arguments(gradients, single=True)

    return derivative


def push_first(what: str, f: Callable[..., Any], args: tuple[Any, ...], tangent: Any) -> Any:
    """Return the Jacobian with respect to the first argument times a tangent."""
    leaves = matched_tangents(what, args[:1], (tangent,))
    call = Call(f, args, {}, [0], what)
    return call.structure.unflatten(call.push(_in_dtypes(leaves, call)))


def matched_tangents(what: str, primals: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
    """Return the leaves of tangents, which must be like the primals."""
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, list | tuple):
            raise TypeError(
                f"{what}: {name} is a {type(given).__name__}; a tuple is needed, one item for each "
                f"argument: {what}(f, (x,), (v,))"
            )
    if len(primals) != len(tangents):
        raise ValueError(f"{what}: {len(primals)} primals and {len(tangents)} tangents arrived")
    leaves, structure = flatten(tuple(primals))
    directions, other = flatten(tuple(tangents))
    if structure != other:
        raise TypeError(
            f"{what}: the tangents have the parts {other.paths('t')}, the primals "
            f"{structure.paths('t')}: they must be the same"
        )
    _check_shapes(f"{what}: the tangent of argument", directions, leaves, structure.paths())
    return directions


def _check_shapes(
    what: str, directions: Sequence[Any], values: Sequence[Any], paths: Sequence[str]
) -> None:
    for direction, value, path in zip(directions, values, paths, strict=True):
        if np.shape(direction) != np.shape(value):
            raise ValueError(
                f"{what}{path and ' '}{path} has shape {np.shape(direction)}; "
                f"{np.shape(value)} is expected, that of its primal"
            )


def _in_dtypes(leaves: Sequence[Any], call: Call) -> list[Any]:
    """Return tangents in the types of their primals."""
    return [
        in_dtype(x_dot if hasattr(x_dot, "dtype") else np.asarray(x_dot)[()], x.dtype)
        for x_dot, x in zip(leaves, call.inputs, strict=True)
    ]


def _own(tree: Any) -> Any:
    """Return a nested structure with copies of its arrays."""
    if type(tree) is np.ndarray:
        return np.array(tree)
    leaves, structure = flatten(tree)
    return structure.unflatten(
        [
            np.array(x)
            if type(x) is np.ndarray
            else x
            if elsewhere(x) is None or type(x) is Tensor
            else own_copy(x)
            for x in leaves
        ]
    )
