"""The lines of a derivation, and the derivation that is printed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from symdiff.errors import ExpressionTooLarge

__all__ = ["Explanation", "Line", "check_length", "slope", "title", "used_again"]

_LINES = 300


@dataclass(frozen=True)
class Line:
    """One line of a derivation.

    Attributes
    ----------
    left : str
        What is computed: ``v1``, or ``∂f/∂v1``.
    chain : str
        The chain rule in symbols, ``∂f/∂v1 · ∂v1/∂x``; empty in the forward pass, and where the
        result itself is the only user.
    right : str
        The formula, in terms of the lines before.
    rules : tuple of str
        Why, in a sentence each.
    number : float or None
        Its value at the point, if one was given.
    equation : tuple of str
        Left side, chain and right side as LaTeX.
    """

    left: str
    chain: str
    right: str
    rules: tuple[str, ...] = ()
    number: float | None = None
    equation: tuple[str, str, str] = ("", "", "")

    def latex(self) -> str:
        """Return the line as LaTeX, aligned at the equals sign, its reasons behind it."""
        left, *sides = (side for side in self.equation if side)
        number = typeset_number(self.number)
        if number and sides[-1:] != [number]:
            sides.append(number)
        reasons = dict.fromkeys(rule.partition(": ")[2] or rule for rule in self.rules)
        return f"{left} &= {' = '.join(sides)}" + (_beside(reasons) if reasons else "")

    def __str__(self) -> str:
        parts = [self.left, *([self.chain] if self.chain else []), self.right]
        if self.number is not None and parts[-1] != f"{self.number:.6g}":
            parts.append(f"{self.number:.6g}")
        return " = ".join(parts)


@dataclass(frozen=True, repr=False)
class Explanation:
    """A derivation: its lines as data, and as text that can be read aloud.

    Attributes
    ----------
    title : str
        What is derived.
    forward : list of Line
        One operation a line, in the order of computation.
    backward : list of Line
        One derivative a line, from the result back to the arguments.
    note : str
        What a reader of the backward lines has to know.

    Examples
    --------
    >>> from symdiff import explain
    >>> [line.left for line in explain(lambda x: x**2, x=()).backward]
    ['∂f/∂x']
    """

    title: str
    forward: list[Line]
    backward: list[Line]
    note: str = ""

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        parts = [self.title, "", "Forward: every operation gets a name."]
        parts += [f"  {line}" for line in self.forward]
        parts += ["", "Backward: from the result to the arguments, by the chain rule."]
        parts += [f"{self.note}"] if self.note else []
        for line in self.backward:
            parts += [f"  {line}", *(f"      {rule}" for rule in line.rules)]
        return "\n".join(parts)

    def latex(self) -> str:
        r"""Return the derivation as LaTeX, a line a step, with the reason beside each.

        Returns
        -------
        str
            An ``aligned`` environment, without dollar signs.

        Examples
        --------
        >>> import numpy as np
        >>> from symdiff import explain
        >>> print(explain(lambda x: np.exp(x), x=()).latex())
        \begin{aligned}
        f &= e^{x} \\[1ex]
        \frac{\partial f}{\partial x} &= f && \text{the derivative of exp is exp itself}
        \end{aligned}
        """
        forward, backward = (
            " \\\\\n".join(line.latex() for line in lines)
            for lines in (self.forward, self.backward)
        )
        return f"\\begin{{aligned}}\n{forward} \\\\[1ex]\n{backward}\n\\end{{aligned}}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


#: What reasons say in signs that LaTeX has commands for.
_SIGNS = {
    "⁻ᵀ": r"$^{-\top}$",
    "⁻¹": "$^{-1}$",
    "ᵀ": r"$^{\top}$",
    "²": "$^2$",
    "∘": r"$\circ$",
    "‖": r"$\Vert$",
    "σ": r"$\sigma$",
    "Σ": r"$\Sigma$",
    "·": r"$\cdot$",
    "∂": r"$\partial$",
    "_": r"\_",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
}


def _beside(reasons: Iterable[str]) -> str:
    """Return reasons as the column beside an equation; what they cite stays in the text."""
    bare = (re.sub(r"( \([A-Z][^()]*\d{4}.*\))?\.$", "", reason) for reason in reasons)
    words = "; ".join(bare)
    for sign, command in _SIGNS.items():
        words = words.replace(sign, command)
    return rf" && \text{{{words.replace('$$', '')}}}"


def slope(result: str, name: str) -> str:
    """Return a partial derivative as LaTeX."""
    return rf"\frac{{\partial {result}}}{{\partial {name}}}"


def typeset_number(number: float | None) -> str:
    """Return a number as LaTeX, six digits of it; nothing for none."""
    if number is None:
        return ""
    mantissa, e, exponent = f"{number:.6g}".partition("e")
    named = {"nan": r"\mathrm{NaN}", "inf": r"\infty", "-inf": r"-\infty"}
    mantissa = named.get(mantissa, mantissa)
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if e else mantissa


def title(result: str, arguments: Iterable[str]) -> str:
    """Return the first line of a derivation."""
    return f"{result}({', '.join(arguments)}), step by step"


def used_again(name: str, times: int) -> list[str]:
    """Return the sentence about a value that several operations use."""
    if times < 2:
        return []
    return [f"{name} is used {times} times: what comes back by each way adds up."]


def check_length(count: int, instead: str) -> None:
    """Refuse a derivation that nobody would read."""
    if count > _LINES:
        raise ExpressionTooLarge(f"explain: {count} lines, and {_LINES} can be read; {instead}")
