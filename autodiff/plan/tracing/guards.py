"""What a traced function read from outside its arguments, and whether it is still what it was.

A plan holds the numbers of its trace. What these came from is found by where the function ran: each
Python frame that the trace entered names globals, cells and attributes, and what these lead to is
watched, by binding (is the name still bound to that object?) and by content (are the items of that
container, the bytes of that array what they were?). What has no content that can be read, such as
a file or a pandas frame, is named, for the error that refuses it.
"""

import array
import collections
import contextvars
import datetime
import decimal
import enum
import fractions
import functools
import io
import os
import pathlib
import random
import re
import sys
import threading
import types
import uuid
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.core.constants import fingerprint
from autodiff.core.pytrees import flatten
from autodiff.core.tensor import Tensor
from autodiff.core.users import is_users_code, is_users_module

__all__ = ["Guards", "Visited", "held_outside"]

#: What a name was bound to that was bound to nothing.
_MISSING = type("_Missing", (), {"__repr__": lambda self: "nothing"})()
#: Immutable values: watched by what they are bound to.
_PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)
_IMMUTABLE = (
    *_PLAIN,
    *(type(Ellipsis), type(NotImplemented), range, slice, types.CodeType, np.dtype, np.ufunc),
    *(types.BuiltinFunctionType, types.GenericAlias, types.UnionType, re.Pattern, enum.Enum),
    *(decimal.Decimal, fractions.Fraction, datetime.date, datetime.time, datetime.timedelta),
    *(datetime.tzinfo, pathlib.PurePath, uuid.UUID, types.MethodWrapperType),
    *(types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType),
    *(type(threading.Lock()), type(threading.RLock())),
)
#: Names whose code reads attributes or globals that no name in the code tells.
_COMPUTED = frozenset(
    {"getattr", "hasattr", "vars", "__dict__", "globals", "locals", "eval", "exec", "attrgetter"}
    | {"asdict", "astuple", "fields", "replace", "__getattribute__", "methodcaller", "__slots__"}
)
#: Modules of Python's whose classes hold what they are given; others (loggers) know too much.
_HOLDERS = ("collections", "configparser", "functools", "weakref")
_FUNCTIONS = (types.FunctionType, types.MethodType, functools.partial, functools.partialmethod)
_WRAPPERS = (staticmethod, classmethod)
_BYTES = (bytearray, memoryview, array.array)
_SMALL = 4096


class Visited:
    """The frames of the user's that a trace entered: their code, globals and free variables."""

    def __init__(self) -> None:
        self.codes: dict[int, types.CodeType] = {}
        self.globals: dict[int, tuple[dict[str, Any], set[str]]] = {}
        #: Whether frames will be known: not where somebody else profiles.
        self.known = sys.getprofile() is None
        self.opened = False
        self._skipped: set[int] = set()
        self._kept: list[types.CodeType] = []

    def on_event(self, frame: types.FrameType, event: str, arg: Any) -> None:
        """Note a frame that is entered; for `sys.setprofile`."""
        if event == "call":
            code = frame.f_code
            key = id(code)
            if key in self._skipped:
                return
            self._skipped.add(key)
            self._kept.append(code)
            if is_users_code(code, frame.f_globals):
                self.codes[key] = code
                _, names = self.globals.setdefault(id(frame.f_globals), (frame.f_globals, set()))
                names.update(code.co_names)
        elif event == "c_call" and arg is open:
            self.opened = True


