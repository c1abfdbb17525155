"""Printing formulas as straight-line source that runs on its own.

The same statements run on Python floats (`math`, fast; a division by zero raises) and on NumPy
scalars (`numpy`, slower; infinities and NaN flow through). Only the lines before them differ.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import sympy
from sympy.core.relational import Relational

from symdiff import functions as fn
from symdiff.construct import Expr

__all__ = ["ENTRY_POINT", "print_source"]

ENTRY_POINT = "value_and_gradient"

_COMPARE, _SUM, _PRODUCT, _UNARY, _POWER, _ATOM = range(6)
_DEPTH = 40  # CPython's tokenizer stops at 200 nested parentheses
_TERMS = 50  # its compiler recurses once for each term of a sum

_HELPERS = {
    "maximum": """def maximum(*values):
    largest = values[0]
    for value in values:
        if value != value:
            return value
        if value > largest:
            largest = value
    return largest""",
    "minimum": """def minimum(*values):
    smallest = values[0]
    for value in values:
        if value != value:
            return value
        if value < smallest:
            smallest = value
    return smallest""",
    "fmaximum": """def fmaximum(a, b):
    return a if a >= b or b != b else b""",
    "fminimum": """def fminimum(a, b):
    return a if a <= b or b != b else b""",
    "sign": """def sign(x):
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else x * 0.0""",
    "step": """def step(a, b):
    return 1.0 if a > b else 0.5 if a == b else 0.0""",
    "logaddexp": """def logaddexp(a, b):
    return max(a, b) + log1p(exp(-abs(a - b))) if a != b else a + 0.6931471805599453""",
}

# The name in the source, its import from math (or None: a helper above), its import from NumPy.
_FUNCTIONS: dict[type, tuple[str, str | None, str | None]] = {
    sympy.exp: ("exp", "exp", "exp"),
    sympy.log: ("log", "log", "log"),
    sympy.sin: ("sin", "sin", "sin"),
    sympy.cos: ("cos", "cos", "cos"),
    sympy.tan: ("tan", "tan", "tan"),
    sympy.asin: ("asin", "asin", "arcsin"),
    sympy.acos: ("acos", "acos", "arccos"),
    sympy.atan: ("atan", "atan", "arctan"),
    sympy.sinh: ("sinh", "sinh", "sinh"),
    sympy.cosh: ("cosh", "cosh", "cosh"),
    sympy.tanh: ("tanh", "tanh", "tanh"),
    sympy.asinh: ("asinh", "asinh", "arcsinh"),
    sympy.acosh: ("acosh", "acosh", "arccosh"),
    sympy.atanh: ("atanh", "atanh", "arctanh"),
    fn.Absolute: ("fabs", "fabs", "fabs"),
    fn.Cbrt: ("cbrt", "cbrt", "cbrt"),
    fn.Exp2: ("exp2", "exp2", "exp2"),
    fn.Expm1: ("expm1", "expm1", "expm1"),
    fn.Log1p: ("log1p", "log1p", "log1p"),
    fn.Log2: ("log2", "log2", "log2"),
    fn.Log10: ("log10", "log10", "log10"),
    fn.Hypot: ("hypot", "hypot", "hypot"),
    fn.ArcTan2: ("atan2", "atan2", "arctan2"),
    fn.LogAddExp: ("logaddexp", None, "logaddexp"),
    fn.Maximum: ("maximum", None, None),
    fn.Minimum: ("minimum", None, None),
    fn.FMaximum: ("fmaximum", None, None),
    fn.FMinimum: ("fminimum", None, None),
    fn.Sign: ("sign", None, "sign"),
    fn.Step: ("step", None, None),
}
_ROOT, _GENERAL_POWER = ("sqrt", "sqrt", "sqrt"), ("pow", "pow", "power")
_NEEDS = {"logaddexp": ("exp", "log1p")}


class _Fragment(NamedTuple):
    """A piece of source: its text, how tightly it binds, how deeply it nests."""

    text: str
    binding: int
    depth: int
    lasting: bool = True  # False if it uses a name that was assigned for this one place
    divisor: Any = None  # of a negative power: the fragment by which a product may divide


def _literal(value: float) -> str:
    """Return a float as source."""
    if math.isnan(value):
        return 'float("nan")'
    if math.isinf(value):
        return 'float("inf")' if value > 0 else '-float("inf")'
    return repr(value)


def _enclose(fragment: _Fragment, binding: int) -> str:
    """Return the text, in parentheses where it binds less tightly than required."""
    return fragment.text if fragment.binding >= binding else f"({fragment.text})"


class _Printer:
    """Statements for expressions, and the functions that they call."""

    def __init__(self, names: dict[Expr, str], taken: set[str]) -> None:
        self.names = names
        self.taken = taken
        self.lines: list[str] = []
        self.functions: dict[str, tuple[str, str | None, str | None]] = {}
        self._fragments: dict[int, _Fragment] = {}
        self._kept: list[Expr] = []
        self._assigned = 0

    def assign(self, text: str) -> str:
        """Return a new name to which the text is assigned."""
        self._assigned += 1
        name = f"r{self._assigned}"
        while name in self.taken:
            name += "_"
        self.lines.append(f"{name} = {text}")
        return name

    def expression(self, root: Expr) -> str:
        """Return source for an expression, each operation printed as often as it stands there."""
        results: list[_Fragment] = []
        stack: list[tuple[Expr, bool]] = [(root, False)]
        while stack:
            node, ready = stack.pop()
            known = self._fragments.get(id(node))
            if known is not None:
                results.append(known)
                continue
            if node.args and not ready:
                stack.append((node, True))
                stack.extend((arg, False) for arg in reversed(node.args))
                continue
            count = len(node.args)
            args = results[len(results) - count :]
            del results[len(results) - count :]
            fragment = self._render(node, args)
            lasting = all(arg.lasting for arg in args)
            if fragment.depth > _DEPTH and fragment.divisor is None:
                fragment, lasting = _Fragment(self.assign(fragment.text), _ATOM, 0), False
            fragment = fragment._replace(lasting=lasting and fragment.lasting)
            if fragment.lasting:
                self._fragments[id(node)] = fragment
                self._kept.append(node)  # an id is only valid while its object lives
            results.append(fragment)
        return results[0].text

    def _render(self, node: Expr, args: list[_Fragment]) -> _Fragment:
        """Return the source of one node, given that of its arguments."""
        depth = 1 + max((arg.depth for arg in args), default=-1)
        if not args:
            return self._leaf(node)
        if node.is_Add:
            return self._sum(args, depth)
        if node.is_Mul:
            return self._product(node, args, depth)
        if node.is_Pow:
            return self._power(node, args, depth)
        if isinstance(node, fn.Where):
            condition, a, b = (_enclose(arg, _COMPARE) for arg in args)
            return _Fragment(f"({a} if {condition} else {b})", _ATOM, depth)
        if isinstance(node, Relational):
            left, right = (_enclose(arg, _SUM) for arg in args)
            return _Fragment(f"({left} {node.rel_op} {right})", _ATOM, depth)
        if type(node) not in _FUNCTIONS:
            raise NotImplementedError(f"no source is known for the function {type(node).__name__}")
        name = self._function(_FUNCTIONS[type(node)])
        return _Fragment(f"{name}({', '.join(arg.text for arg in args)})", _ATOM, depth)

    def _function(self, entry: tuple[str, str | None, str | None]) -> str:
        """Return the name of a function, noted for the lines before the statements."""
        self.functions[entry[0]] = entry
        return entry[0]

    def _leaf(self, node: Expr) -> _Fragment:
        """Return a symbol or a number."""
        if node.is_Symbol:
            return _Fragment(self.names[node], _ATOM, 0)
        if node in (sympy.true, sympy.false):
            return _Fragment(str(bool(node)), _ATOM, 0)
        value = float(node) if node.is_extended_real else math.nan
        text = _literal(value)
        return _Fragment(text, _UNARY if text.startswith("-") else _ATOM, 0)

    def _sum(self, args: list[_Fragment], depth: int) -> _Fragment:
        """Return a sum; a long one in pieces."""
        text, lasting = "", True
        for position, arg in enumerate(args):
            term = _enclose(arg, _SUM if position == 0 else _PRODUCT)
            if position == 0:
                text = term
            elif term.startswith("-"):
                text += f" - {term[1:]}"
            else:
                text += f" + {term}"
            if position % _TERMS == _TERMS - 1 and position + 1 < len(args):
                text, lasting = self.assign(text), False
        return _Fragment(text, _SUM, depth, lasting)

    def _product(self, node: Expr, args: list[_Fragment], depth: int) -> _Fragment:
        """Return a product; negative powers become divisions."""
        sign, above, below = "", [], []
        for arg, fragment in zip(node.args, args, strict=True):
            if arg is sympy.S.NegativeOne:
                sign = "-"
            elif arg.is_Rational and arg.q > 1 and abs(arg.p) == 1 and arg is node.args[0]:
                sign = "-" if arg.p < 0 else ""
                below.append(_Fragment(_literal(float(arg.q)), _ATOM, 0))
            elif fragment.divisor is not None:
                below.append(fragment.divisor)
            else:
                above.append(fragment)
        if not above and below and node.args[0].is_Rational and node.args[0].q > 1:
            first = node.args[0]
            above.append(_Fragment(_literal(abs(float(first))), _ATOM, 0))
            below.pop(0)
        lasting = True
        while len(above) > _TERMS:
            piece = " * ".join(
                _enclose(f, _PRODUCT + (k > 0)) for k, f in enumerate(above[:_TERMS])
            )
            above[:_TERMS] = [_Fragment(self.assign(piece), _ATOM, 0)]
            lasting = False
        text = " * ".join(_enclose(f, _PRODUCT + (k > 0)) for k, f in enumerate(above)) or "1.0"
        if below:
            divisor = " * ".join(_enclose(f, _UNARY) for f in below)
            text += f" / ({divisor})" if len(below) > 1 else f" / {divisor}"
        if sign and text.startswith("-"):
            return _Fragment(text[1:], _PRODUCT, depth, lasting)
        binding = _PRODUCT if above[1:] or below else min(above[0].binding, _UNARY)
        return _Fragment(sign + text, max(binding, _PRODUCT), depth, lasting)

    def _power(self, node: Expr, args: list[_Fragment], depth: int) -> _Fragment:
        """Return a power."""
        exponent = node.args[1]
        if not exponent.is_Number:
            name = self._function(_GENERAL_POWER)
            return _Fragment(f"{name}({args[0].text}, {args[1].text})", _ATOM, depth)
        if exponent.is_negative:
            below = self._raise(args[0], -exponent)
            text = f"1.0 / {_enclose(below, _UNARY)}"
            return _Fragment(text, _PRODUCT, depth, divisor=below)
        return self._raise(args[0], exponent)

    def _raise(self, fragment: _Fragment, exponent: Expr) -> _Fragment:
        """Return a positive power."""
        text, depth = fragment.text, fragment.depth + 1
        if exponent is sympy.S.One:
            return fragment
        if exponent == sympy.Rational(1, 2):
            return _Fragment(f"{self._function(_ROOT)}({text})", _ATOM, depth)
        if exponent == 2 and text.isidentifier():
            return _Fragment(f"{text} * {text}", _PRODUCT, depth)
        if exponent.is_Integer:
            return _Fragment(f"{_enclose(fragment, _ATOM)}**{exponent}", _POWER, depth)
        name = self._function(_GENERAL_POWER)
        return _Fragment(f"{name}({text}, {_literal(float(exponent))})", _ATOM, depth)


def _header(functions: dict[str, tuple[str, str | None, str | None]], scalars: str) -> list[str]:
    """Return the imports and the helpers that the statements need."""
    column = 1 if scalars == "float" else 2
    imports: set[tuple[str, str]] = set()
    helpers: list[str] = []
    entries = dict(functions)
    for name, entry in functions.items():
        if entry[column] is None:
            helpers += ["", "", _HELPERS[name]]
            entries.update({need: (need,) * 3 for need in _NEEDS.get(name, ())})
    for name, entry in entries.items():
        if entry[column] is not None:
            imports.add((str(entry[column]), name))
    module = "math" if scalars == "float" else "numpy"
    listed = [known if known == name else f"{known} as {name}" for known, name in sorted(imports)]
    lines = [f"from {module} import {', '.join(listed)}", ""] if listed else []
    if module == "numpy":
        lines = lines[:1]
    return [*lines, "import numpy as np", *helpers]


def _allocate(name: str, taken: set[str]) -> str:
    """Return a Python name like `name` that nothing else has, and take it."""
    while name in taken or keyword.iskeyword(name):
        name += "_"
    taken.add(name)
    return name


def _array(entries: list[str], shape: tuple[int, ...]) -> str:
    """Return source of a float64 array of a shape."""
    text = f"np.array([{', '.join(entries)}], dtype=float)"
    return text if len(shape) == 1 else f"{text}.reshape({shape})"


def print_source(
    symbols: Mapping[str, Any],
    lets: Sequence[tuple[Expr, Expr]],
    value: Expr,
    partials: Mapping[str, Any],
    *,
    title: str,
    scalars: Literal["float", "numpy"] = "float",
) -> str:
    """Return the source of one function that computes a value and its partial derivatives.

    Parameters
    ----------
    symbols : mapping of str to numpy.ndarray
        For each argument the object array of its symbols.
    lets : sequence of tuple of sympy.Symbol and sympy.Expr
        Intermediates in the order of computation.
    value : sympy.Expr
        In terms of symbols and intermediates.
    partials : mapping of str to numpy.ndarray
        For each argument to differentiate by, an object array of expressions.
    title : str
        The first line, a comment.
    scalars : {"float", "numpy"}
        What the statements compute with: Python floats, on which a division by zero raises, or
        NumPy scalars.

    Returns
    -------
    str
        A module with one public function, ``value_and_gradient``, which returns the value and a
        dict.

    Examples
    --------
    >>> import numpy as np
    >>> x = sympy.Symbol("x", real=True)
    >>> entry = lambda e: np.array(e, dtype=object)
    >>> print(print_source({"x": entry(x)}, [], x**2, {"x": entry(2 * x)}, title="Square."))
    # Square.
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def value_and_gradient(x):
        # x: a scalar
        x = float(x)
        return x * x, {"x": 2.0 * x}
    <BLANKLINE>
    """
    taken = {"np", "float", "abs", "max", ENTRY_POINT, _ROOT[0], _GENERAL_POWER[0], *_HELPERS}
    taken |= {entry[0] for entry in _FUNCTIONS.values()}
    parameters = {name: _allocate(name, taken) for name in symbols}
    names: dict[Expr, str] = {}
    for name, array in symbols.items():
        for index in np.ndindex(array.shape):
            entry = "_".join([parameters[name], *map(str, index)])
            names[array[index]] = _allocate(entry, taken) if index else parameters[name]
    for symbol, _ in lets:
        names[symbol] = _allocate(symbol.name, taken)
    printer = _Printer(names, taken)
    for name, array in symbols.items():
        parameter = parameters[name]
        if not array.shape:
            number = f"float({parameter})"
            number = number if scalars == "float" else f"np.float64({number})"
            printer.lines += [f"# {parameter}: a scalar", f"{parameter} = {number}"]
            continue
        printer.lines.append(f"# {parameter}: shape {array.shape}")
        if array.size:
            targets = ", ".join(names[symbol] for symbol in array.flat)
            numbers = f"np.asarray({parameter}, dtype=float).ravel()"
            numbers += ".tolist()" if scalars == "float" else ""
            targets = targets if array.size > 1 else f"({targets},)"
            printer.lines.append(f"{targets} = {numbers}")
    for symbol, form in lets:
        text = printer.expression(form)
        printer.lines.append(f"{names[symbol]} = {text}")
    result = printer.expression(value)
    gradients = []
    for name, array in partials.items():
        entries = [printer.expression(entry) for entry in array.flat]
        text = _array(entries, array.shape) if array.shape else entries[0]
        gradients.append(f'"{name}": {text}')
    printer.lines.append(f"return {result}, {{{', '.join(gradients)}}}")
    body = [
        f"# {title}",
        *_header(printer.functions, scalars),
        "",
        "",
        f"def {ENTRY_POINT}({', '.join(parameters.values())}):",
        *(f"    {line}" for line in printer.lines),
    ]
    return "\n".join(body) + "\n"
