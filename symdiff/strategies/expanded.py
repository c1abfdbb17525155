"""The closed form: SymPy's `diff`, one parameter at a time, nothing named."""

from __future__ import annotations

from collections.abc import Sequence

from symdiff.construct import Expr
from symdiff.dag import depth, tree_operations
from symdiff.deep import call_deep
from symdiff.errors import ExpressionTooLarge
from symdiff.strategies.derivation import Derivation

__all__ = ["MAX_DEPTH", "MAX_OPERATIONS", "check_size", "expanded"]

MAX_OPERATIONS = 2_000_000  # what CPython compiles in some minutes and gigabytes
MAX_DEPTH = 400  # the time of SymPy's `diff` grows with the cube of it; at 400 it takes a minute


def check_size(what: str, operations: int) -> None:
    """Refuse a formula that is too large to write out.

    Parameters
    ----------
    what : str
        The subject of the message.
    operations : int
        Its operations when nothing is shared.

    Raises
    ------
    ExpressionTooLarge
        If there are more than `MAX_OPERATIONS`.

    Examples
    --------
    >>> check_size("the value", 10)
    """
    if operations > MAX_OPERATIONS:
        size = f"{operations:,}" if operations < 10**15 else f"about 10**{len(str(operations)) - 1}"
        raise ExpressionTooLarge(
            f"{what} writes out to {size} operations, more than {MAX_OPERATIONS:,}; "
            "use strategy='shared', which names what repeats"
        )


def expanded(value: Expr, symbols: Sequence[Expr]) -> Derivation:
    """Return the partial derivatives as closed forms.

    Parameters
    ----------
    value : sympy.Expr
        A normalised expression.
    symbols : sequence of sympy.Symbol
        What to differentiate by.

    Returns
    -------
    Derivation
        Without intermediates.

    Raises
    ------
    ExpressionTooLarge
        If already the value is too large, or nested too deeply: `diff` costs the tree.

    Examples
    --------
    >>> import sympy
    >>> x = sympy.Symbol("x", real=True)
    >>> expanded(sympy.exp(x**2), [x]).partials
    [2*x*exp(x**2)]
    """
    check_size("the value", tree_operations([value]))
    nested = depth([value])
    if nested > MAX_DEPTH:
        raise ExpressionTooLarge(
            f"the value is nested {nested} operations deep, more than {MAX_DEPTH}, and "
            "its closed-form derivative takes the cube of that in time; use strategy='shared', "
            "which names what repeats"
        )
    partials = call_deep(lambda: [value.diff(symbol) for symbol in symbols])
    return Derivation(value, partials, [], value, partials)
