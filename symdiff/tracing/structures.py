"""Arguments that hold several arrays: lists, tuples, dicts, named tuples and dataclasses of shapes.

One meaning for one call, whatever the strategy: a tuple of lengths is a shape, wherever it stands,
and what holds shapes or arrays is a structure of them. A list of numbers is an array of numbers.
"""

from __future__ import annotations

import copy
import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

__all__ = [
    "Leaf",
    "Structures",
    "fill",
    "in_numbers",
    "is_shape",
    "leaves",
    "map_leaves",
    "name_leaves",
    "take",
]

_Path = tuple[tuple[str, bool], ...]  # how an entry is written, and whether that is a name


@dataclass(frozen=True)
class Leaf:
    """The place of an array in a structure; None if it is no symbolic one."""

    name: str | None


Structures = dict[str, Any]  #: for each argument that is a structure, that of its leaves


def is_shape(value: Any) -> bool:
    """Return whether a value is a shape: a tuple of lengths, numbers or names."""
    return type(value) is tuple and all(
        isinstance(n, (int, np.integer, str, sympy.Symbol)) and not isinstance(n, bool)
        for n in value
    )


def _is_dataclass(value: Any) -> bool:
    """Return whether a value is an instance of a dataclass."""
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _is_structure(value: Any) -> bool:
    """Return whether a value holds several arrays, or shapes of them."""
    if isinstance(value, dict) or _is_dataclass(value):
        return True
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return True
    if not isinstance(value, (list, tuple)) or is_shape(value):
        return False
    return any(is_shape(e) or isinstance(e, np.ndarray) or _is_structure(e) for e in value)


def _children(value: Any) -> list[tuple[str, bool, Any]]:
    """Return the entries of a structure: how each is written, whether that is a name, and it."""
    if isinstance(value, dict):
        return [(*_key(key), entry) for key, entry in value.items()]
    if _is_dataclass(value):
        return [(f.name, True, getattr(value, f.name)) for f in dataclasses.fields(value)]
    if hasattr(value, "_fields"):
        return [(field, True, getattr(value, field)) for field in value._fields]
    return [(str(k), False, entry) for k, entry in enumerate(value)]


def _key(key: Any) -> tuple[str, bool]:
    """Return how a key is written, and whether it is a name."""
    named = isinstance(key, str) and key.isidentifier()
    return (key, True) if named else (re.sub(r"[^\w .+-]", "_", str(key)), False)


def _rebuilt(value: Any, entries: list[Any]) -> Any:
    """Return a structure with other entries."""
    if isinstance(value, dict):
        return dict(zip(value, entries, strict=True))
    if _is_dataclass(value):
        other = copy.copy(value)  # not its constructor, which may check what it gets
        for field, entry in zip(dataclasses.fields(value), entries, strict=True):
            object.__setattr__(other, field.name, entry)
        return other
    if hasattr(value, "_fields"):
        return type(value)._make(entries)
    return type(value)(entries)


def _walk(value: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:
    """Yield the leaves of a value and their paths."""
    if not _is_structure(value):
        yield path, value
        return
    for text, named, entry in _children(value):
        yield from _walk(entry, (*path, (text, named)))


def _map(function: Callable[[_Path, Any], Any], value: Any, path: _Path) -> Any:
    """Return a structure of what a function gives for each leaf."""
    if not _is_structure(value):
        return function(path, value)
    entries = [_map(function, e, (*path, (text, named))) for text, named, e in _children(value)]
    return _rebuilt(value, entries)


def map_leaves(function: Callable[[Any], Any], value: Any) -> Any:
    """Return a structure of what a function gives for each leaf of a value."""
    return _map(lambda _, leaf: function(leaf), value, ())


def name_leaves(given: Mapping[str, Any]) -> tuple[dict[str, Any], Structures]:
    """Return the leaves of all arguments by name, and the arguments that are structures.

    An entry is called by its key where no other has that name, as people write W for p["W"]; else
    by its place: ``p.W``, ``ws[0]``.
    """
    paths = [path for name, value in given.items() for path, _ in _walk(value, ((name, True),))]
    count = Counter(path[-1][0] for path in paths if path[-1][1])
    count.update(name for name, value in given.items() if _is_structure(value))
    found: dict[str, Any] = {}

    def name_of(path: _Path) -> str:
        last, named = path[-1]
        if len(path) > 1 and not (named and count[last] == 1):
            last = path[0][0] + "".join(f".{t}" if named else f"[{t}]" for t, named in path[1:])
        while last in found:
            last += "_"
        return last

    def enter(path: _Path, leaf: Any) -> Leaf:
        name = name_of(path)
        found[name] = leaf
        return Leaf(name)

    structures = {}
    for name, value in given.items():
        template = _map(enter, value, ((name, True),))
        if not isinstance(template, Leaf):
            structures[name] = template
    return found, structures


def in_numbers(given: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, Any]:
    """Return arguments with numbers in place of the names of lengths."""

    def sized(_: _Path, leaf: Any) -> Any:
        return tuple(sizes.get(str(n), n) for n in leaf) if is_shape(leaf) else leaf

    return {name: _map(sized, value, ()) for name, value in given.items()}


def leaves(template: Any) -> list[str]:
    """Return the names of the leaves of a structure."""
    if isinstance(template, Leaf):
        return [] if template.name is None else [template.name]
    return [name for _, _, entry in _children(template) for name in leaves(entry)]


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Return a structure with values in place of its leaves, None for what has none."""
    if isinstance(template, Leaf):
        return None if template.name is None else values.get(template.name)
    return _rebuilt(template, [fill(entry, values) for _, _, entry in _children(template)])


def take(template: Any, value: Any, where: str) -> dict[str, Any]:
    """Return the entries of a value by the names of the leaves of a structure like it."""
    if isinstance(template, Leaf):
        return {} if template.name is None else {template.name: value}
    parts = _children(template)
    if isinstance(template, dict) or not (_is_dataclass(template) or hasattr(template, "_fields")):
        kind: Any = dict if isinstance(template, dict) else (list, tuple, np.ndarray)
        keys = list(template) if isinstance(template, dict) else range(len(parts))
        if not isinstance(value, kind):
            raise TypeError(
                f"argument {where}: a {type(template).__name__} of {len(parts)} was traced, and "
                f"{type(value).__name__} arrived"
            )
        if len(value) != len(parts) or (kind is dict and set(value) != set(template)):
            known = f" ({', '.join(map(str, keys))})" if kind is dict else ""
            raise ValueError(
                f"argument {where}: {len(value)} entries arrived, {len(parts)} were traced{known}"
            )
        entries = [value[key] for key in keys]
    else:
        missing = [name for name, _, _ in parts if not hasattr(value, name)]
        if missing:
            raise TypeError(
                f"argument {where}: {type(template).__name__} was traced, and what arrived has no "
                f"{missing[0]!r}"
            )
        entries = [getattr(value, name) for name, _, _ in parts]
    found: dict[str, Any] = {}
    for (text, named, part), entry in zip(parts, entries, strict=True):
        found |= take(part, entry, f"{where}.{text}" if named else f"{where}[{text}]")
    return found
