"""Arguments that are one object, or one that the function has from outside.

In a trace each argument is a tensor of its own, so that ``x is y`` is false whatever came. Where
the code that ran could see the difference, a plan is for arguments that are distinct objects; for
others the function itself runs.
"""

import builtins
import dis
import itertools
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from autodiff.core.pytrees import parts_of
from autodiff.plan.tracing.visited import Visited

__all__ = ["Distinct", "distinct"]

#: Names of functions that tell objects from equal ones, and arrays that share memory.
_IDENTITY, _MEMORY = {"id", "is_", "is_not"}, {"shares_memory", "may_share_memory"}
#: Kinds of leaves for which a trace has tensors; others are in it as they are.
_LEAVES = (np.ndarray, np.inexact, float, complex)
_SINGLE = (type(None), type(Ellipsis), bool, int, str)


class Distinct:
    """Whether arguments are distinct objects: from each other, and from those outside.

    Parameters
    ----------
    outside : iterable
        What the function read from outside; integers among it may be identities.
    memory : bool
        Whether arrays that share memory are not distinct either.
    """

    def __init__(self, outside: Iterable[Any], memory: bool) -> None:
        self._outside = [x for x in outside if type(x) is int or _may_be_one(x)]
        self._known = {x if type(x) is int else id(x) for x in self._outside}
        self._memory = memory

    def __call__(self, args: Any, kwargs: Mapping[str, Any] | None = None) -> bool:
        """Return whether arguments are distinct."""
        found = [x for arg in (*args, *(kwargs or {}).values()) for x in _objects(arg)]
        known = set(map(id, found))
        if len(known) < len(found) or not self._known.isdisjoint(known):
            return False
        if not self._memory:
            return True
        arrays = [x for x in found if isinstance(x, np.ndarray)]
        outside = [x for x in self._outside if isinstance(x, np.ndarray)]
        pairs = itertools.chain(
            itertools.combinations(arrays, 2), itertools.product(arrays, outside)
        )
        return not any(np.may_share_memory(x, y) for x, y in pairs)


def distinct(visited: Visited, outside: Callable[[], Iterable[Any]]) -> Distinct | None:
    """Return the test whether arguments are distinct, if the code that ran could see it."""
    names = set().union(*(code.co_names for code in visited.codes.values()))
    memory = not visited.known or not names.isdisjoint(_MEMORY)
    places = [place for place, _ in visited.globals.values()] + [vars(builtins)]
    asks = memory or not names.isdisjoint(_IDENTITY)
    if not asks and not any(_compares(code, places) for code in visited.codes.values()):
        return None
    return Distinct(outside(), memory)


def _objects(x: Any) -> Iterator[Any]:
    """Yield what may be one object in two places: numbers and arrays, containers of them."""
    if isinstance(x, _LEAVES):
        yield x
        return
    parts = parts_of(x)
    if parts is None:
        return
    empty = True
    for part in parts[1]:
        for found in _objects(part):
            empty = False
            yield found
    # One tuple without any stands in many places.
    if not (empty and isinstance(x, tuple)):
        yield x


def _may_be_one(x: Any) -> bool:
    """Return whether an argument may be this object."""
    return next(_objects(x), None) is not None


def _compares(code: types.CodeType, places: list[dict[str, Any]]) -> bool:
    """Return whether code asks if something is an object that an argument may be."""
    before: list[dis.Instruction] = []
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IS_OP" and _may_be_argument(before, places):
            return True
        before.append(instruction)
    return False


def _may_be_argument(before: list[dis.Instruction], places: list[dict[str, Any]]) -> bool:
    """Return whether what was loaded last may be one: no ``None``, class or member of an enum."""
    attributes: list[str] = []
    for instruction in reversed(before):
        if instruction.opname == "LOAD_CONST":
            return not isinstance(instruction.argval, _SINGLE)
        if instruction.opname == "LOAD_ATTR":
            attributes.insert(0, instruction.argval)
            continue
        if instruction.opname != "LOAD_GLOBAL":
            return True
        found = [place[instruction.argval] for place in places if instruction.argval in place]
        for name in attributes:
            if not all(isinstance(x, type | types.ModuleType) for x in found):
                return True
            found = [getattr(x, name, None) for x in found]
        return any(map(_may_be_one, found))
    return True
