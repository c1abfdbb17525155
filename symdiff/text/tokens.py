"""The first gate for a text: its tokens, each one known, in an order that a formula can have."""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from typing import NamedTuple

from symdiff.errors import Unparsable
from symdiff.text.grammar import WORDS, Grammar, advice_for, error_at, quoted

__all__ = ["Token", "check_order", "read_tokens"]

_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_TOKEN = re.compile(
    rf"[ \t\r\n]*(?:(?P<number>{_NUMBER})|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator>\*\*|<=|>=|==|!=|<(?!<)|>(?!>)|/(?![/=])|[-+*@])"
    r"|(?P<open>[(\[])|(?P<close>[)\]])|(?P<comma>,)|(?P<end>\Z))"
)
_REFUSED = {
    "^": "write ** for a power",
    ".": "a formula has no attributes; write exp(x), not np.exp(x)",
    "//": "a quotient is written /",
    "/=": "a formula assigns nothing",
    ":=": "a formula assigns nothing",
    "=": "a formula assigns nothing and names no arguments; write the right-hand side only",
    "%": "a remainder has no place in a formula",
    "&": "conditions are combined with where(p, q, r)",
    "|": "conditions are combined with where(p, q, r)",
    "~": "a formula has no bits",
    "<<": "a formula has no bits",
    ">>": "a formula has no bits",
    "'": "a formula has no strings",
    '"': "a formula has no strings",
    "`": "a formula has no strings",
    "[": "a formula has no lists and no subscripts; give each entry a name",
    "]": "a formula has no lists and no subscripts; give each entry a name",
    "{": "brackets are round",
    "}": "brackets are round",
    ":": "a formula has no slices, no lambda and no dicts",
    ";": "one formula at a time",
    "#": "a formula has no comments",
    "\\": "a formula is plain text; write alpha, not \\alpha",
    "$": "a formula is plain text, not LaTeX",
    "!": "there is no factorial; unequal is written !=",
    "?": "choices are written where(condition, a, b)",
}
_PAIRS = frozenset(pair for pair in _REFUSED if len(pair) == 2)
_NUMBER_CHARACTERS = 100


class Token(NamedTuple):
    """A piece of text and where it stands."""

    kind: str
    text: str
    column: int


def _unknown_character(text: str, at: int, grammar: Grammar) -> Unparsable:
    """Return why the text cannot go on at a place."""
    while text[at] in " \t\r\n":
        at += 1
    character = text[at]
    pair = text[at : at + 2]
    found = pair if pair in _PAIRS else character
    if found in _REFUSED:
        return error_at(at + 1, f"{found!r} is refused: {_REFUSED[found]}")
    if not character.isascii():
        name = unicodedata.name(character, f"U+{ord(character):04X}")
        return error_at(at + 1, f"the character {character!a} ({name}) is not ASCII")
    return error_at(at + 1, f"the character {character!r} is no part of a formula")


def _check_number(token: Token, grammar: Grammar) -> None:
    """Refuse a number that is no float64, or is not written as Python writes it."""
    text = token.text
    if len(text) > _NUMBER_CHARACTERS:
        reason = f"a number of {len(text)} characters; {_NUMBER_CHARACTERS} are the most"
        raise error_at(token.column, reason)
    if text.isdigit():
        if len(text) > 1 and text[0] == "0":
            raise error_at(token.column, f"{text} begins with zero; write it without")
        if int(text) > grammar.integer:
            power = grammar.integer.bit_length() - 1
            reason = f"the integer {text} is above 2**{power}; write it as a float such as 1e16"
            raise error_at(token.column, reason)
    value = float(text)
    if math.isinf(value):
        raise error_at(token.column, f"{text} is above the largest float64, 1.8e308")
    if value == 0 and re.search("[1-9]", re.split("[eE]", text)[0]):
        raise error_at(token.column, f"{text} is below the smallest float64, 4.9e-324")