class Guards:
    """What a function read from outside, to be compared with what is there later.

    Parameters
    ----------
    f : callable
        The function.
    args : sequence
        Arguments that a plan takes as they are: objects and functions among them are looked into.
    arrays : sequence of array
        Arrays that are known to have taken part.
    visited : Visited
        The frames that the trace entered.

    Attributes
    ----------
    unwatched : list of str
        What was read and can't be watched, by how it is reached.

    Examples
    --------
    >>> scale = np.ones(2)
    >>> f = lambda x: x * scale
    >>> visited = Visited()
    >>> sys.setprofile(visited.on_event)
    >>> y = f(np.ones(2))
    >>> sys.setprofile(None)
    >>> guards = Guards(f, (), [], visited)
    >>> scale[0] = 5.0
    >>> guards.changed()
    True
    """

    def __init__(
        self, f: Any, args: Sequence[Any], arrays: Sequence[Any], visited: Visited
    ) -> None:
        search = _Search(visited)
        for x in arrays:
            search.visit(x, "an array")
        search.visit(f, getattr(f, "__name__", "the function"))
        for i, x in enumerate(flatten(list(args))[0]):
            if not isinstance(x, np.ndarray) or x.dtype.hasobject:
                search.visit(x, f"argument {i}")
        search.globals()
        search.unreached()
        if visited.opened:
            search.unwatched.append("a file that the function opens")
        self.unwatched = search.unwatched
        self._bindings = search.bindings
        self._contents = search.contents
        self.changed = _compiled(search.bindings, search.contents)

    def __len__(self) -> int:
        return len(self._bindings) + len(self._contents)


