"""Whether what a plan watches is still what it was, as source for the function that is called."""

from collections.abc import Callable, Sequence
from functools import partial
from operator import is_
from typing import Any

import numpy as np

from autodiff.core.constants import fingerprint
from autodiff.plan.tracing.kinds import is_plain

__all__ = [
    "MISSING",
    "Conditions",
    "array_state",
    "cell_value",
    "context_value",
    "defaults",
    "dict_items",
    "elements",
    "flags",
    "frame_values",
    "keys",
    "keywords",
    "record_items",
    "target",
]

#: What a name was bound to that was bound to nothing.
MISSING = type("_Missing", (), {"__repr__": lambda self: "nothing"})()
#: Bytes up to which an array is compared as it is, which takes a third of the time of its sums.
_SMALL = 100_000
#: Attributes that all functions, objects or classes have, and partial functions: a third of the
#: time of others.
_SPECIAL = ("__code__", "__class__", "__bases__")
_OF_PARTIAL = ("func", "args", "keywords")
#: Items of lists and dicts that are compared one by one, not as the tuple of all.
_SHORT = 8


def cell_value(cell: Any) -> Any:
    """Return the content of a cell, if any."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def defaults(f: Any) -> tuple[Any, ...]:
    """Return the defaults of a function, by place and by name."""
    return (f.__defaults__, *(f.__kwdefaults__ or {}).items())


def dict_items(x: Any) -> tuple[Any, ...]:
    """Return the keys of a dict, then its values."""
    return (*x, *x.values())


def keys(x: Any) -> Any:
    """Return the keys of a dict, in no order."""
    return frozenset(x)


def keywords(x: Any) -> Any:
    """Return the arguments by name that a partial function gives."""
    return x.keywords


def elements(x: Any) -> tuple[Any, ...]:
    """Return the shape of an array of objects, and these."""
    return (x.shape, *x.reshape(-1).tolist())


def record_items(x: Any) -> tuple[Any, ...]:
    """Return the items of a record of a structured array."""
    return x.item() if x.dtype.names else (x.tobytes(),)


def flags(x: Any) -> int:
    """Return the flags of an array."""
    return int(x.flags.num)


def target(x: Any) -> Any:
    """Return the target of a weak reference."""
    return x()


def context_value(x: Any) -> Any:
    """Return the value of a context variable."""
    return x.get(MISSING)


def array_state(x: Any) -> Any:
    """Return the state of an array: shape, type, and bytes or a number of them."""
    if isinstance(x, np.ma.MaskedArray):
        octets = np.ma.getdata(x).tobytes(), np.ma.getmaskarray(x).tobytes()
        return (x.shape, x.dtype, *octets)
    if x.nbytes < _SMALL:
        return (x.shape, x.dtype, x.tobytes())
    return (
        x.shape,
        x.dtype,
        fingerprint(x if x.flags.c_contiguous else np.ascontiguousarray(x), True),
    )


def frame_values(x: Any) -> Any:
    """Return the content of a pandas object: labels and values."""
    axes = [getattr(x, name) for name in ("index", "columns") if hasattr(x, name)]
    labels = [(*axis, *axis.names) for axis in axes]
    labels += [(getattr(x, "name", None), *dict_items(getattr(x, "attrs", {})))]
    values = x.to_numpy()
    return (type(x), *labels, elements(values) if values.dtype.hasobject else array_state(values))


def _same(now: Any, then: Any) -> bool:
    """Return whether a value is the one that was: itself, or an equal number or text."""
    if now is then:
        return True
    if type(now) is not type(then) or (hasattr(then, "__dict__") and not is_plain(then)):
        return False  # equal ones may have other attributes
    if isinstance(then, tuple):
        return len(now) == len(then) and (all(map(is_, now, then)) or all(map(_same, now, then)))
    if isinstance(then, float | complex | np.inexact):
        # 0.0 is not -0.0, and NaN is itself.
        return repr(now) == repr(then)
    return (isinstance(then, frozenset) or is_plain(then)) and bool(now == then)


class Conditions:
    """Source of what holds while nothing has changed: an expression for each value that is watched.

    It is part of the function that users call. To ask a function instead, which compares all by
    `_same`, takes 0.2 µs more (a call of `circuit` 2.3 ×, of `single` by Numba 1.05 ×).
    """

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self.texts: list[str] = []
        self.names: dict[str, Any] = {}
        self._known: dict[int, str] = {}

    def _name(self, value: Any) -> str:
        """Return the name of an object."""
        if id(value) not in self._known:
            self._known[id(value)] = name = f"g{len(self._known)}{self._tag}"
            self.names[name] = value
        return self._known[id(value)]

    def _is(self, now: str, value: Any) -> str:
        text = f"{now} is {self._name(value)}"
        if issubclass(type(value), tuple | frozenset) or is_plain(value):
            text = f"({text} or {self._name(_same)}({now}, {self._name(value)}))"
        return text

    def _in_order(self, x: Any, known: Sequence[Any] | None = None) -> str:
        """Return the condition that a dict has these keys, those of now, in this order."""
        return f"[*{self._name(x)}] == {self._name(list(x if known is None else known))}"

    def bindings(self, bindings: Sequence[tuple[str, Any, Any, Any]]) -> None:
        """Add names, attributes and items, each as of `_Search.bindings`."""
        done: set[tuple[int, str]] = set()
        for kind, place, name, value in bindings:
            if (id(place), name) in done:
                continue
            done.add((id(place), name))
            where = self._name(place)
            always = name in _SPECIAL or (type(place) is partial and name in _OF_PARTIAL)
            if always and kind == "attribute":
                self.texts.append(f"{where}.{name} is {self._name(value)}")
                continue
            if kind == "attribute":
                now = f"getattr({where}, {name!r}, {self._name(MISSING)})"
            elif value is MISSING:
                self.texts.append(f"{name!r} not in {where}")
                continue
            else:
                now = f"{where}[{name!r}]"
            self.texts.append(self._is(now, value))

    def contents(self, contents: Sequence[tuple[Callable[[Any], Any], Any, Any]]) -> None:
        """Add contents, each as of `_Search.contents`."""
        for read, x, value in contents:
            own = self._name(x)
            count = len(value) if isinstance(value, tuple) else 0
            if read is array_state and type(x) is np.ndarray and type(value[2]) is bytes:
                shape, dtype, octets = map(self._name, value)
                texts = [f"{own}.tobytes() == {octets}", f"{own}.shape == {shape}"]
                texts += [f"{own}.dtype is {dtype}"]
            elif read is keys:
                text = f"{own}.keys() == {self._name(value)}"
                # Most often in the order of before, which is looked at in half the time.
                texts = [f"({self._in_order(x)} or {text})" if x.keys() == value else text]
            elif read is cell_value and value is not MISSING:
                texts = [self._is(f"{own}.cell_contents", value)]
            elif read is keywords:
                texts = [f"not {own}.keywords"]
            elif read is dict_items and type(x) is dict and not value:
                texts = [f"not {own}"]
            elif read is dict_items and type(x) is dict and _are_few_names(value[: count // 2]):
                known = value[: count // 2]
                texts = [self._in_order(x, known)]
                pairs = zip(known, value[count // 2 :], strict=True)
                texts += [self._is(f"{own}[{key!r}]", item) for key, item in pairs]
            elif read is tuple and type(x) is list and count <= _SHORT:
                texts = [f"len({own}) == {count}"]
                texts += [self._is(f"{own}[{i}]", item) for i, item in enumerate(value)]
            else:
                texts = [f"{self._name(_same)}({self._name(read)}({own}), {self._name(value)})"]
            self.texts += texts


def _are_few_names(known: tuple[Any, ...]) -> bool:
    return len(known) <= _SHORT and all(type(key) is str for key in known)
