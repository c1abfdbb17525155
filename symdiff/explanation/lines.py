"""The lines of a derivation, and the derivation that is printed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from symdiff.errors import ExpressionTooLarge

__all__ = ["Explanation", "Line", "check_length", "title", "used_again"]

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
    """

    left: str
    chain: str
    right: str
    rules: tuple[str, ...] = ()
    number: float | None = None

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

    def _repr_markdown_(self) -> str:
        return f"```text\n{self}\n```"


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