class _Search:
    """Looks for what can change, from what the code that ran has names for."""

    def __init__(self, visited: Visited) -> None:
        self.visited = visited
        self.names: set[str] = set()
        for code in visited.codes.values():
            self.names.update(code.co_names)
        #: Whether all attributes are looked into: the code asks for some by computed names.
        self.all = not visited.known or not self.names.isdisjoint(_COMPUTED)
        #: Name, place and value: what ``place[name]`` or ``place.name`` was.
        self.bindings: list[tuple[str, Any, Any, Any]] = []
        #: A function that reads what is there now, its operand, and what it read.
        self.contents: list[tuple[Callable[[Any], Any], Any, Any]] = []
        self.unwatched: list[str] = []
        self._seen: dict[int, Any] = {}
        self._stack: list[tuple[Any, str]] = []

    def visit(self, x: Any, path: str) -> None:
        """Look into a value and what it leads to."""
        self._stack.append((x, path))
        while self._stack:
            value, where = self._stack.pop()
            if isinstance(value, _IMMUTABLE) or id(value) in self._seen:
                continue
            self._seen[id(value)] = value
            self._look(value, where)

    def _look(self, x: Any, path: str) -> None:
        if type(x) is Tensor:
            return
        if isinstance(x, np.ndarray):
            self._array(x, path)
        elif isinstance(x, _FUNCTIONS):
            self._function(x, path)
        elif isinstance(x, _WRAPPERS):
            self._stack.append((x.__func__, path))
        elif isinstance(x, property):
            self._stack += [(g, path) for g in (x.fget,) if g is not None]
        elif isinstance(x, types.ModuleType):
            self._module(x, path)
        elif isinstance(x, type):
            self._class(x, path)
        elif isinstance(x, dict | list | tuple | set | frozenset | collections.deque):
            self._container(x, path)
            if type(x).__module__ != "builtins":
                self._object(x, path, known=True)
        elif isinstance(x, _BYTES) or type(x).__module__ in ("ctypes", "_ctypes", "mmap"):
            self.contents.append((bytes, x, bytes(x)))
        elif isinstance(x, types.MappingProxyType):
            self.contents.append((_items, x, _items(x)))
            self._stack += [(v, f"{path}[{k!r}]") for k, v in x.items()]
        elif type(x).__module__.split(".")[0] == "pandas" and hasattr(x, "to_numpy"):
            self.contents.append((_frame, x, _frame(x)))
        elif isinstance(x, contextvars.ContextVar):
            self.contents.append((_context_value, x, _context_value(x)))
            self._stack.append((_context_value(x), path))
        elif isinstance(x, weakref.ref):
            self.contents.append((_target, x, _target(x)))
            self._stack.append((_target(x), path))
        elif type(x).__module__.split(".")[0] not in ("jax", "jaxlib"):  # those are immutable
            self._object(x, path)

    def _array(self, x: Any, path: str) -> None:
        if x.dtype.hasobject:
            self.contents.append((_elements, x, _elements(x)))
            self._stack += [(v, f"an element of {path}") for v in x.reshape(-1).tolist()]
        else:
            self.contents.append((_state, x, _state(x)))
        if type(x) is not np.ndarray:
            self._object(x, path, known=True)

    def _container(self, x: Any, path: str) -> None:
        if isinstance(x, dict):
            self.contents.append((_items, x, _items(x)))
            self._stack += [(k, f"a key of {path}") for k in x if not isinstance(k, _IMMUTABLE)]
            items: Any = [(v, f"{path}[{k!r}]") for k, v in x.items()]
        else:
            if not isinstance(x, tuple | frozenset):
                self.contents.append((tuple, x, tuple(x)))
            items = [(v, f"{path}[{i}]") for i, v in enumerate(x)]
        self._stack += [(v, p) for v, p in items if not isinstance(v, _IMMUTABLE)]

    def _function(self, f: Any, path: str) -> None:
        if isinstance(f, functools.partial | functools.partialmethod):
            self._stack += [(v, path) for v in (f.func, *f.args, *f.keywords.values())]
            self.contents.append((_items, f.keywords, _items(f.keywords)))
            return
        if isinstance(f, types.MethodType):
            self._stack.append((f.__self__, f"{path}.__self__"))
            f = f.__func__
            if not isinstance(f, types.FunctionType):
                self._stack.append((f, path))
                return
            if id(f) in self._seen:
                return
            self._seen[id(f)] = f
        if not is_users_code(f.__code__, f.__globals__):
            # Transforms and wrappers of libraries read what they wrap, which is what matters.
            cells = [v for v in map(_cell, f.__closure__ or ()) if callable(v)]
            self._stack += [(v, path) for v in cells if not isinstance(v, type)]
            return
        if self.visited.known and id(f.__code__) not in self.visited.codes:
            return
        if f.__defaults__ or f.__kwdefaults__:
            self.contents.append((_defaults, f, _defaults(f)))
        if not self.visited.known:
            _, names = self.visited.globals.setdefault(id(f.__globals__), (f.__globals__, set()))
            names |= _all_names(f.__code__)
            self.names |= names
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            self.contents.append((_cell, cell, value := _cell(cell)))
            self._stack.append((value, name))
        for value in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()):
            self._stack.append((value, f"a default of {path}"))
        if f.__dict__:
            self._attributes(f.__dict__, path)
        elif self.all or "__dict__" in self.names:
            self.contents.append((_items, f.__dict__, ()))

    def _module(self, module: Any, path: str) -> None:
        if module is os and not self.names.isdisjoint({"environ", "getenv"}):
            self.contents.append((_items, os.environ, _items(os.environ)))
        if not is_users_module(module.__name__):
            return
        self._attributes(vars(module), path, only_named=True)

    def _class(self, x: type, path: str) -> None:
        for base in x.__mro__:
            if base is object or (id(base) in self._seen and base is not x):
                continue
            self._seen[id(base)] = base
            if is_users_module(base.__module__):
                self._attributes(base.__dict__, base.__name__, only_named=not self.all)
                meta = type(base)
                if meta is not type:
                    self._stack.append((meta, meta.__name__))

    def _object(self, x: Any, path: str, known: bool = False) -> None:
        """Look into an instance: its attributes, slots and class."""
        kind = type(x)
        users = is_users_module(kind.__module__)
        if _is_opaque(x, kind):
            if not known:
                self.unwatched.append(f"{path}, a {kind.__module__}.{kind.__qualname__}")
            return
        if users:
            self._stack.append((kind, kind.__name__))
        attributes = getattr(x, "__dict__", None)
        everything = self.all or not users
        if isinstance(attributes, dict):
            root = kind.__module__.split(".")[0]
            if not users and root in sys.stdlib_module_names and root not in _HOLDERS:
                everything = self.all
            self._attributes(attributes, path, only_named=not everything, appear=True)
        for base in kind.__mro__:
            slots = base.__dict__.get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                private = slot.startswith("__") and not slot.endswith("__")
                name = f"_{base.__name__.lstrip('_')}{slot}" if private else slot
                if slot not in ("__dict__", "__weakref__") and (everything or name in self.names):
                    value = getattr(x, name, _MISSING)
                    self.bindings.append(("attribute", x, name, value))
                    self._stack.append((value, f"{path}.{name}"))

    def _attributes(
        self,
        place: Mapping[str, Any],
        path: str,
        only_named: bool = False,
        appear: bool = False,
    ) -> None:
        """Watch what names are bound to in the dict of an object, module or class."""
        chosen = self.names & place.keys() if only_named else [n for n in place if type(n) is str]
        for name in chosen:
            if name.startswith("__") and name.endswith("__") and name not in self.names:
                continue
            value = place[name]
            if type(value) is Tensor:
                continue
            self.bindings.append(("item", place, name, value))
            if not isinstance(value, _IMMUTABLE):
                self._stack.append((value, f"{path}.{name}"))
        if appear:
            self.contents.append((_keys, place, frozenset(place)))

    def globals(self) -> None:
        """Look into what the code that ran calls by name."""
        done: set[tuple[int, str]] = set()
        while True:
            pending = [
                (place, name)
                for key, (place, names) in self.visited.globals.items()
                for name in names
                if (key, name) not in done
            ]
            if not pending:
                return
            for place, name in pending:
                done.add((id(place), name))
                value = place.get(name, _MISSING)
                if name in sys.modules:
                    # It may be imported within the function.
                    self.visit(sys.modules[name], name)
                if value is _MISSING:
                    continue
                if type(value) is Tensor:
                    continue
                if not _is_library(value):
                    self.bindings.append(("item", place, name, value))
                self.visit(value, name)
            if self.all:
                for place, _ in list(self.visited.globals.values()):
                    self._computed_globals(place)

    def _computed_globals(self, place: dict[str, Any]) -> None:
        """Watch the plain numbers of a module that ``globals()[name]`` may read."""
        if self.names.isdisjoint({"globals", "vars", "eval", "exec"}):
            return
        for name, value in place.items():
            holds = isinstance(value, float | int | complex | np.ndarray | list | dict | tuple)
            if holds and not name.startswith("__"):
                self.bindings.append(("item", place, name, value))
                self.visit(value, name)

    def unreached(self) -> None:
        """Look into closures that ran and that nothing so far led to."""
        codes = [c for c in self.visited.codes.values() if c.co_freevars]
        reached = {id(f.__code__) for f in self._seen.values() if isinstance(f, types.FunctionType)}
        missing = [c for c in codes if id(c) not in reached]
        if not missing:
            return
        import gc

        wanted = set(map(id, missing))
        for f in gc.get_referrers(*missing):
            if isinstance(f, types.FunctionType) and id(f.__code__) in wanted:
                self.visit(f, f.__name__)
        self.globals()


