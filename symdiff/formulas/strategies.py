"""The table of strategies, and `gradient`, which derives by one of them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, overload

import sympy

from symdiff.errors import COMPARISON, Untraceable, nearest
from symdiff.formulas.given import function_of
from symdiff.formulas.gradient import Gradient
from symdiff.matrix import MatrixGradient, matrix_gradient
from symdiff.strategies import DERIVATIONS
from symdiff.tracing.structures import in_numbers, is_shape, leaves, name_leaves
from symdiff.tracing.trace import Expression, trace

__all__ = ["STRATEGIES", "derive_entries", "gradient"]


def _selected(
    wrt: str | Sequence[str] | None, traced: Expression, given: Sequence[str]
) -> list[str]:
    """Return the arguments to differentiate by, checked."""
    symbolic = ", ".join(traced.inputs) or "none"
    if wrt is None:
        return list(traced.inputs)
    chosen = [wrt] if isinstance(wrt, str) else list(wrt)
    names = []
    for name in chosen:
        if name in traced.inputs or name in traced.structures:
            names += [name] if name in traced.inputs else leaves(traced.structures[name])
            continue
        if name in given:
            raise ValueError(
                f"wrt: argument {name!r} is a constant; give it a shape in place of numbers to "
                f"differentiate by it.{nearest(name, traced.inputs)} The symbolic arguments are "
                f"{symbolic}"
            )
        raise ValueError(
            f"wrt: the function has no argument {name!r}.{nearest(name, traced.inputs)} "
            f"The symbolic arguments are {symbolic}"
        )
    return list(dict.fromkeys(names))


def derive_entries(
    strategy: str,
    f: Callable[..., Any],
    /,
    *,
    wrt: str | Sequence[str] | None,
    inputs: Mapping[str, Any],
) -> Gradient:
    """Return the gradient of a function as formulas of entries, by a derivation of its graph."""
    traced = trace(f, inputs=inputs)
    names = _selected(wrt, traced, list(inputs))
    if traced.nodes.ndim:
        raise ValueError(
            f"gradient: the function returned an array of shape {traced.nodes.shape}, a scalar is "
            "needed; sum it (np.sum) or select one entry"
        )
    if traced.is_condition:
        raise TypeError(COMPARISON)
    symbols = [node for name in names for node in traced.inputs[name].ravel().tolist()]
    parts = DERIVATIONS[strategy](traced.dag, int(traced.nodes), symbols)
    return Gradient(strategy, traced.inputs, names, parts, traced.structures)


#: Each derives the gradient of a function, given ``wrt`` and ``inputs`` as `gradient` is.
STRATEGIES: dict[str, Callable[..., Gradient | MatrixGradient]] = {
    **{name: functools.partial(derive_entries, name) for name in DERIVATIONS},
    "matrix": matrix_gradient,
}


_SMALL = 20_000  # entries of arguments up to which another strategy is tried for an advice


def _sizes(given: Mapping[str, Any]) -> tuple[list[Any], dict[str, int]]:
    """Return the shapes of arguments, and numbers for the names of lengths in them."""
    shapes = [leaf for leaf in name_leaves(given)[0].values() if is_shape(leaf)]
    names = sorted({str(n) for shape in shapes for n in shape if not isinstance(n, int)})
    return shapes, {name: 3 + k for k, name in enumerate(names)}


def _with_numbers(f: Callable[..., Any], given: Mapping[str, Any]) -> str:
    """Return the advice to give numbers in place of names of lengths, where that helps."""
    _, sizes = _sizes(given)
    if not sizes:
        return ""
    try:
        matrix_gradient(f, inputs=in_numbers(given, sizes))
    except Exception:  # whatever the function does: numbers do not help
        return ""
    return "; strategy='matrix' derives this function with numbers as lengths, not with names"


def _who_can(f: Callable[..., Any], strategy: str, given: Mapping[str, Any]) -> str:
    """Return the advice to use another strategy, where that traces the function."""
    shapes, sizes = _sizes(given)
    if sum(math.prod(sizes.get(str(n), n) for n in shape) for shape in shapes) > _SMALL:
        return ""
    try:
        if strategy == "matrix":
            trace(f, inputs=in_numbers(given, sizes))
            lengths = " with numbers as lengths" if sizes else ""
            return f"; use strategy='shared'{lengths}, which derives this function"
        matrix_gradient(f, inputs=given)
    except Exception:  # whatever the function does: this strategy does not help either
        return ""
    return "; use strategy='matrix', which derives this function"


@overload
def gradient(
    f: Callable[..., Any] | str | sympy.Basic,
    /,
    *,
    wrt: str | Sequence[str] | None = None,
    strategy: Literal["matrix"],
    inputs: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> MatrixGradient: ...


@overload
def gradient(
    f: Callable[..., Any] | str | sympy.Basic,
    /,
    *,
    wrt: str | Sequence[str] | None = None,
    strategy: str = "shared",
    inputs: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Gradient: ...


def gradient(
    f: Callable[..., Any] | str | sympy.Basic,
    /,
    *,
    wrt: str | Sequence[str] | None = None,
    strategy: str = "shared",
    inputs: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Gradient | MatrixGradient:
    """Return the gradient of a plain NumPy function as formulas.

    Parameters
    ----------
    f : callable, str or sympy.Basic
        Returns a scalar. It uses NumPy functions, operators, indexing and loops; no special import.
        Or a formula: text for `parse`, or an expression of SymPy, also one of matrices; what has no
        shape then is a scalar, or has that of its symbol.
    wrt : str or sequence of str, optional
        Arguments to differentiate by; every symbolic one if not given.
    strategy : str
        How to derive: a name in `STRATEGIES`. ``matrix`` gives formulas of whole matrices (see
        `symdiff.matrix.matrix_gradient`) and also takes names as lengths.
    inputs : mapping of str to object, optional
        More arguments of `f`: for those called ``wrt``, ``strategy`` or ``inputs``.
    **arguments
        Each argument of `f` by name: a shape (tuple of ints, ``()`` for a scalar) becomes symbols,
        an array or a number stays a constant. Lists, tuples, dicts, named tuples and dataclasses
        may hold them: the gradient then takes and gives the same structures.

    Returns
    -------
    Gradient or MatrixGradient
        Formulas to read, print and run.

    Raises
    ------
    ValueError
        If the result is not a scalar, or `wrt` or `strategy` is not known.
    TypeError
        If an argument of `f` is missing, unknown or holds no real numbers.
    Untraceable
        If `f` calls what has no symbolic meaning.
    ExpressionTooLarge
        If ``expanded`` would have to write out too much.

    Notes
    -----
    At special points all strategies give one derivative: 0 at the origin of a norm, an even share
    where a maximum ties, nothing from a branch that a choice does not take, and 0 for a root whose
    other factor vanishes with it, as in ``sin(x) * sqrt(x)``. Where a formula does not decide it
    (``cos(sqrt(x))`` at 0) the result is NaN. Logistic functions keep their digits in both tails,
    and ``1/cosh(x)``, ``x/(exp(x) - 1)``, ``log(cosh(x))`` and ``log(erfc(x))`` do not overflow;
    the derivative of tanh is 1 - tanh², which has an error of 1e-16 and rounds to 0 beyond 19.

    Examples
    --------
    >>> import numpy as np
    >>> g = gradient(lambda w, x: np.exp(w @ x), wrt="w", w=(2,), x=(2,))
    >>> g.partials["w"][0]
    x[0]*exp(w[0]*x[0] + w[1]*x[1])
    >>> g(w=[0, 0], x=[1, 2])
    {'w': array([1., 2.])}
    >>> g = gradient(lambda p: np.sum(p["w"] ** 2) * p["b"], p={"w": (2,), "b": ()})
    >>> g(p={"w": [1, 2], "b": 3})
    {'p': {'w': array([ 6., 12.]), 'b': 5.0}}
    >>> gradient("x^2 * y").partials
    {'x': 2*x*y, 'y': x**2}
    """
    if strategy not in STRATEGIES:
        raise ValueError(
            f"there is no strategy {strategy!r}.{nearest(str(strategy), STRATEGIES)} "
            f"Known strategies: {', '.join(STRATEGIES)}"
        )
    f, given = function_of(f, {**(inputs or {}), **arguments})
    try:
        return STRATEGIES[strategy](f, wrt=wrt, inputs=given)
    except Untraceable as error:
        error.args = (f"{error}{_who_can(f, strategy, given)}",)
        raise
    except TypeError as error:
        if strategy == "matrix" and not isinstance(error, Untraceable):
            error.args = (f"{error}{_with_numbers(f, given)}",)
        raise
