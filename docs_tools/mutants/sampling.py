"""Mutants of lines that are drawn at random, each line as likely as the next."""

import ast
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from docs_tools.mutants.operators import OWN

__all__ = ["Mutant", "mutants_of_line", "sample"]

#: Operators of cosmic-ray that need arguments.
_WITH_ARGUMENTS = ("VariableReplacer", "VariableInserter")


@dataclass(frozen=True)
class Mutant:
    """One planted mistake."""

    file: str
    line: int
    operator: str
    before: str
    after: str
    #: The whole text of the file with the mistake in it.
    text: str


@lru_cache
def _operators() -> dict[str, list[tuple[str, Any]]]:
    """Return the operators by kind: how often a kind is drawn does not go by its number."""
    from cosmic_ray.plugins import get_operator, operator_names

    kinds: dict[str, list[tuple[str, Any]]] = defaultdict(list)
    for name in operator_names():
        short = name.partition("/")[2]
        if short not in _WITH_ARGUMENTS:
            kinds[short.partition("_")[0]].append((short, get_operator(name)()))
    return kinds | {name: [(name, operator)] for name, operator in OWN.items()}


def _is_annotation(tree: Any, place: tuple[int, int]) -> bool:
    """Return whether what stands at a place is a type, which no test can miss."""
    node = tree.get_leaf_for_position(place, include_prefixes=True)
    while (above := node.parent) is not None:
        places = {"annassign": slice(1, 2), "tfpdef": slice(2, None)}
        types = [above.annotation] if above.type == "funcdef" else []
        if any(node is x for x in types or above.children[places.get(above.type, slice(0))]):
            return True
        node = above
    return False


def mutants_of_line(text: str, line: int, file: str = "") -> dict[str, list[Mutant]]:
    """Return the mutants whose mistake begins on a line, by kind of operator."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code

    tree = get_ast(text)
    nodes = list(ast_nodes(tree))
    near = [x for x in nodes if x.start_pos[0] <= line <= x.end_pos[0]]
    found: dict[str, list[Mutant]] = defaultdict(list)
    for kind, operators in _operators().items():
        for name, operator in operators:
            if not any(p[0][0] == line for x in near for p in operator.mutation_positions(x)):
                continue
            places = (p for x in nodes for p in operator.mutation_positions(x))
            for number, (start, _) in enumerate(places):
                if start[0] != line or _is_annotation(tree, start):
                    continue
                mutated = mutate_code(text, operator, number)
                if mutated is not None and _differs(text, mutated):
                    found[kind].append(Mutant(file, line, name, *_changed(text, mutated), mutated))
    return found


def _differs(text: str, mutated: str) -> bool:
    """Return whether a mutant can be compiled and is another program."""
    try:
        return ast.dump(ast.parse(text)) != ast.dump(ast.parse(mutated))
    except SyntaxError:
        return False


def _changed(text: str, mutated: str) -> tuple[str, str]:
    """Return the lines that differ, joined, before and after."""
    old, new = text.splitlines(), mutated.splitlines()
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    before, after = (" ".join(filter(None, map(str.strip, lines))) for lines in (old, new))
    return before, after


def sample(root: Path, packages: Sequence[str], seed: int) -> Iterator[Mutant]:
    """Yield mutants, no line twice, as long as there are lines."""
    rng = random.Random(seed)
    texts = {
        str(file.relative_to(root)): file.read_text(encoding="utf-8")
        for package in packages
        for file in sorted((root / package).rglob("*.py"))
    }
    lines = [(f, n) for f, text in texts.items() for n in range(1, text.count("\n") + 1)]
    rng.shuffle(lines)
    for file, line in lines:
        kinds = mutants_of_line(texts[file], line, file)
        if kinds:
            yield rng.choice(kinds[rng.choice(sorted(kinds))])
