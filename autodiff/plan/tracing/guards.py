"""The state that a traced function read from outside, and whether it is still the same.

A plan holds the numbers of its trace. What these came from is found by where the function ran: each
Python frame that the trace entered names globals, cells and attributes, and what these lead to is
watched, by binding (is the name still bound to that object?) and by content (are the items of that
container, the bytes of that array what they were?). What has no content that can be read, such as
a file or a pandas frame, is named, for the error that refuses it.
"""

import abc
import array
import builtins
import collections
import contextvars
import decimal
import dis
import functools
import gc
import operator
import sys
import types
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np

from autodiff.core.pytrees import flatten
from autodiff.core.tensor import Tensor
from autodiff.core.users import (
    OWN_CODE,
    is_installed,
    is_standard,
    is_users_code,
    is_users_module,
)
from autodiff.plan.tracing.conditions import (
    MISSING,
    Conditions,
    array_state,
    cell_value,
    context_value,
    defaults,
    dict_items,
    elements,
    flags,
    frame_values,
    keys,
    keywords,
    record_items,
    target,
)
from autodiff.plan.tracing.kinds import GENERATORS, is_ctypes, is_opaque, is_plain
from autodiff.plan.tracing.visited import COMPUTED, Visited

__all__ = ["Guards", "held_outside"]

_VIEWS: Any = (type({}.keys()), type({}.values()), type({}.items()))
_GETTERS = (operator.attrgetter, operator.itemgetter, operator.methodcaller)
_CACHE = type(functools.lru_cache(int))
#: Modules of Python's whose classes hold what they are given; others (loggers) know too much.
_HOLDERS = ("collections", "configparser", "functools", "weakref")
#: What is looked into in the modules of libraries.
_CONTAINERS = (dict, list, set, collections.deque, np.ndarray, types.ModuleType, *GENERATORS)
#: Functions of theirs that tell the state of a generator.
_STATES = ("get_state", "getstate", "get_bit_generator")
#: What the names of builtins hold.
_BUILTIN = (type, types.BuiltinFunctionType, type(Ellipsis), type(NotImplemented), bool)
#: What asks a class about others.
_ASKING_CLASSES = ("isinstance", "issubclass")
_FUNCTIONS = (types.FunctionType, types.MethodType, functools.partial, functools.partialmethod)
_WRAPPERS = (staticmethod, classmethod)
_BYTES = (bytearray, memoryview, array.array)