def read_tokens(text: str, grammar: Grammar) -> list[Token]:
    """Return the tokens of a text, each one known."""
    if len(text) > grammar.characters:
        reason = f"the text has {len(text)} characters; {grammar.characters} are the most"
        raise error_at(grammar.characters, reason)
    tokens: list[Token] = []
    at = 0
    while True:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unknown_character(text, at, grammar)
        kind = match.lastgroup or ""
        if kind == "end":
            break
        piece, start = match[kind], match.start(kind)
        if not grammar.entries and piece in "[]":
            raise _unknown_character(text, start, grammar)
        tokens.append(Token(kind, piece, start + 1))
        if kind == "number":
            _check_number(tokens[-1], grammar)
        if len(tokens) > grammar.tokens:
            reason = f"more than {grammar.tokens} numbers, names and operators"
            raise error_at(start + 1, f"{reason}; write it as several formulas")
        at = match.end()
    if not tokens:
        raise error_at(1, "the text is empty; write a formula such as 2*x + 1")
    return tokens


def _follows(before: Token | None, token: Token, grammar: Grammar) -> None:
    """Refuse two tokens that cannot stand side by side."""
    opens = token.kind in ("number", "name", "open")
    value = before is not None and before.kind in ("number", "name", "close")
    if token.text == "[":
        if before is None or before.kind != "name":
            raise error_at(token.column, "'[' selects an entry; it follows a name")
        return
    word = token if token.kind == "name" else before
    if word is not None and word.kind == "name" and keyword.iskeyword(word.text):
        reason = WORDS.get(word.text, "a formula has names, numbers and operators only")
        raise error_at(word.column, f"{word.text!r} is a word of Python; {reason}")
    if before is None or not value or not opens:
        return
    if token.kind == "open" and before.kind == "name":
        if before.text not in grammar.functions:
            raise error_at(
                before.column,
                f"there is no function {quoted(before.text)}.{advice_for(before.text, grammar)}",
            )
        return
    raise error_at(
        token.column,
        f"{quoted(token.text)} follows {quoted(before.text)} with no operator; a product is "
        "written with *",
    )


def check_order(tokens: list[Token], grammar: Grammar) -> None:
    """Refuse brackets that do not match, nesting that is too deep, operators without operands."""
    brackets: list[Token] = []
    calls: list[bool] = []  # for each open bracket: does it hold arguments or indices?
    runs = [0]  # for each open bracket: prefix operators and powers that nest to the right
    chains = [0]  # for each open bracket: operators, which Python's tree nests to the left
    before: Token | None = None
    for token in tokens:
        _follows(before, token, grammar)
        prefix = before is None or before.kind in ("operator", "open", "comma")
        if token.kind == "open":
            brackets.append(token)
            calls.append(before is not None and before.kind == "name")
            runs.append(0)
            chains.append(0)
        elif token.kind == "close":
            if not brackets or {"(": ")", "[": "]"}[brackets[-1].text] != token.text:
                raise error_at(token.column, f"{token.text!r} closes no bracket")
            if before is not None and before.kind == "comma":
                raise error_at(before.column, "nothing follows the comma")
            brackets.pop()
            calls.pop()
            runs.pop()
            chains.pop()
        elif token.kind == "comma":
            if not brackets or not calls[-1] or prefix:
                raise error_at(token.column, "a comma separates the arguments of a function")
            runs[-1] = chains[-1] = 0
        elif token.kind == "operator":
            if prefix and token.text not in "+-":
                raise error_at(token.column, f"nothing stands before {token.text!r}")
            nests = prefix or token.text == "**"
            runs[-1] = runs[-1] + 1 if nests else 0
            chains[-1] += 1
            if sum(chains) > grammar.chain:
                reason = f"more than {grammar.chain} operators in a row; use brackets"
                raise error_at(token.column, reason)
        if token.kind in ("open", "operator") and len(brackets) + sum(runs) > grammar.nesting:
            raise error_at(token.column, f"nested more than {grammar.nesting} levels deep")
        before = token
    if brackets:
        raise error_at(brackets[-1].column, f"{brackets[-1].text!r} is never closed")
    if before is not None and before.kind == "operator":
        raise error_at(before.column, f"nothing follows {before.text!r}")
