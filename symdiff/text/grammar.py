"""Text from outside as a checked list of steps: nothing of it is ever run as Python.

Three gates, each cheaper than what it lets through. Tokens: only numbers, ASCII names, brackets and
a few operators, so few and so shallow that Python's parser cannot overflow. `ast.parse` builds the
tree, for Python's own precedence, and executes nothing. Of the tree, only the nodes listed here
become steps; everything else is error_at, with its column.
"""

from __future__ import annotations

import builtins
import difflib
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from symdiff.errors import KNOWN, Unparsable

__all__ = ["WORDS", "Grammar", "advice_for", "check_name", "error_at", "quoted"]

WORDS = {
    "if": "choices are written where(condition, a, b)",
    "else": "choices are written where(condition, a, b)",
    "and": "conditions are combined with where(p, q, r)",
    "or": "conditions are combined with where(p, q, r)",
    "not": "conditions are combined with where(p, q, r)",
    "is": "equality is written ==",
    "lambda": "write only the formula, without lambda and arguments",
    "for": "write every term: a formula has no loops",
    "in": "write every term: a formula has no loops",
}
_NAME_CHARACTERS = 64
_BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True)
class Grammar:
    """The functions, names and sizes that a text may have.

    Attributes
    ----------
    functions : mapping of str to tuple of int
        The fewest and the most arguments of each function. `where` takes a condition first.
    constants : mapping of str to float or bool
        Names that stand for numbers, and for the two constant conditions.
    entries : bool
        Whether ``w[0,2]`` is a name.
    conditional : bool
        Whether the result may be a condition.
    free : bool
        Whether names are checked as those of arguments.
    integer : int
        The largest integer.
    characters, tokens : int
        The longest text.
    nesting, chain : int
        The deepest one: brackets, signs and powers, and operators side by side.
    """

    functions: Mapping[str, tuple[int, int]]
    constants: Mapping[str, float] = field(default_factory=dict)
    entries: bool = False
    conditional: bool = False
    free: bool = True
    integer: int = 2**53  # beyond it not every integer is a float64
    characters: int = 10_000
    tokens: int = 3_000
    nesting: int = 60
    chain: int = 1_000


def quoted(text: str) -> str:
    """Return a piece of hostile text as it may stand in a message."""
    return ascii(text if len(text) <= 24 else text[:20] + "...")


def error_at(column: int, reason: str) -> Unparsable:
    """Return the error for a place in the text."""
    return Unparsable(f"column {column}: {reason}", column)


def advice_for(name: str, grammar: Grammar) -> str:
    """Return the advice for an unknown function: the nearest name, or where all of them stand."""
    close = difflib.get_close_matches(name, list(grammar.functions), n=1, cutoff=0.7)
    return f" Did you mean {close[0]}?" if close else f" {KNOWN[0].upper()}{KNOWN[1:]}"


def check_name(name: str, grammar: Grammar, column: int = 1) -> None:
    """Refuse a name that no argument may have."""
    if len(name) > _NAME_CHARACTERS:
        raise error_at(column, f"a name of {len(name)} letters; {_NAME_CHARACTERS} are the most")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise error_at(column, f"{quoted(name)} is no name: letters a to z, digits and _ make one")
    if keyword.iskeyword(name):
        reason = WORDS.get(name, "choose another name")
        raise error_at(column, f"{name!r} is a word of Python; {reason}")
    if name in grammar.functions:
        raise error_at(column, f"{name!r} is a function; call it with its arguments in brackets")
    if name.startswith("_"):
        raise error_at(
            column, f"{quoted(name)} begins with an underscore; names begin with a letter"
        )
    if name in _BUILTINS:
        raise error_at(column, f"{name!r} is a builtin of Python; choose another name")
    if name in grammar.constants or name in ("inf", "nan"):
        raise error_at(column, f"{name!r} is no name for an argument: it is a number")