class Guards:
    """The outside state that a function read, to be compared with the present one.

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
        names = set().union(*(code.co_names for code in visited.codes.values()))
        while True:
            known = set(names)
            search = _Search(visited, names)
            for x in arrays:
                search.visit(x, "an array")
            search.visit(f, getattr(f, "__name__", "the function"))
            for i, x in enumerate(flatten(list(args))[0]):
                if not isinstance(x, np.ndarray) or x.dtype.hasobject:
                    search.visit(x, f"argument {i}")
            search.globals()
            search.unreached()
            search.process()
            if names == known:
                break
            # What was found reads attributes by names that no code has: once more.
        self.unwatched = [*visited.unwatchable, *search.unwatched]
        self.bindings = search.bindings
        self.contents = search.contents
        texts, place = self.conditions("")
        holds = " and ".join(texts) or "True"
        lines = [
            "try:",
            f"    return not ({holds})",
            "except (LookupError, ValueError):",
            "    return True",
        ]
        source = "def changed():\n    " + "\n    ".join(lines)
        exec(compile(source, OWN_CODE, "exec"), place)
        self.changed: Callable[[], bool] = place["changed"]

    def conditions(self, tag: str) -> tuple[list[str], dict[str, Any]]:
        """Return expressions that are all true while nothing has changed, and what they name.

        `tag` is the end of the names. They raise ValueError where a cell has become empty, and
        KeyError where a name is gone.
        """
        found = Conditions(tag)
        found.bindings(self.bindings)
        found.contents(self.contents)
        return found.texts, found.names

    def __len__(self) -> int:
        return len(self.bindings) + len(self.contents)

    def values(self) -> Iterator[Any]:
        """Yield what is watched: what names are bound to, and what containers hold."""
        pending: list[Any] = [value for *_, value in self.bindings]
        for _, x, value in self.contents:
            pending += [x, value]
        for value in pending:
            yield value
            for part in value if isinstance(value, tuple | frozenset) else ():
                yield part
                yield from part if isinstance(part, tuple | frozenset) else ()


class _Search:
    """Looks for what can change, from what the code that ran has names for."""

    def __init__(self, visited: Visited, names: set[str]) -> None:
        self.visited = visited
        self.names = names
        #: Whether all attributes are looked into: the code asks for some by computed names.
        computed = visited.computed or not names.isdisjoint(COMPUTED)
        self.all = not visited.known or computed
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
            if id(value) in self._seen:
                continue
            try:
                if isinstance(value, decimal.Decimal) or value is decimal.Decimal:
                    self.visited.states.setdefault(_decimal_context, _decimal_context())
                if is_plain(value):
                    continue
                self._seen[id(value)] = value
                self._look(value, where)
            except Exception as error:
                kind = type(value)
                self.unwatched.append(
                    f"{where}, a {kind.__module__}.{kind.__qualname__} that can't be looked into "
                    f"({type(error).__name__}: {error})"
                )

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
        elif isinstance(x, types.BuiltinFunctionType | types.MethodWrapperType):
            if x.__name__ in COMPUTED:
                self.names.add(x.__name__)
            self._stack.append((x.__self__, f"{path}.__self__"))
        elif isinstance(x, _BYTES) or type(x).__module__ == "mmap" or is_ctypes(type(x)):
            self.contents.append((bytes, x, bytes(x)))
        elif isinstance(x, _VIEWS):
            self.contents.append((tuple, x, tuple(x)))
            self._stack += [(v, f"an item of {path}") for v in x]
        elif isinstance(x, _GETTERS):
            found = x.__reduce__()[1]
            if not isinstance(x, operator.itemgetter):
                self.names.update(n for name in found if type(name) is str for n in name.split("."))
            self._stack += [(v, path) for v in found]
        elif isinstance(x, _CACHE):
            # What it has kept is what it gives, until it is cleared.
            self.contents.append((_kept, x, _kept(x)))
            self._stack += [(v, f"a result of {path}") for v in _kept(x)]
        elif isinstance(x, np.void):
            self.contents.append((record_items, x, record_items(x)))
            self._stack += [(v, path) for v in record_items(x)]
        elif isinstance(x, np.flatiter):
            self.contents.append((operator.attrgetter("index"), x, x.index))
            self._stack.append((x.base, path))
        elif isinstance(x, types.MappingProxyType):
            self.contents.append((dict_items, x, dict_items(x)))
            self._stack += [(v, f"{path}[{k!r}]") for k, v in x.items()]
        elif type(x).__module__.split(".")[0] == "pandas" and hasattr(x, "to_numpy"):
            self.contents.append((frame_values, x, frame_values(x)))
            values = x.to_numpy()
            self._stack.append((values if values.dtype.hasobject else None, path))
        elif isinstance(x, contextvars.ContextVar):
            self.contents.append((context_value, x, context_value(x)))
            self._stack.append((context_value(x), path))
        elif isinstance(x, weakref.ref):
            self.contents.append((target, x, target(x)))
            self._stack.append((target(x), path))
        elif type(x).__module__.split(".")[0] not in ("jax", "jaxlib"):  # those are immutable
            self._object(x, path)

    def _array(self, x: Any, path: str) -> None:
        if x.dtype.hasobject:
            self.contents.append((elements, x, elements(x)))
            self._stack += [(v, f"an element of {path}") for v in x.reshape(-1).tolist()]
        else:
            self.contents.append((array_state, x, array_state(x)))
        if "flags" in self.names:
            self.contents.append((flags, x, flags(x)))
        if type(x) is not np.ndarray:
            self._object(x, path, known=True)

    def _texts(self) -> set[str]:
        """Return the texts in the code that ran."""
        return {x for c in self.visited.codes.values() for x in c.co_consts if type(x) is str}

    def _container(self, x: Any, path: str) -> None:
        if x is sys.modules:
            # Of what others have imported nothing is read.
            texts = self._texts()
            own = [
                n
                for n in x
                if n in texts or (is_users_module(n) and not is_installed(n.split(".")[0]))
            ]
            for name in own:
                self.bindings.append(("item", x, name, x[name]))
                self._stack.append((x[name], name))
            return
        if isinstance(x, dict):
            self.contents.append((dict_items, x, dict_items(x)))
            self._stack += [(k, f"a key of {path}") for k in x]
            if isinstance(x, collections.defaultdict):
                self.bindings.append(("attribute", x, "default_factory", x.default_factory))
                self._stack.append((x.default_factory, path))
            items: Any = [(v, f"{path}[{k!r}]") for k, v in x.items()]
        else:
            if not isinstance(x, tuple | frozenset):
                self.contents.append((tuple, x, tuple(x)))
            items = [(v, f"{path}[{i}]") for i, v in enumerate(x)]
        self._stack += items

    def _function(self, f: Any, path: str) -> None:
        if isinstance(f, functools.partial | functools.partialmethod):
            self._stack += [(v, path) for v in (f.func, *f.args, *f.keywords.values())]
            # These are the same objects as long as nobody sets the state anew.
            parts = ("func", "args", "keywords") if f.keywords else ("func", "args")
            self.bindings += [("attribute", f, n, getattr(f, n)) for n in parts]
            if f.keywords:
                self.contents.append((dict_items, f.keywords, dict_items(f.keywords)))
            else:
                self.contents.append((keywords, f, {}))
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
            standard = is_standard(f.__code__.co_filename)
            for value in map(cell_value, f.__closure__ or ()):
                holds = standard and isinstance(value, dict | list)
                if holds or (callable(value) and not isinstance(value, type)):
                    self._stack.append((value, path))
            return
        if self.visited.known and id(f.__code__) not in self.visited.codes:
            return
        self.bindings.append(("attribute", f, "__code__", f.__code__))
        if f.__defaults__ or f.__kwdefaults__:
            self.contents.append((defaults, f, defaults(f)))
        if not self.visited.known:
            _, names = self.visited.globals.setdefault(id(f.__globals__), (f.__globals__, set()))
            names |= _all_names(f.__code__)
            self.names |= names
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            self.contents.append((cell_value, cell, value := cell_value(cell)))
            self._stack.append((value, name))
        for value in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()):
            self._stack.append((value, f"a default of {path}"))
        if f.__dict__:
            self._attributes(f.__dict__, path)
        elif self.all or "__dict__" in self.names:
            self.contents.append((dict_items, f.__dict__, ()))

    def _module(self, module: Any, path: str) -> None:
        if is_users_module(module.__name__):
            self._attributes(vars(module), path, only_named=True)
            return
        for name in self.names & vars(module).keys():
            value = vars(module)[name]
            self.bindings.append(("item", vars(module), name, value))
            if isinstance(getattr(value, "__self__", None), GENERATORS) and name in _STATES:
                self.unwatched.append(f"the state of {module.__name__} ({path}.{name})")
            elif isinstance(value, _CONTAINERS) or value is decimal.Decimal:
                self._stack.append((value, f"{path}.{name}"))

    def _class(self, x: type, path: str) -> None:
        above: set[str] = set()
        lazy = self.all or any("__getattr__" in base.__dict__ for base in x.__mro__)
        for base in reversed(x.__mro__):
            named = self.names & base.__dict__.keys()
            if base is not object and is_users_module(base.__module__):
                # Names that may come to hide those of the classes above.
                hiding = above - named
                self.bindings += [("item", base.__dict__, n, MISSING) for n in hiding]
                if id(base) not in self._seen or base is x:
                    self._seen[id(base)] = base
                    self._own_attributes(base)
                    if lazy:
                        self.contents.append((keys, base.__dict__, frozenset(base.__dict__)))
            if base is not object:
                above |= named

    def _own_attributes(self, x: type) -> None:
        """Watch the attributes, bases, metaclass and subclasses of a class of the user's."""
        self.bindings.append(("attribute", x, "__bases__", x.__bases__))
        self._attributes(x.__dict__, x.__name__, only_named=not self.all)
        if "__subclasses__" in self.names:
            self.contents.append((_subclasses, x, _subclasses(x)))
            self._stack += [(s, s.__name__) for s in _subclasses(x)]
        if type(x) is not type:
            self._stack.append((type(x), type(x).__name__))

    def _object(self, x: Any, path: str, known: bool = False) -> None:
        """Look into an instance: its attributes, slots and class."""
        kind = type(x)
        users = is_users_module(kind.__module__)
        if is_opaque(x, kind):
            if not known:
                self.unwatched.append(f"{path}, a {kind.__module__}.{kind.__qualname__}")
            return
        if users:
            self._stack.append((kind, kind.__name__))
            if isinstance(x.__class__, type):
                self.bindings.append(("attribute", x, "__class__", x.__class__))
        if isinstance(x, BaseException):
            self.bindings.append(("attribute", x, "args", x.args))
            self._stack.append((x.args, f"{path}.args"))
        attributes = getattr(x, "__dict__", None)
        everything = self.all or kind.__module__.split(".")[0] in _HOLDERS
        names = self.names
        if not all(is_users_module(base.__module__) for base in kind.__mro__[:-1]):
            names = names | self.visited.library_names
        if isinstance(attributes, dict):
            self._attributes(attributes, path, not everything, appear=True, names=names)
        for base in kind.__mro__:
            slots = base.__dict__.get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                private = slot.startswith("__") and not slot.endswith("__")
                name = f"_{base.__name__.lstrip('_')}{slot}" if private else slot
                if slot not in ("__dict__", "__weakref__") and (everything or name in names):
                    value = getattr(x, name, MISSING)
                    self.bindings.append(("attribute", x, name, value))
                    self._stack.append((value, f"{path}.{name}"))

    def _attributes(
        self,
        place: Mapping[str, Any],
        path: str,
        only_named: bool = False,
        appear: bool = False,
        names: Set[str] = frozenset(),
    ) -> None:
        """Watch what names are bound to in the dict of an object, module or class.

        Special methods have names that no code has: those whose code ran are watched.
        """
        names = names or self.names
        ran = self.visited.codes
        for name, value in list(place.items()):
            if type(name) is not str:
                continue
            if name not in names:
                special = name.startswith("__") and name.endswith("__")
                function = type(value) is types.FunctionType and id(value.__code__) in ran
                if not function if special else only_named:
                    continue
            if type(value) is Tensor:
                continue
            self.bindings.append(("item", place, name, value))
            self._stack.append((value, f"{path}.{name}"))
        if appear:
            self.contents.append((keys, place, frozenset(place)))

    def globals(self) -> None:
        """Look into what the code that ran calls by name."""
        done: set[tuple[int, str]] = set()
        loaded: set[str] = set().union(*map(_loaded, self.visited.codes.values()))
        # Modules may be imported within the function, by names or by text.
        for name in sys.modules.keys() & (self._texts() | self.visited.imported):
            self.visit(sys.modules[name], name)
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
                value = place.get(name, MISSING)
                if name in sys.modules:
                    # It may be imported within the function.
                    self.visit(sys.modules[name], name)
                if value is MISSING and name in loaded:
                    self.bindings.append(("item", place, name, value))
                    place = vars(builtins)
                    value = place.get(name, MISSING)
                if value is MISSING or type(value) is Tensor:
                    continue
                self.bindings.append(("item", place, name, value))
                if place is not vars(builtins) or not isinstance(value, _BUILTIN):
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
        reached = {id(f.__code__) for f in self._seen.values() if type(f) is types.FunctionType}
        missing = [c for c in codes if id(c) not in reached]
        if not missing:
            return
        wanted = set(map(id, missing))
        for f in gc.get_referrers(*missing):
            if isinstance(f, types.FunctionType) and id(f.__code__) in wanted:
                self.visit(f, f.__name__)
        self.globals()

    def process(self) -> None:
        """Watch state of the process that was read, and what plans within watch."""
        met = [*self._seen.values(), *(value for *_, value in self.bindings)]
        if not self.names.isdisjoint(_ASKING_CLASSES) and any(type(x) is abc.ABCMeta for x in met):
            # Other classes may be registered with it.
            self.visited.states.setdefault(abc.get_cache_token, abc.get_cache_token())
        for read, value in self.visited.states.items():
            self.contents.append((_called, read, value))
        for compiled in self.visited.compiled:
            for guards in compiled.guards():
                self.bindings += guards.bindings
                self.contents += guards.contents


