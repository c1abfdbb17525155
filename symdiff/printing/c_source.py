"""Printing formulas as C: one function of doubles, which needs ``math.h`` and nothing else.

No name in the source comes from outside unless it is a plain word that C has no other use for;
every other argument gets a name of ours, and a comment says whose it is.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from symdiff.operations.table import OPERATIONS
from symdiff.printing.infix import ATOM, PRODUCT, UNARY, Dialect, Text, lines
from symdiff.store.dag import Dag
from symdiff.store.exact import Number

__all__ = ["Names", "literal", "print_c"]

_TERMS = 50  # C compilers recurse once for each operation of an expression

_FUNCTIONS = frozenset(["j0", "j1", "y0", "y1"]) | frozenset(
    row.c for row in OPERATIONS.values() if row.c
)
_JOINS = {"add": " + ", "mul": "*"}
_RESERVED = """
    alignas alignof asm auto bool break case catch char class compl concept const constexpr
    continue decltype default delete do double else enum explicit export extern false far float
    for fortran friend goto huge if inline int interrupt long mutable namespace near new
    noexcept nullptr operator or and not xor bitand bitor private protected public register
    reinterpret restrict return short signed signgam sizeof static struct switch template this
    throw true try typedef typeid typename typeof union unix unsigned using virtual void
    volatile linux while main acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh
    erf erfc exp exp2 expm1 fabs fdim floor fma fmax fmin fmod frexp hypot ilogb isfinite isinf
    isnan isnormal ldexp lgamma llrint llround log log10 log1p log2 logb lrint lround modf nan
    nearbyint nextafter nexttoward pow remainder remquo rint round scalbln scalbn signbit sin
    sinh sqrt tan tanh tgamma trunc fpclassify isgreater isless isunordered
"""
_WORD = re.compile(r"[A-Z][0-9]{0,8}|[a-z][a-z0-9]{0,30}(_[a-z0-9]{1,30}){0,4}")


class Names:
    """The names of one source: itself for a plain word, else one of ours with a number."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.taken = {*_RESERVED.split(), *_FUNCTIONS, *taken}
        self.counters: dict[str, itertools.count[int]] = {}

    def like(self, name: str, ours: str) -> str:
        """Return a new name, `name` itself if C can have it."""
        word = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
        return (
            self.new(ours) if not _WORD.fullmatch(word) or word in self.taken else self.take(word)
        )

    def new(self, ours: str) -> str:
        """Return a new name of ours."""
        counter = self.counters.setdefault(ours, itertools.count(1))
        return self.take(next(name for n in counter if (name := f"{ours}{n}") not in self.taken))

    def take(self, name: str) -> str:
        """Return the name, which nothing else gets from now on."""
        self.taken.add(name)
        return name


def literal(value: float) -> Text:
    """Return a double."""
    if math.isnan(value):
        return Text("NAN")
    if math.isinf(value):
        return Text("INFINITY") if value > 0 else Text("-INFINITY", UNARY)
    return Text(repr(value), UNARY if value < 0 else ATOM)


def _number(value: Number) -> Text:
    """Return a number as a double."""
    if isinstance(value, Fraction) and abs(value.numerator) < 2**53 > value.denominator:
        return Text(f"{float(value.numerator)!r}/{float(value.denominator)!r}", PRODUCT)
    return literal(float(value))


