"""Lengths that are sums of names and numbers: what is left of a named axis, or joined with it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from symdiff.matrix.node import Node
from symdiff.matrix.shapes import Length

__all__ = ["as_length", "joined", "replaced", "terms_of"]

_TERM = re.compile(r"([+-]?)(?:(\d+)\*)?([A-Za-z_]\w*|\d+)")


def terms_of(n: Length) -> Counter[str]:
    """Return how often each name stands in a length; the number under the empty name."""
    found: Counter[str] = Counter()
    for sign, count, part in _TERM.findall(str(n).replace(" ", "")):
        times = int(count or 1) * (-1 if sign == "-" else 1)
        found["" if part.isdigit() else part] += times * (int(part) if part.isdigit() else 1)
    return found


def joined(lengths: Iterable[Length], times: int = 1) -> Length:
    """Return a multiple of the sum of lengths, written in one way: ``m + 2*n - 1``."""
    whole: Counter[str] = Counter()
    for n in lengths:
        for name, count in terms_of(n).items():
            whole[name] += times * count
    number = whole.pop("", 0)
    names = [(name, count) for name, count in sorted(whole.items()) if count]
    if not names:
        return number
    names.sort(key=lambda pair: pair[1] < 0)
    parts = [
        ("- " if count < 0 else "+ ") + (f"{abs(count)}*" if abs(count) != 1 else "") + name
        for name, count in names
    ]
    if number:
        parts.append(f"{'-' if number < 0 else '+'} {abs(number)}")
    text = " ".join(parts)
    return text[2:] if text.startswith("+") else f"-{text[2:]}"


def as_length(node: Node) -> Length | None:
    """Return the length that a scalar is, if it is one."""
    if node.op == "length":
        name: str = node.params[0]
        return name
    if node.number is not None:
        return int(node.number) if float(node.number).is_integer() else None
    if node.op not in ("add", "subtract", "multiply", "negate"):
        return None
    args = [as_length(arg) for arg in node.args]
    if any(arg is None for arg in args):
        return None
    first, last = args[0] or 0, args[-1] or 0
    if node.op == "multiply":
        return joined([last], first) if isinstance(first, int) else None
    if node.op == "add":
        return joined([first, last])
    minus = joined([last], -1)
    return minus if node.op == "negate" else joined([first, minus])


def replaced(n: Length, name: Callable[[str], Any]) -> str:
    """Return a length as text with its names replaced; a sum in parentheses."""
    text = re.sub(r"[A-Za-z_]\w*", lambda match: str(name(match[0])), str(n))
    return text if isinstance(n, int) or n.isidentifier() else f"({text})"