def _loaded(code: types.CodeType) -> set[str]:
    """Return the names that code reads from its globals."""
    loads = ("LOAD_GLOBAL", "LOAD_NAME")
    return {i.argval for i in dis.get_instructions(code) if i.opname in loads}


def _all_names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            names |= _all_names(inner)
    return names


def _kept(x: Any) -> tuple[Any, ...]:
    """Return the results that a cached function has kept."""
    held = [v for v in gc.get_referents(x) if not callable(v) and v is not x.__dict__]
    if x.cache_parameters()["maxsize"] is None:
        return tuple(v for kept in held if type(kept) is dict for v in kept.values())
    return tuple(v for v in held if type(v) is not object and not _is_table(v))


def _is_table(x: Any) -> bool:
    """Return whether a dict is that of a cache, not a result."""
    return type(x) is dict and any(type(v).__name__ == "_lru_list_elem" for v in x.values())


def _subclasses(x: type) -> tuple[Any, ...]:
    return tuple(type.__subclasses__(x))


def _decimal_context() -> tuple[Any, ...]:
    """Return the settings that results of decimal arithmetic depend on, for a guard."""
    now = decimal.getcontext()
    return now.prec, now.rounding, now.Emin, now.Emax, now.clamp


def _called(read: Callable[[], Any]) -> Any:
    return read()


def held_outside(x: Any, own: int) -> bool:
    """Return whether anybody but the caller can still change an array."""
    return x.base is not None or sys.getrefcount(x) > own + 2
