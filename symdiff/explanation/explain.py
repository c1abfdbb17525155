"""Derivations step by step, as on a blackboard: forward by name, backward by the chain rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from symdiff.explanation.entries import explain_entries
from symdiff.explanation.lines import Explanation
from symdiff.explanation.matrices import explain_matrices

__all__ = ["Explanation", "explain"]


def explain(
    f: Callable[..., Any],
    /,
    *,
    at: Mapping[str, Any] | None = None,
    strategy: str = "adjoint",
    inputs: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Explanation:
    """Return the derivation of a gradient step by step, for a reader who learns how it is done.

    Parameters
    ----------
    f : callable
        Returns a scalar. It uses NumPy functions, operators, indexing and loops; or a function that
        `parse` made.
    at : mapping of str to array_like, optional
        A point: then every line ends with its number.
    strategy : {"adjoint", "matrix"}
        Entry by entry, or with whole matrices: then lengths may be names, and there is no point.
    inputs : mapping of str to object, optional
        More arguments of `f`: for those called ``at``, ``strategy`` or ``inputs``.
    **arguments
        Each argument of `f` by name: a shape (``()`` for a scalar), or numbers that stay constants.

    Returns
    -------
    Explanation
        Print it, or read its lines. The names are those of the variables of `f`, where it has some.

    Raises
    ------
    ValueError
        If the result is not a scalar, the point does not fit, or there is no such strategy.
    ExpressionTooLarge
        If there would be more than 300 lines.

    Examples
    --------
    >>> from symdiff import explain
    >>> explain(lambda x, y, z: (x + y) * z, at={"x": -2, "y": 5, "z": -4}, x=(), y=(), z=())
    f(x, y, z), step by step
    <BLANKLINE>
    Forward: every operation gets a name.
      v1 = x + y = 3
      f = v1*z = -12
    <BLANKLINE>
    Backward: from the result to the arguments, by the chain rule.
      ∂f/∂v1 = z = -4
          f = v1*z: the derivative of a product is the other factor.
      ∂f/∂x = ∂f/∂v1 · ∂v1/∂x = ∂f/∂v1 = -4
          v1 = x + y: the derivative of a sum is 1 for every term.
      ∂f/∂y = ∂f/∂v1 · ∂v1/∂y = ∂f/∂v1 = -4
          v1 = x + y: the derivative of a sum is 1 for every term.
      ∂f/∂z = v1 = 3
          f = v1*z: the derivative of a product is the other factor.
    """
    given = {**(inputs or {}), **arguments}
    if strategy == "matrix":
        if at is not None:
            raise ValueError("explain: strategy='matrix' has no numbers; leave out the point, at")
        return explain_matrices(f, given)
    if strategy != "adjoint":
        raise ValueError(f"explain: there is no strategy {strategy!r}; there are adjoint, matrix")
    return explain_entries(f, given, at)
