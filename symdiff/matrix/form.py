"""Typesetting matrix formulas, as LaTeX or as plain text, from the same rules.

Vectors stand as columns. A product with the column of ones, written 1, says how a vector is
repeated or a matrix summed; a scalar that meets a matrix in a sum is added to each entry.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, Protocol

from symdiff.matrix.node import Node
from symdiff.matrix.shapes import Shape
from symdiff.printing.names import indexed, spelled

__all__ = [
    "ATOM",
    "HADAMARD",
    "PRODUCT",
    "RAISED",
    "SUM",
    "Piece",
    "Typesetter",
    "function_form",
    "operator_name",
]

SUM, HADAMARD, PRODUCT, RAISED, ATOM = range(5)
_RAISED_DIGITS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_LONGEST = 60  # characters of LaTeX that stand above a bar
_FRONT = 16  # characters of a quotient before what it multiplies
_COMMANDS = frozenset(
    {"exp", "log", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh"}
    | {"max", "min", "det"}
)


class Piece(NamedTuple):
    """A formula: scalar factors taken to the front, and the rest.

    Attributes
    ----------
    body : str
        What is no factor; empty for a number.
    binding : int
        How tightly the body binds.
    number : Fraction
        The numeric factor.
    above, below : tuple of str
        Scalar factors and divisors.
    """

    body: str
    binding: int
    number: Fraction = Fraction(1)
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Style:
    """The spelling of what rules use, once for LaTeX and once for text."""

    latex: bool
    hadamard: str
    over: str
    transposed: str
    one: str
    eye: str
    minus: str
    left: str
    right: str


_LATEX = _Style(
    True, r" \circ ", r" \oslash ", r"^{\top}", r"\mathbf{1}", "I", "-", r"\left(", r"\right)"
)
_TEXT = _Style(False, " ∘ ", " ⊘ ", "ᵀ", "1", "I", "−", "(", ")")


def operator_name(name: str) -> str:
    """Return the name of a function in LaTeX, which has commands for some."""
    return f"\\{name}" if name in _COMMANDS else rf"\operatorname{{{name}}}"


class Typesetter:
    """Writes the formulas of nodes, by the rules of the table.

    Parameters
    ----------
    latex : bool
        LaTeX, or plain text.
    names : mapping of int to str
        How inputs and named intermediates are written, by index of their node.
    rules : mapping of str to Rule
        How each operation is written.
    constant : str
        What the names of constant arrays begin with.
    """

    def __init__(
        self,
        latex: bool,
        names: Mapping[int, str],
        rules: Mapping[str, _Rule],
        constant: str = "C",
    ) -> None:
        self.style = _LATEX if latex else _TEXT
        self._constant = constant
        self.names = names
        self.rules = rules
        self._pieces: dict[int, Piece] = {}

    # Nodes ------------------------------------------------------------------------------------

    def piece(self, node: Node) -> Piece:
        """Return the formula of a node: its name if it has one."""
        if node.index in self.names:
            return Piece(self.names[node.index], ATOM)
        known = self._pieces.get(node.index)
        return self._define(node) if known is None else known

    def _define(self, node: Node) -> Piece:
        """Return the formula of a node in terms of those that are named, without recursion."""
        stack = [node]
        while stack:
            current = stack[-1]
            waiting = [
                arg
                for arg in current.args
                if arg.index not in self.names and arg.index not in self._pieces
            ]
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            self._pieces[current.index] = self.rules[current.op].form(self, current)
        return self._pieces[node.index]

    def write(self, node: Node) -> str:
        """Return the defining formula of a node as text."""
        return self.full(self._define(node))

    # Pieces to text ---------------------------------------------------------------------------

    def _front(self, piece: Piece) -> tuple[str, bool, bool]:
        """Return the scalar factors as text, whether they are negative, and are a quotient."""
        size = abs(piece.number)
        above = [] if size.numerator == 1 else [self._numeral(size.numerator)]
        below = [] if size.denominator == 1 else [self._numeral(size.denominator)]
        if size.denominator > 10**6 or size.numerator > 2**53:  # none that a person would write
            above, below = [self._numeral(float(size))], []
        above += self._folded(piece.above)
        below += self._folded(piece.below)
        top = " ".join(above)
        if not below:
            return top, piece.number < 0, False
        bottom = " ".join(below)
        if self.style.latex:
            bottom = self._bare(bottom)
            return rf"\frac{{{top or 1}}}{{{bottom}}}", piece.number < 0, True
        bottom = f"({bottom})" if len(below) > 1 else bottom
        return f"{top or 1}/{bottom}", piece.number < 0, True

    def _bare(self, text: str) -> str:
        """Return LaTeX without parentheses around all of it."""
        left, right = self.style.left, self.style.right
        inside = text.removeprefix(left).removesuffix(right)
        enclosed = len(text) - len(inside) == len(left + right)
        return inside if enclosed and left not in inside else text

    def _folded(self, factors: tuple[str, ...]) -> list[str]:
        """Return scalar factors, one that stands twice as a square."""
        found = []
        for text, times in Counter(factors).items():
            binding = ATOM if text.isalnum() else SUM
            power = self.power(Piece(text, binding), str(times)).body
            found.append(text if times == 1 else power)
        return found

    def _numeral(self, value: float) -> str:
        """Return a number as text."""
        text = repr(value)
        if "e" in text and self.style.latex:
            mantissa, exponent = text.split("e")
            return rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
        return text

    def signed(self, piece: Piece) -> tuple[str, bool, int]:
        """Return the text without its sign, whether it is negative, and how it binds."""
        front, negative, quotient = self._front(piece)
        if not front:
            return piece.body or "1", negative, piece.binding if piece.body else ATOM
        if not piece.body:
            single = front.isdigit() or (not quotient and len(piece.above) <= 1)
            return (
                front,
                negative,
                ATOM if single and not (piece.above and abs(piece.number) != 1) else PRODUCT,
            )
        body = self.enclosed_text(piece.body, piece.binding, HADAMARD)
        long = len(front) > _FRONT
        short = len(body) <= _LONGEST and not body.startswith(r"\frac")
        if quotient and (piece.below or long) and (not self.style.latex or short):
            return self._over(piece, body), negative, HADAMARD
        if quotient and not self.style.latex:
            front = f"({front})"
        return f"{front} {body}", negative, min(max(piece.binding, HADAMARD), PRODUCT)

    def _over(self, piece: Piece, body: str) -> str:
        """Return a body with scalars below a bar: ``2 a x/r``."""
        size = abs(piece.number)
        top = piece._replace(body="", number=Fraction(size.numerator), below=())
        bottom = piece._replace(body="", number=Fraction(size.denominator), above=())
        bottom = bottom._replace(above=piece.below, below=())
        above = " ".join(filter(None, [self._front(top)[0], body]))
        below = self._front(bottom)[0]
        if self.style.latex:
            return rf"\frac{{{above}}}{{{self._bare(below)}}}"
        several = len(piece.below) + (size.denominator != 1) > 1
        body_is_one = above == body and piece.binding < PRODUCT
        above = f"({body})" if body_is_one and not body.startswith("(") else above
        return f"{above}/({below})" if several else f"{above}/{below}"

    def full(self, piece: Piece) -> str:
        """Return the text of a formula with its sign."""
        text, negative, binding = self.signed(piece)
        if negative:
            return self.style.minus + self.enclosed_text(text, binding, HADAMARD)
        return text

    def enclosed_text(self, text: str, binding: int, needed: int) -> str:
        """Return text in parentheses where it binds less tightly than needed."""
        return text if binding >= needed else f"{self.style.left}{text}{self.style.right}"

    def enclosed(self, piece: Piece, needed: int) -> str:
        """Return a formula in parentheses where it binds less tightly than needed."""
        text, negative, binding = self.signed(piece)
        if negative:
            text, binding = self.style.minus + self.enclosed_text(text, binding, HADAMARD), SUM
        return self.enclosed_text(text, binding, needed)

    # Combinations -----------------------------------------------------------------------------

    def product(self, a: Piece, b: Piece, joint: str = " ", binding: int = PRODUCT) -> Piece:
        """Return a product, scalar factors of both at the front."""
        bodies = [p for p in (a, b) if p.body]
        front = (a.number * b.number, a.above + b.above, a.below + b.below)
        if len(bodies) < 2:
            rest = bodies[0] if bodies else Piece("", ATOM)
            return Piece(rest.body, rest.binding, *front)
        left = self.enclosed_text(a.body, a.binding, binding)
        right = self.enclosed_text(b.body, b.binding, binding)
        return Piece(f"{left}{joint}{right}", binding, *front)

    def scalar(self, piece: Piece) -> Piece:
        """Return the formula of a scalar as a factor to stand at the front: ``(xᵀ A x) y``."""
        if not piece.body:
            return piece
        text = self.enclosed_text(piece.body, piece.binding, RAISED)
        return Piece("", ATOM, piece.number, (*piece.above, text), piece.below)

    def under(self, piece: Piece) -> Piece:
        """Return the reciprocal of the formula of a scalar."""
        piece = self.scalar(piece)
        if not piece.number:
            return Piece("", ATOM, Fraction(1), (), ("0",))
        return Piece("", ATOM, 1 / piece.number, piece.below, piece.above)

    def sum(self, a: Piece, b: Piece, negative: bool = False) -> Piece:
        """Return a + b or a - b."""
        text, below, binding = self.signed(b)
        below ^= negative
        if below:
            text = self.enclosed_text(text, binding, HADAMARD)
        sign = self.style.minus if below else "+"
        return Piece(f"{self.full(a)} {sign} {text}", SUM)

    def transposed(self, piece: Piece) -> Piece:
        """Return the transpose."""
        if not piece.body:
            return piece
        binding = SUM if piece.body.startswith(r"\frac") else piece.binding
        body = self.enclosed_text(piece.body, binding, ATOM)
        return piece._replace(body=body + self.style.transposed, binding=RAISED)

    def power(
        self, piece: Piece, exponent: str, *, entrywise: bool = False, transposed: bool = False
    ) -> Piece:
        """Return a power, that of each entry with a ring; or the transpose of one."""
        base = self.enclosed(piece, ATOM)
        if base.startswith(r"\frac"):
            base = self.enclosed_text(base, SUM, ATOM)
        if self.style.latex:
            ring = r"\circ " * entrywise
            shown = "-" if transposed and exponent == "-1" else exponent
            raised = ring + shown + r"\top" * transposed
            short = len(raised) == 1
            return Piece(f"{base}^{raised}" if short else f"{base}^{{{raised}}}", RAISED)
        ring = "∘" * entrywise
        if transposed:
            return Piece(f"{base}{ring}⁻ᵀ", RAISED)
        if re.fullmatch(r"-?\d+", exponent):
            return Piece(f"{base}{ring}{exponent.translate(_RAISED_DIGITS)}", RAISED)
        return Piece(f"{base}^{ring}({exponent})", RAISED)

    def call(self, name: str, *arguments: Piece, latex: str | None = None) -> Piece:
        """Return a function of formulas; how LaTeX has its name if not as `operator_name`."""
        inside = ", ".join(map(self.full, arguments))
        if self.style.latex:
            name = operator_name(name) if latex is None else latex
        return Piece(f"{name}{self.style.left}{inside}{self.style.right}", ATOM)

    # Vectors of ones --------------------------------------------------------------------------

    def lifted(self, node: Node, shape: Shape) -> Piece:
        """Return the formula of an operand repeated to a shape."""
        return self.repeated(self.piece(node), node.shape, shape)

    def repeated(self, piece: Piece, have: Shape, shape: Shape) -> Piece:
        """Return a formula of one shape repeated to another, by products with ones."""
        if have == shape or all(n == 1 for n in have):
            return piece
        if len(shape) > 2:  # NumPy's rule is left for axes of length 1; what is missing is written
            missing = len(shape) - len(have)
            return self.taken(piece, ["None"] * missing + [":"] * len(have)) if missing else piece
        one = Piece(self.style.one, ATOM)
        if len(have) == 1:
            row = self.transposed(piece)
            return row if shape[0] == 1 else self.product(one, row)
        if have[0] == 1:
            return self.product(one, piece)
        return self.product(piece, self.transposed(one))

    def taken(self, piece: Piece, index: Sequence[str]) -> Piece:
        """Return the part that an index takes from a formula, as NumPy writes it."""
        base = self.enclosed(piece, ATOM)
        if not self.style.latex:
            return Piece(f"{base}[{', '.join(index)}]", ATOM)
        entries = (rf"\mathrm{{{e}}}" if e == "None" else e for e in index)
        return Piece(indexed(base, f"[{', '.join(entries)}]"), ATOM)

    def constant(self, place: int) -> str:
        """Return the name of a constant array."""
        name = f"{self._constant}{place + 1}"
        return spelled(name) if self.style.latex else name

    def choice(self, cases: Sequence[tuple[str, str]]) -> Piece:
        """Return a choice by cases: value and condition of each."""
        if self.style.latex:
            rows = r" \\ ".join(f"{value} & {condition}" for value, condition in cases)
            return Piece(rf"\begin{{cases}} {rows} \end{{cases}}", ATOM)
        return Piece("{" + "; ".join(f"{value} {word}" for value, word in cases) + "}", ATOM)


class _Rule(Protocol):
    """The part of a rule that a typesetter reads."""

    @property
    def form(self) -> Callable[[Typesetter, Node], Piece]: ...


def function_form(name: str, latex: str | None = None) -> Callable[[Typesetter, Node], Piece]:
    """Return the form of an operation that is a function of its operands as they stand."""
    return lambda setter, node: setter.call(name, *map(setter.piece, node.args), latex=latex)


def lifted_form(name: str, latex: str | None = None) -> Callable[[Typesetter, Node], Piece]:
    """Return the form of a function of operands that are repeated to the shape of the result."""

    def form(setter: Typesetter, node: Node) -> Piece:
        pieces = (setter.lifted(arg, node.shape) for arg in node.args)
        return setter.call(name, *pieces, latex=latex)

    return form
