"""Text from outside as a checked list of steps: nothing of it is ever run as Python.

Three gates, each cheaper than what it lets through. Tokens: only numbers, ASCII names, brackets and
a few operators, so few and so shallow that Python's parser cannot overflow. `ast.parse` builds the
tree, for Python's own precedence, and executes nothing. Of the tree, only the nodes listed here
become steps; everything else is refused, with its column.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import keyword
import math
import re
import unicodedata
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from symdiff.errors import Unparsable

__all__ = ["Grammar", "Step", "check_name", "compile_text"]

Index = tuple[int, ...]

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
_WORDS = {
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
_BINARY: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.MatMult: "@",
    ast.Pow: "**",
}
_UNARY: dict[type[ast.AST], str] = {ast.USub: "negative", ast.UAdd: "positive"}
_RELATIONS: dict[type[ast.AST], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_NUMBER_CHARACTERS = 100
_NAME_CHARACTERS = 64
_BUILTINS = frozenset(dir(builtins))


class Step(NamedTuple):
    """One step of a checked text, which a stack machine runs.

    Attributes
    ----------
    kind : {"number", "name", "call"}
        What it does: push a number, push the value of a name, or replace the last values by one.
    value : int, float, bool or str
        The number or constant condition, the name, or the operator or function.
    operands : int
        How many values a call takes.
    entry : tuple of int or None
        The entry of the name, where the grammar has entries.
    column : int
        Where it stands in the text, from 1.
    """

    kind: str
    value: Any
    operands: int = 0
    entry: Index | None = None
    column: int = 0


@dataclass(frozen=True)
class Grammar:
    """What a text may contain.

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
        The largest whole number.
    characters, tokens : int
        The longest text.
    nesting, chain : int
        The deepest one: brackets, signs and powers, and operators side by side.

    Examples
    --------
    >>> plain = Grammar(functions={"sin": (1, 1)})
    >>> [step.value for step in compile_text("2*sin(x)", plain)]
    [2, 'x', 'sin', '*']
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


class _Token(NamedTuple):
    kind: str
    text: str
    column: int


def _shown(text: str) -> str:
    """Return a piece of hostile text as it may stand in a message."""
    return ascii(text if len(text) <= 24 else text[:20] + "...")


def _refuse(column: int, reason: str) -> Unparsable:
    """Return the error for a place in the text."""
    return Unparsable(f"column {column}: {reason}", column)


def check_name(name: str, grammar: Grammar, column: int = 1) -> None:
    """Refuse a name that no argument may have.

    Examples
    --------
    >>> check_name("x1", Grammar({}))
    >>> check_name("__import__", Grammar({}))
    Traceback (most recent call last):
    symdiff.errors.Unparsable: column 1: '__import__' begins with an underscore; ...
    """
    if len(name) > _NAME_CHARACTERS:
        raise _refuse(column, f"a name of {len(name)} letters; {_NAME_CHARACTERS} are the most")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise _refuse(column, f"{_shown(name)} is no name: letters a to z, digits and _ make one")
    if keyword.iskeyword(name):
        reason = _WORDS.get(name, "choose another name")
        raise _refuse(column, f"{name!r} is a word of Python; {reason}")
    if name in grammar.functions:
        raise _refuse(column, f"{name!r} is a function; call it with its arguments in brackets")
    if name.startswith("_"):
        raise _refuse(
            column, f"{_shown(name)} begins with an underscore; names begin with a letter"
        )
    if name in _BUILTINS:
        raise _refuse(column, f"{name!r} is a builtin of Python; choose another name")
    if name in grammar.constants or name in ("inf", "nan"):
        raise _refuse(column, f"{name!r} is no name for an argument: it is a number")


def _unknown_character(text: str, at: int, grammar: Grammar) -> Unparsable:
    """Return why the text cannot go on at a place."""
    while text[at] in " \t\r\n":
        at += 1
    character = text[at]
    pair = text[at : at + 2]
    found = pair if pair in _PAIRS else character
    if found in _REFUSED:
        return _refuse(at + 1, f"{found!r} is refused: {_REFUSED[found]}")
    if not character.isascii():
        name = unicodedata.name(character, f"U+{ord(character):04X}")
        return _refuse(at + 1, f"the character {character!a} ({name}) is not ASCII")
    return _refuse(at + 1, f"the character {character!r} is no part of a formula")


def _number(token: _Token, grammar: Grammar) -> None:
    """Refuse a number that is no float64, or is not written as Python writes it."""
    text = token.text
    if len(text) > _NUMBER_CHARACTERS:
        reason = f"a number of {len(text)} characters; {_NUMBER_CHARACTERS} are the most"
        raise _refuse(token.column, reason)
    if text.isdigit():
        if len(text) > 1 and text[0] == "0":
            raise _refuse(token.column, f"{text} begins with zero; write it without")
        if int(text) > grammar.integer:
            power = grammar.integer.bit_length() - 1
            reason = f"the integer {text} is above 2**{power}; write it as a float such as 1e16"
            raise _refuse(token.column, reason)
    value = float(text)
    if math.isinf(value):
        raise _refuse(token.column, f"{text} is above the largest float64, 1.8e308")
    if value == 0 and re.search("[1-9]", re.split("[eE]", text)[0]):
        raise _refuse(token.column, f"{text} is below the smallest float64, 4.9e-324")


