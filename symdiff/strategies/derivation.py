"""What a strategy returns."""

from __future__ import annotations

from dataclasses import dataclass

from symdiff.construct import Expr

__all__ = ["Derivation"]


@dataclass(frozen=True)
class Derivation:
    """A value and its partial derivatives, in full and in terms of named intermediates.

    Attributes
    ----------
    value : sympy.Expr
        In the symbols of the inputs only.
    partials : list of sympy.Expr
        One a symbol, in the symbols of the inputs only.
    lets : list of tuple of sympy.Symbol and sympy.Expr
        The named intermediates, each in terms of inputs and of those before it.
    value_form : sympy.Expr
        The value in terms of the intermediates.
    partial_forms : list of sympy.Expr
        The partials in terms of the intermediates.

    Examples
    --------
    >>> import sympy
    >>> from symdiff.strategies import shared
    >>> x = sympy.Symbol("x", real=True)
    >>> derivation = shared(sympy.tanh(x), [x])
    >>> derivation.lets, derivation.value_form, derivation.partial_forms
    ([(v1, tanh(x))], v1, [1 - v1**2])
    """

    value: Expr
    partials: list[Expr]
    lets: list[tuple[Expr, Expr]]
    value_form: Expr
    partial_forms: list[Expr]