def _is_library(value: Any) -> bool:
    """Return whether a value is a module such as NumPy, whose name nobody gives to another."""
    return isinstance(value, types.ModuleType) and not is_users_module(value.__name__)


def _is_opaque(x: Any, kind: type) -> bool:
    """Return whether an instance holds what cannot be read: of C, a stream, an iterator."""
    root = kind.__module__.split(".")[0]
    if hasattr(kind, "__get__"):  # a descriptor
        return False
    if root in ("pandas", "polars", "torch", "h5py", "sqlite3") or isinstance(
        x, io.IOBase | random.Random | np.random.Generator | np.random.RandomState
    ):
        return True
    if isinstance(x, types.GeneratorType | types.CoroutineType):
        return True
    if hasattr(kind, "__next__") and not hasattr(x, "__dict__"):
        return True
    if hasattr(x, "__dict__") or any("__slots__" in vars(base) for base in kind.__mro__[:-1]):
        return False
    if callable(x) and not kind.__flags__ & (1 << 9):
        return hasattr(x, "__wrapped__")  # a cache hides what it wraps
    return not is_users_module(kind.__module__) or bool(kind.__flags__ & (1 << 9))


def _all_names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            names |= _all_names(inner)
    return names


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING


def _defaults(f: Any) -> tuple[Any, ...]:
    return (f.__defaults__, *(f.__kwdefaults__ or {}).items())


