"""How inputs and intermediates of matrix formulas are written: capitals for matrices."""

from __future__ import annotations

import re
from collections.abc import Mapping

from symdiff.matrix.node import Node
from symdiff.printing.names import spell

__all__ = ["display_names"]


def display_names(
    inputs: Mapping[str, Node], lets: Mapping[int, str], latex: bool
) -> dict[int, str]:
    """Return how inputs and intermediates are written."""
    taken = {*inputs, *lets.values()}
    names = {}
    for name, node in inputs.items():
        capital = name[0].upper() + name[1:]
        if re.fullmatch(r"[wb][a-z]", name):  # wq, the weights of the queries
            capital = f"{name[0].upper()}_{name[1]}"
            name = f"{name[0]}_{name[1]}" if node.ndim < 2 else name
        single = re.fullmatch(r"[a-z]\d*(\[\d+\])?|[wb][a-z]", name)
        if node.ndim >= 2 and single and capital not in taken:
            taken.add(capital)
            name = capital
        names[node.index] = name
    names |= lets
    written = spell(names.values(), latex)
    return {index: written[name] for index, name in names.items()}