def _tokens(text: str, grammar: Grammar) -> list[_Token]:
    """Return the tokens of a text, each one known."""
    if len(text) > grammar.characters:
        reason = f"the text has {len(text)} characters; {grammar.characters} are the most"
        raise _refuse(grammar.characters, reason)
    tokens: list[_Token] = []
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
        tokens.append(_Token(kind, piece, start + 1))
        if kind == "number":
            _number(tokens[-1], grammar)
        if len(tokens) > grammar.tokens:
            reason = f"more than {grammar.tokens} numbers, names and operators"
            raise _refuse(start + 1, f"{reason}; write it as several formulas")
        at = match.end()
    if not tokens:
        raise _refuse(1, "the text is empty; write a formula such as 2*x + 1")
    return tokens


def _follows(before: _Token | None, token: _Token, grammar: Grammar) -> None:
    """Refuse two tokens that cannot stand side by side."""
    opens = token.kind in ("number", "name", "open")
    value = before is not None and before.kind in ("number", "name", "close")
    if token.text == "[":
        if before is None or before.kind != "name":
            raise _refuse(token.column, "'[' selects an entry; it follows a name")
        return
    word = token if token.kind == "name" else before
    if word is not None and word.kind == "name" and keyword.iskeyword(word.text):
        reason = _WORDS.get(word.text, "a formula has names, numbers and operators only")
        raise _refuse(word.column, f"{word.text!r} is a word of Python; {reason}")
    if before is None or not value or not opens:
        return
    if token.kind == "open" and before.kind == "name":
        if before.text not in grammar.functions:
            raise _refuse(
                before.column,
                f"there is no function {_shown(before.text)}.{_advice(before.text, grammar)}",
            )
        return
    raise _refuse(
        token.column,
        f"{_shown(token.text)} follows {_shown(before.text)} with no operator; a product is "
        "written with *",
    )


def _advice(name: str, grammar: Grammar) -> str:
    """Return what to write in place of an unknown function."""
    close = difflib.get_close_matches(name, list(grammar.functions), n=1, cutoff=0.7)
    return f" Did you mean {close[0]}?" if close else f" Known: {', '.join(grammar.functions)}"


def _check_order(tokens: list[_Token], grammar: Grammar) -> None:
    """Refuse brackets that do not match, nesting that is too deep, operators without operands."""
    brackets: list[_Token] = []
    calls: list[bool] = []  # for each open bracket: does it hold arguments or indices?
    runs = [0]  # for each open bracket: prefix operators and powers that nest to the right
    chains = [0]  # for each open bracket: operators, which Python's tree nests to the left
    before: _Token | None = None
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
                raise _refuse(token.column, f"{token.text!r} closes no bracket")
            if before is not None and before.kind == "comma":
                raise _refuse(before.column, "nothing follows the comma")
            brackets.pop()
            calls.pop()
            runs.pop()
            chains.pop()
        elif token.kind == "comma":
            if not brackets or not calls[-1] or prefix:
                raise _refuse(token.column, "a comma separates the arguments of a function")
            runs[-1] = chains[-1] = 0
        elif token.kind == "operator":
            if prefix and token.text not in "+-":
                raise _refuse(token.column, f"nothing stands before {token.text!r}")
            nests = prefix or token.text == "**"
            runs[-1] = runs[-1] + 1 if nests else 0
            chains[-1] += 1
            if sum(chains) > grammar.chain:
                reason = f"more than {grammar.chain} operators in a row; use brackets"
                raise _refuse(token.column, reason)
        if token.kind in ("open", "operator") and len(brackets) + sum(runs) > grammar.nesting:
            raise _refuse(token.column, f"nested more than {grammar.nesting} levels deep")
        before = token
    if brackets:
        raise _refuse(brackets[-1].column, f"{brackets[-1].text!r} is never closed")
    if before is not None and before.kind == "operator":
        raise _refuse(before.column, f"nothing follows {before.text!r}")


def _tree(text: str, tokens: list[_Token]) -> ast.expr:
    """Return Python's tree of a text whose tokens are known."""
    spaces = re.sub(r"\s", " ", text)
    try:
        return ast.parse(f"({spaces})", mode="eval").body
    except SyntaxError as error:
        column = max(1, (error.offset or 2) - 1)
        raise _refuse(min(column, len(text)), "this is no formula") from None
    except (RecursionError, MemoryError, ValueError):
        raise _refuse(1, f"{len(tokens)} tokens are more than Python's parser takes") from None


