r"""How names are typeset, the same way by every strategy.

A letter or a Greek name is itself, what follows it is an index (``w1`` and ``w_1`` are w with index
1, ``x_train`` is x with an upright index), longer words are upright. Where two names would look the
same, both are written as they stand.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

__all__ = ["indexed", "spell", "spelled", "upright"]

_COMMANDS = frozenset(  # those that TeX, KaTeX and MathJax all have
    {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"}
    | {"lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi"}
    | {"omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi"}
    | {"Omega"}
)
_GREEK = {"omicron", "Omicron", *_COMMANDS, *(name.capitalize() for name in _COMMANDS)}
_LETTERS = {
    unicodedata.lookup(
        f"GREEK {'SMALL' if name.islower() else 'CAPITAL'} LETTER "
        f"{name.upper().replace('LAMBDA', 'LAMDA')}"
    ): name
    for name in _GREEK
}
_SIGNS = {name: sign for sign, name in _LETTERS.items()}
_SHORT = {"lam": "lambda", "lamda": "lambda", "Lam": "Lambda", "Lamda": "Lambda"}


def upright(text: str) -> str:
    r"""Return a word as upright LaTeX, whatever its characters.

    Examples
    --------
    >>> print(upright("step_size"), upright("größe"))
    \mathrm{step\_size} \text{größe}
    """
    escaped = re.sub(r"([_#$%&{}])", r"\\\1", text.replace("\\", "/"))
    escaped = escaped.replace("^", r"\wedge ").replace("~", r"\sim ")
    return rf"\mathrm{{{escaped}}}" if text.isascii() else rf"\text{{{escaped}}}"


def indexed(base: str, index: str) -> str:
    r"""Return LaTeX with an index; what has an index already stands in braces.

    Examples
    --------
    >>> print(indexed("w", "1"), indexed("w_1", "0,2"))
    w_1 {w_1}_{0,2}
    """
    whole = f"{{{base}}}" if "_" in base or "^" in base else base
    return f"{whole}_{index}" if len(index) == 1 else f"{whole}_{{{index}}}"


def _parts(name: str) -> tuple[str, str, bool]:
    """Return the stem of a name, its number, and whether it is an adjoint."""
    bar = name.endswith("_bar") and len(name) > 4
    base = name.removesuffix("_bar") if bar else name
    match = re.fullmatch(r"(.*?[^\W\d_])_?([0-9]*)", base)
    return (match[1], match[2], bar) if match else (base, "", bar)


def _letter(stem: str, latex: bool) -> str:
    """Return a stem: Greek letters by their sign, words upright."""
    short = _SHORT.get(stem, stem)
    short = _LETTERS.get(short, short)
    if short in _COMMANDS or (short in _GREEK and not latex):
        return f"\\{short}" if latex else _SIGNS[short]
    if not latex:
        return stem
    if len(stem) == 1:
        return stem if stem.isascii() and stem != "_" else upright(stem)
    head, _, tail = stem.partition("_")
    if tail and (len(head) == 1 or head in _COMMANDS) and not tail.startswith("_"):
        head = _letter(head, latex)
        return f"{head}_{tail}" if len(tail) == 1 else rf"{head}_{{{upright(tail)}}}"
    return upright(stem)


def spelled(name: str, latex: bool = True) -> str:
    r"""Return a name as LaTeX or text: of an argument, of an entry of a structure, of a line.

    Examples
    --------
    >>> print(spelled("w1"), spelled("alpha"), spelled("x_train"), spelled("h_bar[0,1]"))
    w_1 \alpha x_{\mathrm{train}} \bar{h}_{0,1}
    """
    entry = re.fullmatch(r"(.*)\[([^\[\]]*)\]", name)
    if entry:
        base, index = spelled(entry[1], latex), entry[2]
        if not latex:
            return f"{base}[{index}]"
        if not re.fullmatch(r"[0-9,]*", index):
            index = upright(index)
        return indexed(base, index)
    whole, dot, field = name.rpartition(".")
    if dot:
        base = spelled(whole, latex)
        return indexed(base, upright(field)) if latex else f"{base}.{field}"
    stem, number, bar = _parts(name)
    letter = _letter(stem, latex)
    if bar and latex:
        letter = rf"\bar{{{letter}}}"
    elif bar and len(letter) == 1:
        letter = f"{letter}\N{COMBINING MACRON}"
    elif bar:
        return f"{letter}{number}_bar"
    if not number:
        return letter
    return indexed(letter, number) if latex else f"{letter}{number}"


def spell(names: Iterable[str], latex: bool = True) -> dict[str, str]:
    r"""Return how names are written that stand together, no two of them the same.

    Examples
    --------
    >>> print(*spell(["w1", "w_1", "v"]).values())
    \mathrm{w1} \mathrm{w\_1} v
    """
    written = {name: spelled(name, latex) for name in names}
    count = Counter(written.values())
    return {
        name: text if count[text] == 1 else upright(name) if latex else name
        for name, text in written.items()
    }
