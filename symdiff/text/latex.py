r"""LaTeX as the plain text of a formula: a small language, read token by token.

``\frac{a}{b}``, ``\sqrt[n]{x}``, ``x_1^{2}``, ``\sin^2 x``, ``e^{-x}``, ``|x|``, Greek letters and
``\operatorname{name}``; what stands side by side is a product. What could be read in two ways is
refused: ``1/2x``, ``x^10``, ``f(x)``. A name that is a function gets a ``_``. What is read is
a text for the grammar, which checks it anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, NoReturn

from symdiff.errors import Unparsable
from symdiff.text.grammar import error_at, quoted

__all__ = ["from_latex", "is_latex"]

_CHARACTERS = 10_000
_NESTING = 40
_TOKEN = re.compile(
    r"\s*(?:(?P<command>\\(?:[A-Za-z]+|.))|(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
    r"|(?P<letter>[A-Za-z])|(?P<sign>[-+*/^_{}()\[\]|,])|(?P<end>\Z))"
)
_GREEK = frozenset(
    """alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa mu nu xi rho
    varrho sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Xi Pi Sigma Upsilon Phi
    Psi Omega ell""".split()  # noqa: SIM905
)
_RENAMED = {"lambda": "lamda", "Lambda": "Lamda"}  # words of Python: as SymPy spells them
_FUNCTIONS = {
    **{name: name for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "max", "min")},
    **{name: name for name in ("arcsin", "arccos", "arctan")},
    "log": "log",
    "ln": "log",
}
_SPACES = frozenset({r"\,", r"\;", r"\:", r"\!", r"\ ", r"\quad", r"\qquad", r"\displaystyle"})
_PRODUCTS = frozenset({r"\cdot", r"\times", "*"})
_WORDS = frozenset(
    {r"\mathrm", r"\operatorname", r"\text", r"\mathit", r"\mathbf", r"\boldsymbol", r"\mathsf"}
)
_PAIRS = {"(": ")", "[": "]", "{": "}", r"\{": r"\}", r"\lvert": r"\rvert"}
_REASONS = {
    r"\top": "products of matrices are plain text: transpose(x) @ A @ x",
    r"\sum": "write every term: a formula has no loops",
    r"\prod": "write every factor: a formula has no loops",
    r"\int": "an integral is no formula of its arguments",
    r"\partial": "derivatives are what symdiff takes; write the function itself",
    r"\begin": "choices and arrays are plain text: where(x > 0, a, b)",
    r"\|": "a norm is plain text: sqrt(x**2 + y**2)",
    r"\lVert": "a norm is plain text: sqrt(x**2 + y**2)",
    r"\pm": "it stands for two formulas; write one",
    r"\infty": "it is no number of a formula",
}


class _Token(NamedTuple):
    kind: str
    text: str
    column: int


class _Piece(NamedTuple):
    """A text and how tightly it binds: 0 a sum, 1 a product, 2 a power, 3 all else."""

    text: str
    binding: int = 3

    def within(self, binding: int) -> str:
        """Return the text, in brackets where it binds less tightly than needed."""
        return self.text if self.binding >= binding else f"({self.text})"


def is_latex(text: str) -> bool:
    """Return whether a text is LaTeX: it has a command, braces or dollars."""
    return any(character in text for character in "\\{}$")


def _tokens(text: str) -> list[_Token]:
    """Return the tokens of a text, spaces and dollars left out."""
    if len(text) > _CHARACTERS:
        raise error_at(_CHARACTERS, f"{len(text)} characters; {_CHARACTERS} are the most")
    bare = text.replace("$", " ")
    found, at = list[_Token](), 0
    while True:
        match = _TOKEN.match(bare, at)
        if match is None:
            at += len(bare[at:]) - len(bare[at:].lstrip())
            reason = "is refused: a formula in LaTeX is the right-hand side only, of real numbers"
            raise error_at(at + 1, f"{quoted(bare[at])} {reason}")
        kind = match.lastgroup or ""
        piece = match[kind]
        if piece not in _SPACES:
            found.append(_Token(kind, piece, match.start(kind) + 1))
        if kind == "end":
            return found
        at = match.end()


class _Reader:
    """Reads the tokens from left to right, one level of brackets inside another."""

    def __init__(self, text: str, functions: Mapping[str, object]) -> None:
        self.tokens = _tokens(text)
        self.functions = functions
        self.at = 0
        self.depth = 0

    @property
    def here(self) -> _Token:
        return self.tokens[self.at]

    def refuse(self, reason: str, token: _Token | None = None) -> NoReturn:
        raise error_at((token or self.here).column, reason)

    def take(self, text: str | None = None) -> _Token:
        """Return the token at hand, which has to be a certain one, and go on."""
        token = self.here
        if text is not None and token.text != text:
            there = quoted(token.text) if token.text else "the end"
            self.refuse(f"{quoted(text)} is expected here, not {there}")
        self.at += 1
        return token

    def nested(self, read: Callable[[], _Piece]) -> _Piece:
        """Return the text that is read one level deeper."""
        self.depth += 1
        if self.depth > _NESTING:
            self.refuse(f"nested more than {_NESTING} levels deep")
        piece = read()
        self.depth -= 1
        return piece

    # Sums and products --------------------------------------------------------------------------

    def whole(self) -> _Piece:
        """Return the formula of the text."""
        piece = self.sum()
        if self.here.kind != "end":
            self.refuse(f"{quoted(self.here.text)} closes nothing")
        return piece

    def sum(self) -> _Piece:
        """Return a sum of products."""
        return self.nested(self._sum)

    def _sum(self) -> _Piece:
        text = ""
        while True:
            sign = self.take().text if self.here.text in ("+", "-") else ""
            term = self.product()
            text += (f" {sign} " if text else sign * (sign == "-")) + term.within(1)
            if self.here.text not in ("+", "-"):
                return _Piece(text, term.binding if text == term.text else 0)

    def starts(self) -> bool:
        """Return whether a factor begins here."""
        token = self.here
        if token.kind in ("number", "letter"):
            return True
        if token.kind == "command":
            closing = token.text in (r"\right", r"\}", r"\rvert")
            return not closing and token.text not in _PRODUCTS and token.text != r"\div"
        return token.text in ("(", "[", "{") or (token.text == "|" and not self.inside_bars)

    inside_bars = False

    def product(self) -> _Piece:
        """Return a product of factors, written out or side by side."""
        piece, count, divided = self.factor(), 1, False
        text = piece.within(1)
        while True:
            token = self.here
            if token.text in _PRODUCTS or token.text in ("/", r"\div"):
                self.take()
                divided = token.text in ("/", r"\div")
                text += (" / " if divided else "*") + self.factor().within(2)
            elif self.starts():
                if divided:
                    self.refuse(r"after a/b a product side by side is unclear; use \frac{a}{b}")
                if token.kind == "number":
                    self.refuse(f"{quoted(token.text)} follows a factor: write 2 x, x_2 or x^{{2}}")
                text += "*" + self.factor().within(2)
            else:
                return piece if count == 1 else _Piece(text, 1)
            count += 1

    def factor(self) -> _Piece:
        """Return a base and its exponent."""
        token = self.here
        base = self.base()
        if self.here.text != "^":
            return _Piece("exp(1)") if base.text == "e" and token.text == "e" else base
        self.take()
        power = self.exponent()
        if self.here.text == "^":
            self.refuse("a power of a power needs braces")
        if base.text == "e" and token.text in ("e", r"\mathrm"):
            return _Piece(f"exp({power.text})")
        return _Piece(f"{base.within(3)}**{power.within(3)}", 2)

    def exponent(self) -> _Piece:
        """Return an exponent or an index: one token, or what stands in braces."""
        token = self.here
        if token.text == "{":
            self.take()
            piece = self.sum()
            self.take("}")
            return piece
        if token.kind == "number" and (len(token.text) > 1):
            self.refuse(f"LaTeX reads the first digit alone here: write {{{token.text}}}")
        if token.text in ("-", "+") or not self.starts():
            self.refuse("an exponent of several signs needs braces")
        if token.text == "T":
            self.refuse(_REASONS[r"\top"])
        return self.base()

    # What stands by itself ----------------------------------------------------------------------

    def base(self) -> _Piece:
        """Return a number, a name, a function of something, or what stands in brackets."""
        token = self.here
        if token.kind == "number":
            return _Piece(self.take().text)
        if token.kind == "letter":
            return self.name(self.take().text, token)
        if token.kind == "command":
            return self.command()
        if token.text == "|":
            return self.bars("|")
        if token.text in ("(", "[", "{"):
            self.take()
            piece = self.group(_PAIRS[token.text])
            return piece
        there = quoted(token.text) if token.text else "the end"
        self.refuse(f"a number, a name or a bracket is expected, not {there}")

    def group(self, closing: str) -> _Piece:
        """Return the text between brackets that are open."""
        bars, self.inside_bars = self.inside_bars, False
        piece = self.sum()
        self.take(closing)
        self.inside_bars = bars
        return piece

    def bars(self, closing: str) -> _Piece:
        """Return the size of what stands between bars."""
        self.take()
        bars, self.inside_bars = self.inside_bars, True
        piece = self.sum()
        self.take(closing)
        self.inside_bars = bars
        return _Piece(f"abs({piece.text})")

    def name(self, stem: str, token: _Token) -> _Piece:
        """Return a name with its index."""
        if self.here.text == "_":
            self.take()
            stem += "_" + self.index()
        if self.here.text in ("(", "[") or (
            self.here.text == r"\left" and self.tokens[self.at + 1].text in ("(", "[")
        ):
            self.refuse(
                f"{quoted(stem)} before a bracket is a function or a factor: write "
                rf"{stem} \cdot (...), or \operatorname{{name}}(...) for a known function",
                token,
            )
        return _Piece(f"{stem}_" if stem in self.functions else stem)

    def index(self) -> str:
        """Return the letters and digits of an index."""
        if self.here.text != "{":
            token = self.take()
            if token.kind not in ("letter", "number") or len(token.text) > 1:
                self.refuse("an index is one letter or digit, or some in braces", token)
            return token.text
        self.take()
        text = ""
        while self.here.text != "}":
            token = self.take()
            if token.kind not in ("letter", "number") and token.text != ",":
                self.refuse("an index is made of letters and digits", token)
            text += "_" if token.text == "," else token.text.replace(".", "_")
        self.take("}")
        return text

    def command(self) -> _Piece:
        """Return the text that a command makes."""
        token = self.take()
        text, word = token.text, token.text[1:]
        if text in (r"\frac", r"\dfrac", r"\tfrac"):
            above, below = self.braces(), self.braces()
            if re.match(r"d(\W|$)", above.text) and re.match(r"d\W", below.text):
                self.refuse(_REASONS[r"\partial"], token)
            return _Piece(f"{above.within(1)} / {below.within(2)}", 1)
        if text == r"\sqrt":
            return self.root()
        if text == r"\left":
            opening = self.here.text
            if opening == "|":
                self.take()
                piece = self.group(r"\right")
                self.take("|")
                return _Piece(f"abs({piece.text})")
            if opening not in _PAIRS:
                self.refuse(r"\left opens ( [ \{ or |")
            self.take()
            piece = self.group(r"\right")
            self.take(_PAIRS[opening])
            return piece
        if text == r"\{":
            return self.group(r"\}")
        if text == r"\lvert":
            self.at -= 1
            return self.bars(r"\rvert")
        if text in _WORDS:
            return self.word(text, token)
        if word in _FUNCTIONS:
            return self.function(_FUNCTIONS[word], token)
        bracket = self.here.text in ("(", r"\left")
        if text == r"\sigma" and bracket:
            return self.function("sigmoid", token)
        if text == r"\pi":
            return _Piece("pi")
        if word in _GREEK or word in _RENAMED:
            return self.name(_RENAMED.get(word, word), token)
        reason = _REASONS.get(text, "it is no command of a formula that is known here")
        self.refuse(f"{quoted(text)} is refused: {reason}", token)

    def braces(self) -> _Piece:
        """Return the text in braces, or one digit or letter."""
        if self.here.text == "{":
            self.take()
            return self.group("}")
        token = self.take()
        if token.kind == "number":  # of 12 the first digit
            first, rest = token.text[0], token.text[1:]
            if rest:
                self.at -= 1
                self.tokens[self.at] = _Token("number", rest, token.column + 1)
            return _Piece(first)
        if token.kind == "letter":
            return _Piece(token.text)
        self.refuse("braces are expected", token)

    def root(self) -> _Piece:
        """Return a square root or another one."""
        if self.here.text != "[":
            return _Piece(f"sqrt({self.braces().text})")
        self.take()
        degree = self.group("]")
        inside = self.braces()
        if degree.text == "3":
            return _Piece(f"cbrt({inside.text})")
        return _Piece(f"{inside.within(3)}**(1 / {degree.within(2)})", 2)

    def word(self, command: str, token: _Token) -> _Piece:
        """Return a name of several letters, or a function that has it."""
        self.take("{")
        name = ""
        while self.here.text != "}":
            part = self.take()
            if part.kind not in ("letter", "number") and part.text not in ("_", r"\_"):
                self.refuse("a name is made of letters and digits", part)
            name += part.text.removeprefix("\\")
        self.take("}")
        if name in self.functions:
            return self.function(name, token)
        if command == r"\operatorname":
            self.refuse(f"there is no function {quoted(name)}", token)
        return self.name(name, token)

    def function(self, name: str, token: _Token) -> _Piece:
        r"""Return a function of what follows: ``\sin^2 x``, ``\log_2(x)``, ``\max(x, y)``."""
        base, power = "", None
        while self.here.text in ("_", "^"):
            if self.take().text == "_":
                base = self.index()
            else:
                power = self.exponent()
                if power.text.startswith("-"):
                    reason = f"is the inverse function or 1/{name}: write which"
                    self.refuse(rf"\{name}^{{-1}} {reason}", token)
        if base and name != "log":
            self.refuse("only a logarithm has a base", token)
        inside = self.arguments()
        if base in ("2", "10"):
            text = f"log{base}({inside})"
        else:
            text = f"{name}({inside})" + (f" / log({base})" if base else "")
        piece = _Piece(text, 1 if base and base not in ("2", "10") else 3)
        return piece if power is None else _Piece(f"{piece.within(3)}**{power.within(3)}", 2)

    def arguments(self) -> str:
        """Return the arguments of a function: in brackets, or the factors that follow."""
        opening = self.here.text
        left = opening == r"\left" and self.tokens[self.at + 1].text in ("(", "[", r"\{")
        if opening in ("(", "[", "{") or left:
            self.take()
            closing = _PAIRS[self.take().text] if left else _PAIRS[opening]
            parts = [self.sum().text]
            while self.here.text == ",":
                self.take()
                parts.append(self.sum().text)
            if left:
                self.take(r"\right")
            self.take(closing)
            return ", ".join(parts)
        text = ""
        while self.starts() and not (text and self._is_function()):
            text += ("*" if text else "") + self.factor().within(2)
        if not text:
            self.refuse("a function needs an argument")
        return text

    def _is_function(self) -> bool:
        token = self.here
        return token.text[1:] in _FUNCTIONS or token.text == r"\operatorname"


def from_latex(text: str, functions: Mapping[str, object]) -> str:
    """Return the plain text of a formula in LaTeX; refuse what is no such formula."""
    try:
        return _Reader(text, functions).whole().text
    except RecursionError:  # pragma: no cover - the nesting is bounded
        raise Unparsable("column 1: nested too deeply") from None
