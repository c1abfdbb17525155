"""A checked text as steps for a stack machine: only the nodes listed here become steps."""

from __future__ import annotations

import ast
import re
from collections.abc import Container
from typing import Any, NamedTuple

from symdiff.text.grammar import Grammar, advice_for, check_name, error_at, quoted
from symdiff.text.tokens import Token, check_order, read_tokens

__all__ = ["Index", "Step", "compile_text"]

Index = tuple[int, ...]

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


def _tree(text: str, tokens: list[Token]) -> ast.expr:
    """Return Python's tree of a text whose tokens are known."""
    spaces = re.sub(r"\s", " ", text)
    try:
        return ast.parse(f"({spaces})", mode="eval").body
    except SyntaxError as error:
        column = max(1, (error.offset or 2) - 1)
        raise error_at(min(column, len(text)), "this is no formula") from None
    except (RecursionError, MemoryError, ValueError):
        raise error_at(1, f"{len(tokens)} tokens are more than Python's parser takes") from None


class _Compiler:
    """Turns a tree into steps, node by node; what is not listed here is error_at."""

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
            raise error_at(1, "the result is a condition; choose by it with where(condition, a, b)")
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
                raise error_at(column, "compare two values at a time: where(a < b, b < c, a < b)")
            relation = _RELATIONS[type(node.ops[0])]
            return [node.left, *node.comparators], Step("call", relation, 2, None, column)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return node.args, self._function(node.func.id, len(node.args), column)
        raise error_at(column, f"{type(node).__name__} is no part of a formula")

    def _function(self, name: str, count: int, column: int) -> Step:
        """Return the step that calls a function."""
        if name not in self.grammar.functions:
            advice = advice_for(name, self.grammar)
            raise error_at(column, f"there is no function {quoted(name)}.{advice}")
        fewest, most = self.grammar.functions[name]
        if not fewest <= count <= most:
            expected = f"{fewest}" if fewest == most else f"{fewest} or more"
            raise error_at(column, f"{name} takes {expected} argument(s), not {count}")
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
            raise error_at(column, "an entry is written as w[0,2]: a name and numbers")
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
                raise error_at(step.column, reason)
            self.kinds.append(kinds[1])
        elif any(kinds):
            reason = f"{step.value!r} takes numbers, not conditions; choose with where"
            raise error_at(step.column, reason)
        else:
            self.kinds.append(step.value in _RELATIONS.values())
        self.steps.append(step)


def compile_text(
    text: str, grammar: Grammar, conditions: Container[tuple[str, Index | None]] = ()
) -> list[Step]:
    """Return the steps of a text, in the order in which a stack machine runs them."""
    if not isinstance(text, str):
        raise TypeError(f"a formula is a str, not {type(text).__name__}")
    text = str.__str__(text)  # not a subclass whose methods do something else
    tokens = read_tokens(text, grammar)
    check_order(tokens, grammar)
    return _Compiler(grammar, conditions).run(_tree(text, tokens))
