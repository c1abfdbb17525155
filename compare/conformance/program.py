"""The program of a few lines that repeats an answer without this project."""

import ast
import dis
import inspect
import re
import textwrap
import types
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from compare.conformance.case import Case, digits
from compare.conformance.libraries import Library

__all__ = ["program"]

_MOST_ENTRIES = 40


def program(case: Case, library: Library) -> str:
    """Return a program that prints what a library answers, and what is right."""
    if not library.program:  # one of a file has none
        return ""
    lines = _Lines(library.special)
    f = lines.expression(case.function)
    inputs = ", ".join(lines.expression(x) for x in case.inputs)
    wrt = case.wrt if len(case.wrt) > 1 else case.wrt[0]
    if case.order == 1:
        asked = f"gradient({f}, {wrt})({inputs})"
    elif library.hessian:
        n = np.size(case.inputs[0])
        asked = f"np.sum(np.reshape(hessian({f})({inputs}), ({n}, {n})), 0)"
    else:
        lines.text.append(f"first = gradient({f}, 0)")
        asked = f"gradient(lambda x: np.sum(first(x)), 0)({inputs})"
    truth = "no derivative" if case.truth is None else "; ".join(map(digits, case.truth))
    imports = [*library.program, *lines.imports]
    text = "\n".join([*lines.text, f"print({asked})"])
    text = re.sub(r"\bnp\.(\w+)", lambda m: f"np.{library.spelled.get(m[1], m[1])}", text)
    return "\n".join([*imports, text, f"# right: {truth}"])


class _Lines:
    """Definitions of what a function reads, in order, each once."""

    def __init__(self, special: str) -> None:
        self._special = special
        self.text: list[str] = []
        self.imports: list[str] = []
        self._named: dict[int, str] = {}

    def expression(self, value: Any) -> str:
        """Return an expression for a value, whatever it needs being defined before."""
        if isinstance(value, np.ufunc) and getattr(np, value.__name__, None) is not value:
            self._import(self._special)
            return f"special.{value.__name__}"
        if isinstance(value, np.ufunc) or getattr(value, "__module__", "") == "numpy":
            return f"np.{value.__name__}"
        if isinstance(value, np.ndarray):
            return _array(value)
        if isinstance(value, float | np.floating):
            return repr(float(value)) if np.isfinite(value) else f"float('{float(value)}')"
        if isinstance(value, partial):
            self._import("import functools")
            parts = [value.func, *value.args]
            words = [f"{k}={self.expression(v)}" for k, v in value.keywords.items()]
            return f"functools.partial({', '.join([*map(self.expression, parts), *words])})"
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.MethodType):
            return f"{self.expression(value.__self__)}.{value.__name__}"
        if isinstance(value, tuple | list | dict | int | str | bool | None):
            return repr(value)
        if isinstance(value, type):
            return self._class(value)
        fields = ", ".join(self.expression(x) for x in vars(value).values())
        return f"{self._class(type(value))}({fields})"

    def _import(self, line: str) -> None:
        if line not in self.imports:
            self.imports.append(line)

    def _function(self, f: types.FunctionType) -> str:
        wrapped = getattr(f, "__wrapped__", None)
        node = _node(f)
        self._reads(f.__code__, {**f.__globals__, **inspect.getclosurevars(f).nonlocals})
        if isinstance(node, ast.Lambda):
            return f"({ast.unparse(node)})"
        name = wrapped.__name__ if wrapped else f.__name__
        self._define(name, f, ast.unparse(node))
        return name

    def _class(self, kind: type) -> str:
        source = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
        assert isinstance(source, ast.ClassDef)
        for method in vars(kind).values():
            method = getattr(method, "fget", method)
            if isinstance(method, types.FunctionType) and "<" not in method.__code__.co_filename:
                self._reads(method.__code__, method.__globals__, but=kind.__name__)
        if any("dataclass" in ast.unparse(n) for n in source.decorator_list):
            self._import("from dataclasses import dataclass")
        self._define(kind.__name__, kind, ast.unparse(source))
        return kind.__name__

    def _define(self, name: str, value: Any, text: str) -> None:
        if id(value) not in self._named:
            self._named[id(value)] = name
            self.text.append(text)

    def _reads(self, code: Any, values: dict[str, Any], but: str = "") -> None:
        """Define the names that a function reads from outside."""
        names = {
            step.argval
            for part in _codes(code)
            for step in dis.get_instructions(part)
            if step.opname in ("LOAD_GLOBAL", "LOAD_DEREF")
        }
        for name in sorted(names & values.keys() - {"np", but, code.co_name}):
            value = values[name]
            if getattr(value, "__name__", "") == "scipy.special":
                self._import(self._special)
                continue
            if isinstance(value, types.ModuleType):
                self._import(f"import {value.__name__}")
                continue
            text = self.expression(value)
            if text != name and id(value) not in self._named:
                self._define(name, value, f"{name} = {text}")


def _codes(code: Any) -> list[Any]:
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return [code, *(found for c in inner for found in _codes(c))]


@lru_cache
def _tree(file: str) -> list[Any]:
    with open(file, encoding="utf-8") as source:
        tree = ast.parse(source.read())
    return [n for n in ast.walk(tree) if isinstance(n, ast.Lambda | ast.FunctionDef)]


def _node(f: Callable[..., Any]) -> Any:
    """Return the syntax of a function, found by where its code stands."""
    code = inspect.unwrap(f).__code__
    # What starts a function has the place of its line, which says nothing.
    places = [p for p in code.co_positions() if None not in p and p[3]]
    here = [n for n in _tree(code.co_filename) if _covers(n, places)]
    if code.co_name != "<lambda>":
        here = [n for n in here if isinstance(n, ast.FunctionDef) and n.name == code.co_name]
        return min(here, key=lambda n: (n.end_lineno or 0) - n.lineno)
    lambdas = [n for n in here if isinstance(n, ast.Lambda)]
    return min(lambdas, key=lambda n: len(ast.unparse(n)))


def _covers(node: Any, places: list[Any]) -> bool:
    begin, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
    if isinstance(node, ast.FunctionDef):
        begin = (min([node.lineno, *(d.lineno for d in node.decorator_list)]), 0)
    return all(begin <= (a, c) and (b, d) <= end for a, b, c, d in places)


def _array(x: Any) -> str:
    if x.size > _MOST_ENTRIES:
        flat = np.ravel(x)
        if (flat == flat[0]).all():
            return f"np.full({x.shape}, {float(flat[0])!r})"
        return f"np.linspace({float(flat[0])!r}, {float(flat[-1])!r}, {flat.size})"
    text = repr(x.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
    kind = (
        "" if x.dtype.kind == "f" and x.dtype == float and x.size else f", dtype={x.dtype.name!r}"
    )
    plain = f"np.array({text}{kind})"
    return plain if x.ndim < 2 or x.size else f"np.zeros({x.shape})"