class _Writer:
    """Statements, and the helpers that they need."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.statements: list[str] = []
        self.helpers: dict[str, str] = {}  # by name
        self.dialect = Dialect(
            _number, self._power, self._where, self._call, _TERMS, true="1", false="0"
        )

    def _power(self, _: str, args: Sequence[Text]) -> Text:
        """Return a power; a square of a name is a product."""
        base, exponent = args[0].text, args[1].text
        if exponent == "2.0" and re.fullmatch(r"\w+(\[[0-9]+\])?", base):
            return Text(f"{base}*{base}", PRODUCT)
        return Text(f"pow({base}, {exponent})")

    def _where(self, _: str, args: Sequence[Text]) -> Text:
        """Return a choice."""
        condition, a, b = (arg.text for arg in args)
        return Text(f"({condition} ? {a} : {b})")

    def _call(self, op: str, args: Sequence[Text]) -> Text:
        """Return a function; a long sum or product in pieces."""
        if op in _JOINS:
            return self._pieces(op, args)
        row = OPERATIONS[op]
        name = row.c
        if name == "-" or (row.c_whole and not re.fullmatch(r"-?\d+\.0", args[0].text)):
            order = f" of the order {args[0].text}" if row.c_whole else ""
            raise NotImplementedError(
                f"code(language='c'): C has no function {op}{order}; code() prints Python, which "
                f"calls scipy.special.{row.scipy}"
            )
        if row.c_helper:
            self.helpers[name] = row.c_helper
        if row.c_whole:
            return Text(f"{name}({args[0].text[:-2]}, {args[1].text})")
        if row.c_array:
            first, *others = (arg.text for arg in args)
            entries = f"(const double[]){{{', '.join(others)}}}"
            return Text(f"{name}({first}, {len(others)}, {entries})")
        if row.arity[1] is not None:
            return Text(f"{name}({', '.join(arg.text for arg in args)})")
        result = args[0].text
        for position, arg in enumerate(args[1:], 1):
            result = f"{name}({result}, {arg.text})"
            if position % (_TERMS // 5) == 0:
                result = self.assign(result)
        return Text(result)

    def _pieces(self, op: str, args: Sequence[Text]) -> Text:
        """Return a sum or product of many terms, computed in their order."""
        name = ""
        for start in range(0, len(args), _TERMS):
            piece = [arg.within(UNARY + 1) for arg in args[start : start + _TERMS]]
            name = self.assign(_JOINS[op].join([name, *piece] if name else piece))
        return Text(name)

    def assign(self, text: str) -> str:
        """Return a new name for what the text computes."""
        name = self.names.new("r")
        self.statements.append(f"const double {name} = {text};")
        return name


def print_c(
    dag: Dag,
    wrt: Sequence[str],
    value: int,
    partials: Sequence[int],
    names: Mapping[int, str],
    *,
    title: str,
    function: str = "value_and_gradient",
) -> str:
    """Return the C source of a function that computes a value and its partial derivatives."""
    names_of_c = Names([function, "value"])
    arguments = {name: names_of_c.like(name, "argument") for name in dag.shapes}
    results = {name: names_of_c.like(f"{arguments[name]}_bar", "bar") for name in wrt}
    written = {node: names_of_c.like(name, "v") for node, name in names.items()}
    roots = [value, *partials]
    for node in dag.reachable(roots):
        if dag.ops[node] == "symbol":
            name, position = dag.data[node]
            written[node] = f"{arguments[name]}[{position}]"
    targets = ["*value"]
    for name in wrt:
        targets += [f"{results[name]}[{n}]" for n in range(math.prod(dag.shapes[name]))]
    remaining = iter(targets)
    writer = _Writer(names_of_c)
    for _, name, text in lines(dag, roots, written, writer.dialect, lambda: names_of_c.new("r")):
        left = next(remaining) if name is None else f"const double {name}"
        writer.statements.append(f"{left} = {text};")
    parameters = [
        *(f"const double *{name}" for name in arguments.values()),
        "double *value",
        *(f"double *{name}" for name in results.values()),
    ]
    head = [f"/* {title} */", "#include <math.h>", ""]
    for name in sorted(writer.helpers):
        head += [writer.helpers[name], ""]
    for name, shape in dag.shapes.items():
        renamed = "" if arguments[name] == name else f" is {name!a}"
        described = f"shape {shape}" if shape else "a scalar"
        head.append(f"/* {arguments[name]}{renamed}: {described} */")
    signature = ",\n".join(f"    {parameter}" for parameter in parameters)
    body = "\n".join(f"    {statement}" for statement in writer.statements)
    return "\n".join([*head, f"void {function}(", f"{signature})", "{", body, "}", ""])
