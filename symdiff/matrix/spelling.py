"""How names are written: indices, bars, Greek letters, capitals for matrices."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from sympy.core.alphabets import greeks

from symdiff.matrix.node import Node

__all__ = ["display_names"]


def _parts(name: str) -> tuple[str, str, bool]:
    """Return the stem of a name, its number, and whether it is an adjoint."""
    bar = name.endswith("_bar") and len(name) > 4
    base = name.removesuffix("_bar") if bar else name
    match = re.fullmatch(r"(.*?[^\d_])_?(\d*)", base) or re.fullmatch(r"(.*)()", base)
    assert match is not None
    return match[1], match[2], bar


def _letter(stem: str, latex: bool) -> str:
    """Return a stem as text: Greek letters by their sign, words upright."""
    short = {"lam": "lambda"}.get(stem, stem)
    if short.lower() in greeks and short.isascii():
        if latex:
            return f"\\{short}"
        size = "SMALL" if short.islower() else "CAPITAL"
        spelled = {"lambda": "LAMDA"}.get(short.lower(), short.upper())
        return unicodedata.lookup(f"GREEK {size} LETTER {spelled}")
    if len(stem) == 1 or not latex:
        return stem
    head, _, tail = stem.partition("_")
    if len(head) == 1 and tail:
        inside = tail.replace("_", r"\_")
        if len(tail) == 1:
            return f"{head}_{tail}"
        return rf"{head}_{{\mathrm{{{inside}}}}}"
    escaped = stem.replace("_", r"\_")
    return rf"\mathrm{{{escaped}}}"


def written(name: str, latex: bool) -> str:
    """Return a name as LaTeX or text, its number as an index."""
    entry = re.fullmatch(r"(.*)\[(\d+)\]", name)
    if entry:
        base = written(entry[1], latex)
        return f"{{{base}}}_{{[{entry[2]}]}}" if latex else f"{base}[{entry[2]}]"
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
    if latex:
        whole = f"{{{letter}}}" if "_" in letter else letter
        return f"{whole}_{{{number}}}" if len(number) > 1 else f"{whole}_{number}"
    return f"{letter}{number}"


def display_names(
    inputs: Mapping[str, Node], lets: Mapping[int, str], latex: bool
) -> dict[int, str]:
    """Return how inputs and intermediates are written."""
    taken = {*inputs, *lets.values()}
    result = {}
    for name, node in inputs.items():
        capital = name[0].upper() + name[1:]
        if re.fullmatch(r"[wb][a-z]", name):  # wq, the weights of the queries
            capital = f"{name[0].upper()}_{name[1]}"
            name = f"{name[0]}_{name[1]}" if node.ndim < 2 else name
        single = re.fullmatch(r"[a-z]\d*(\[\d+\])?|[wb][a-z]", name)
        if node.ndim >= 2 and single and capital not in taken:
            taken.add(capital)
            name = capital
        result[node.index] = written(name, latex)
    for index, name in lets.items():
        result[index] = written(name, latex)
    return result
