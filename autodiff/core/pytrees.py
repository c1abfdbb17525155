"""Nested structures of arguments and results: dicts, lists, tuples, NamedTuples, dataclasses.

The leaves of a structure are listed in the order in which they stand (dicts: of insertion), and
others, such as gradients, can take their places.
"""

import copy
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

__all__ = ["Structure", "dict_keys", "flatten", "parts_of", "structure_of"]

_LEAVES = (np.ndarray, np.generic, float, int, complex, str, bytes)


@dataclasses.dataclass(frozen=True, slots=True)
class Structure:
    """A nested structure without its leaves."""

    #: Makes the container of its children; None for a leaf.
    build: Callable[[list[Any]], Any] | None
    children: "tuple[Structure, ...]" = ()
    #: The step to each child, such as ``"['w']"`` or ``".bias"``.
    keys: tuple[str, ...] = ()
    #: Number of leaves.
    count: int = 1

    @property
    def is_leaf(self) -> bool:
        """Whether there is no structure around the one leaf."""
        return self.build is None

    def unflatten(self, leaves: Sequence[Any]) -> Any:
        """Return the structure with leaves."""
        iterator = iter(leaves)
        return self._built(iterator)

    def _built(self, leaves: Iterator[Any]) -> Any:
        if self.build is None:
            return next(leaves)
        return self.build([child._built(leaves) for child in self.children])

    def paths(self, prefix: str = "") -> list[str]:
        """Return the path to each leaf, such as ``"net['w'][0]"``."""
        if self.build is None:
            return [prefix]
        return [
            path
            for key, child in zip(self.keys, self.children, strict=True)
            for path in child.paths(prefix + key)
        ]

    def kinds(self) -> Any:
        """Return the kinds of the containers, for those who treat a list and a tuple apart."""
        build: Any = self.build
        if isinstance(build, functools.partial):
            build = build.args[0] if isinstance(build.args[0], type) else type(build.args[0])
        below = [child.kinds() for child in self.children if child.build is not None]
        return (build, *below) if below else build

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Structure):
            return NotImplemented
        return self.is_leaf == other.is_leaf and self._shape() == other._shape()

    def __hash__(self) -> int:
        return hash(self.keys)

    def _shape(self) -> Any:
        return (self.keys, self.children)


LEAF = Structure(None)


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """Return the leaves of a nested structure, and the structure."""
    leaves: list[Any] = []
    return leaves, _structure(tree, leaves)


def structure_of(tree: Any) -> Structure:
    """Return the structure of a nested structure."""
    return flatten(tree)[1]


def dict_keys(structure: Structure) -> tuple[str, ...] | None:
    """Return the keys of a structure that is a plain dict with text as keys, None of others."""
    build = structure.build
    if not isinstance(build, functools.partial) or build.func is not _mapping:
        return None
    empty, names = build.args
    plain = type(empty) is dict and all(type(name) is str for name in names)
    return names if plain else None


# Functions of the module, so that structures can be pickled.


def _nothing(items: list[Any]) -> None:
    return None


def _mapping(empty: Any, names: Sequence[Any], items: list[Any]) -> Any:
    filled = copy.copy(empty)
    filled.update(zip(names, items, strict=True))
    return filled


def _called(kind: Callable[..., Any], items: list[Any]) -> Any:
    return kind(*items)


def _called_by_name(kind: Callable[..., Any], names: Sequence[str], items: list[Any]) -> Any:
    return kind(**dict(zip(names, items, strict=True)))


def parts_of(tree: Any) -> tuple[list[str], list[Any]] | None:
    """Return the steps to the parts of a container, and the parts; None of what is no container."""
    kind = type(tree)
    if isinstance(tree, dict):
        return [f"[{name!r}]" for name in tree], list(tree.values())
    if isinstance(tree, tuple) and hasattr(kind, "_fields"):
        return [f".{name}" for name in kind._fields], list(tree)
    if isinstance(tree, list | tuple):
        return [f"[{i}]" for i in range(len(tree))], list(tree)
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        names = _field_names(tree)
        return [f".{name}" for name in names], [getattr(tree, name) for name in names]
    return None


def _field_names(tree: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(tree) if field.init]


def _structure(tree: Any, leaves: list[Any]) -> Structure:
    """Return the structure, and append the leaves to a list."""
    build: Callable[[list[Any]], Any]
    if isinstance(tree, _LEAVES):
        leaves.append(tree)
        return LEAF
    if tree is None:
        return Structure(_nothing, (), (), 0)
    parts = parts_of(tree)
    if parts is None:
        leaves.append(tree)
        return LEAF
    keys, values = parts
    kind = type(tree)
    if isinstance(tree, dict):
        # A defaultdict or an OrderedDict keeps what it has besides its items.
        empty = copy.copy(tree)
        empty.clear()
        build = functools.partial(_mapping, empty, tuple(tree))
    elif isinstance(tree, tuple) and hasattr(kind, "_fields"):
        build = functools.partial(_called, kind)
    elif isinstance(tree, list | tuple):
        # Subclasses may be built from anything: their plain type is what can be relied on.
        build = list if isinstance(tree, list) else tuple
    else:
        build = functools.partial(_called_by_name, kind, tuple(_field_names(tree)))
    before = len(leaves)
    children = tuple([_structure(value, leaves) for value in values])
    return Structure(build, children, tuple(keys), len(leaves) - before)