def _items(x: Any) -> tuple[Any, ...]:
    return (*x, *x.values())


def _keys(x: Any) -> Any:
    return frozenset(x)


def _elements(x: Any) -> tuple[Any, ...]:
    return (x.shape, *x.reshape(-1).tolist())


def _target(x: Any) -> Any:
    return x()


def _context_value(x: Any) -> Any:
    return x.get(_MISSING)


def _state(x: Any) -> Any:
    """Return what tells whether an array has changed: shape, and bytes or a number of them."""
    if isinstance(x, np.ma.MaskedArray):
        return (x.shape, np.ma.getdata(x).tobytes(), np.ma.getmaskarray(x).tobytes())
    if x.nbytes < _SMALL:
        return (x.shape, x.tobytes())
    return (x.shape, fingerprint(x if x.flags.c_contiguous else np.ascontiguousarray(x)))


def _frame(x: Any) -> Any:
    """Return the content of a pandas object: labels and values."""
    labels = [tuple(getattr(x, name)) for name in ("index", "columns") if hasattr(x, name)]
    values = x.to_numpy()
    return (type(x), *labels, _elements(values) if values.dtype.hasobject else _state(values))


def _same(now: Any, then: Any) -> bool:
    """Return whether a value is the one that was: itself, or an equal number or text."""
    if now is then:
        return True
    if type(now) is not type(then):
        return False
    if isinstance(then, tuple):
        return len(now) == len(then) and all(map(_same, now, then))
    if isinstance(then, float | complex | np.inexact):
        # 0.0 is not -0.0, and NaN is itself.
        return repr(now) == repr(then)
    if isinstance(then, frozenset):
        return bool(now == then)
    return isinstance(then, _IMMUTABLE) and bool(now == then)


def _compiled(
    bindings: Sequence[tuple[str, Any, Any, Any]],
    contents: Sequence[tuple[Callable[[Any], Any], Any, Any]],
) -> Callable[[], bool]:
    """Return a function that tells whether anything has changed: 30 ns a binding."""
    names: dict[str, Any] = {"same": _same, "MISSING": _MISSING}
    lines = []
    places: dict[int, str] = {}
    done: set[tuple[int, str]] = set()
    for i, (kind, place, name, value) in enumerate(bindings):
        if (id(place), name) in done:
            continue
        done.add((id(place), name))
        if id(place) not in places:
            places[id(place)] = f"p{i}"
            names[f"p{i}"] = place if kind == "attribute" else place.get
        names[f"v{i}"] = value
        where = places[id(place)]
        if kind == "attribute":
            now = f"getattr({where}, {name!r}, MISSING)"
        else:
            now = f"{where}({name!r})" if value is not _MISSING else f"{where}({name!r}, MISSING)"
        lines.append(f"    if (now := {now}) is not v{i} and not same(now, v{i}): return True")
    for i, (read, x, value) in enumerate(contents):
        names |= {f"r{i}": read, f"x{i}": x, f"c{i}": value}
        if read is _state and type(x) is np.ndarray and x.nbytes < _SMALL:
            names |= {f"s{i}": value[0], f"c{i}": value[1]}
            test = f"x{i}.tobytes() != c{i} or x{i}.shape != s{i}"
        elif read is _keys:
            test = f"x{i}.keys() != c{i}"
        elif read is _cell:
            test = f"(now := r{i}(x{i})) is not c{i} and not same(now, c{i})"
        else:
            test = f"not same(r{i}(x{i}), c{i})"
        lines.append(f"    if {test}: return True")
    source = "def changed():\n" + "\n".join(lines) + "\n    return False\n"
    exec(source, names)
    changed: Callable[[], bool] = names["changed"]
    return changed


def held_outside(x: Any, own: int) -> bool:
    """Return whether anybody but the caller can still change an array."""
    return x.base is not None or sys.getrefcount(x) > own + 2