class _Compiler:
    """Turns a tree into steps, node by node; what is not listed here is refused."""

    def __init__(self, grammar: Grammar, conditions: Container[tuple[str, Index | None]]) -> None:
        self.grammar = grammar
        self.conditions = conditions
        self.steps: list[Step] = []
        self.kinds: list[bool] = []  # for each value on the stack: is it a condition?

    def run(self, root: ast.expr) -> list[Step]:
        """Return the steps of a tree."""
        waiting: list[ast.expr | Step] = [root]
        while waiting:
            node = waiting.pop()
            if isinstance(node, Step):
                self._call(node)
                continue
            children, call = self._open(node)
            if call is not None:
                waiting.append(call)
                waiting.extend(reversed(children))
        if self.kinds[0] and not self.grammar.conditional:
            raise _refuse(1, "the result is a condition; choose by it with where(condition, a, b)")
        return self.steps

    def _open(self, node: ast.expr) -> tuple[list[ast.expr], Step | None]:
        """Return the operands of a node and the step that joins them; push a leaf."""
        column = node.col_offset  # one bracket was put in front, and columns count from 1
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            self._push(Step("number", node.value, column=column))
            return [], None
        if isinstance(node, ast.Name):
            self._name(node.id, None, column)
            return [], None
        if isinstance(node, ast.Subscript) and self.grammar.entries:
            self._entry(node, column)
            return [], None
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            return [node.left, node.right], Step("call", _BINARY[type(node.op)], 2, None, column)
        if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
            return [node.operand], Step("call", _UNARY[type(node.op)], 1, None, column)
        if isinstance(node, ast.Compare) and all(type(op) in _RELATIONS for op in node.ops):
            if len(node.ops) > 1:
                raise _refuse(column, "compare two values at a time: where(a < b, b < c, a < b)")
            relation = _RELATIONS[type(node.ops[0])]
            return [node.left, *node.comparators], Step("call", relation, 2, None, column)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return node.args, self._function(node.func.id, len(node.args), column)
        raise _refuse(column, f"{type(node).__name__} is no part of a formula")

    def _function(self, name: str, count: int, column: int) -> Step:
        """Return the step that calls a function."""
        if name not in self.grammar.functions:
            advice = _advice(name, self.grammar)
            raise _refuse(column, f"there is no function {_shown(name)}.{advice}")
        fewest, most = self.grammar.functions[name]
        if not fewest <= count <= most:
            expected = f"{fewest}" if fewest == most else f"{fewest} or more"
            raise _refuse(column, f"{name} takes {expected} argument(s), not {count}")
        return Step("call", name, count, None, column)

    def _name(self, name: str, index: Index | None, column: int) -> None:
        """Push a name, or the number for which it stands."""
        if index is None and name in self.grammar.constants:
            self._push(Step("number", self.grammar.constants[name], column=column))
            return
        if self.grammar.free:
            check_name(name, self.grammar, column)
        self._push(Step("name", name, 0, index, column))

    def _entry(self, node: ast.Subscript, column: int) -> None:
        """Push an entry of a name: its indices are digits."""
        places = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        values = [place.value for place in places if isinstance(place, ast.Constant)]
        index = tuple(value for value in values if type(value) is int)
        if not isinstance(node.value, ast.Name) or len(index) != len(places):
            raise _refuse(column, "an entry is written as w[0,2]: a name and numbers")
        self._name(node.value.id, index, column)

    def _push(self, step: Step) -> None:
        """Add a step that leaves a number or a condition on the stack."""
        self.steps.append(step)
        known = step.value is True or step.value is False
        self.kinds.append(known or (step.value, step.entry) in self.conditions)

    def _call(self, step: Step) -> None:
        """Add a call, its operands checked."""
        kinds = self.kinds[-step.operands :]
        del self.kinds[-step.operands :]
        if step.value == "where":
            if not kinds[0] or kinds[1] != kinds[2]:
                reason = "where takes a condition such as x > 0, and two numbers"
                raise _refuse(step.column, reason)
            self.kinds.append(kinds[1])
        elif any(kinds):
            reason = f"{step.value!r} takes numbers, not conditions; choose with where"
            raise _refuse(step.column, reason)
        else:
            self.kinds.append(step.value in _RELATIONS.values())
        self.steps.append(step)


def compile_text(
    text: str, grammar: Grammar, conditions: Container[tuple[str, Index | None]] = ()
) -> list[Step]:
    """Return the steps of a text, in the order in which a stack machine runs them.

    Examples
    --------
    >>> [step.value for step in compile_text("-x**2", Grammar({}))]
    ['x', 2, '**', 'negative']
    >>> compile_text("x^2", Grammar({}))
    Traceback (most recent call last):
    symdiff.errors.Unparsable: column 2: '^' is refused: write ** for a power
    """
    if not isinstance(text, str):
        raise TypeError(f"a formula is a str, not {type(text).__name__}")
    text = str.__str__(text)  # not a subclass whose methods do something else
    tokens = _tokens(text, grammar)
    _check_order(tokens, grammar)
    return _Compiler(grammar, conditions).run(_tree(text, tokens))
