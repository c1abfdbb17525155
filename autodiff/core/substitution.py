"""The second attempt of a function that was refused: a copy of it, in which names are exchanged.

What NumPy does not dispatch (``np.zeros``, ``np.array([t, u])``, ``math.exp(t)``, ``float(t)``)
gives plain arrays and numbers, in which derivatives are lost, and NumPy is left as it is. So a
function that ends in such a refusal is called once more as a copy: the same code, for which global
names, closure cells, defaults and builtins that lead to such functions lead to what stands for them
(`replacements`), those that lead to functions, classes and objects of the user's to copies of
these, and arrays from outside are tensors of plain content (`stores`). What the copy assigns
outside reaches the original. A function that needed it once is called so at once.
"""

import builtins
import functools
import opcode
import sys
import types
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

from autodiff.core.pytrees import flatten
from autodiff.core.replacements import replacement, stands_within
from autodiff.core.stores import Stores, current, operands_as_recorded, resolved
from autodiff.core.tape import Tape
from autodiff.core.tensor import Tensor, holds_tensor
from autodiff.core.users import is_installed, is_users_code, is_users_module
from autodiff.errors import LostDerivative, Undifferentiable

__all__ = [
    *("UNCOMPARED", "attempted", "call", "is_refusal", "is_remembered", "is_to_be_compared"),
    *("note_compared", "remember", "within"),
]

#: The tape of the copy that is running.
within: ContextVar[Tape | None] = ContextVar("within", default=None)
#: By identity, code of functions, and whether they are called as copies at once: since they needed
#: it, or ask for what a tensor cannot answer, such as ``type(x)``.
_codes: dict[int, tuple[Any, bool]] = {}
#: By identity, code of functions that catch errors, which may be those of code that knows no
#: tensors, and whose values have not been compared with those for plain arguments yet.
UNCOMPARED: dict[int, Any] = {}
#: Functions whose values have been.
_compared: weakref.WeakSet[Any] = weakref.WeakSet()
_ATOMS = frozenset({int, float, bool, str, bytes, type(None), complex, slice, range, Tensor})
_EXCHANGED = ("complex", "float", "hasattr", "isinstance", "type")
#: Names of what tells a tensor from what it stands for, whatever the tensor answers.
_ASKING = frozenset(
    [
        *("type", "hasattr", "Iterable", "Sized", "Collection", "Container", "Hashable"),
        *("SupportsComplex", "SupportsIndex", "SupportsInt", "SupportsRound"),
    ]
)
#: The operations of a handler: of named errors, and of all.
_MATCH, _PUSH, _DROP = [opcode.opmap[x] for x in ("CHECK_EXC_MATCH", "PUSH_EXC_INFO", "POP_TOP")]
#: Elements up to which containers are looked into, and functions that take lists of arrays.
_FEW = 100
_OF_SEQUENCES = frozenset(
    [
        *("concatenate", "concat", "stack", "hstack", "vstack", "dstack", "column_stack", "block"),
        *("meshgrid", "ix_", "broadcast_arrays", "select", "choose", "piecewise", "einsum"),
        *("lexsort", "multi_dot", "einsum_path", "shape", "ndim", "size", "vectorize"),
    ]
)
#: Packages whose functions are not called with arrays for tensors: Python's own, and this one.
_APART = sys.stdlib_module_names | {"autodiff"}
#: Modules of stand-ins that make tensors of arrays themselves.
_OURS = ("autodiff.rules.", "autodiff.core.")
#: What makes an instance of a class more than its methods and its dict.
_OTHER = (BaseException, tuple, list, dict, set, str, bytes, int, float, complex, np.ndarray)


def is_remembered(f: Any) -> bool:
    """Return whether a function is known to need a copy."""
    while type(f) is functools.partial:
        f = f.func
    code = getattr(f, "__code__", None)
    known = _codes.get(id(code))
    if known is not None and code is not None:
        return known[1]
    own = _code_of(f)
    known = _codes.get(id(own))
    if known is None:
        known = _codes[id(own)] = own, _reaches(f, _asks_type, set())
        if own is not None and _reaches(f, _catches, set()):
            UNCOMPARED[id(own)] = own
    if code is not own and code is not None:
        _codes[id(code)] = code, False
    return known[1]


def remember(f: Any) -> None:
    """Call a function as a copy at once from now on."""
    code = _code_of(f)
    if code is not None:
        _codes[id(code)] = code, True


def is_refusal(tape: Tape, error: BaseException) -> bool:
    """Return whether a function may go on where it failed, as a copy."""
    return tape.lost is not None or isinstance(error, LostDerivative | Undifferentiable)


def attempted(f: Any, tape: Callable[[], Tape], attempt: Callable[[Tape, bool], Any]) -> Any:
    """Return the result of an attempt on a new tape, or of a second one with a copy of `f`."""
    copied = is_remembered(f)
    first = tape()
    try:
        result = attempt(first, copied)
        if first.lost is None:
            return result
    except Exception as error:
        if copied or not is_refusal(first, error):
            raise
    lost = first.lost
    if not copied:
        second = tape()
        result = attempt(second, True)
        remember(f)
        lost = second.lost
    if lost is not None:
        # Somebody has swallowed it.
        raise lost
    return result


def _function_of(f: Any) -> Any:
    """Return the user's function that is called with a callable, or None."""
    while isinstance(f, functools.partial):
        f = f.func
    if isinstance(f, types.MethodType):
        f = f.__func__
    if type(f) is not types.FunctionType:
        f = next((vars(c)["__call__"] for c in type(f).__mro__ if "__call__" in vars(c)), None)
    return f if type(f) is types.FunctionType and _is_users(f) else None


def _is_users(f: Any) -> bool:
    """Return whether a function is the user's own: not an entry to a plan either."""
    place = f.__globals__
    named = str(place.get("__name__"))
    return named.split(".")[0] != "autodiff" and is_users_code(f.__code__, place)


def _code_of(f: Any) -> types.CodeType | None:
    function = _function_of(f)
    return None if function is None else function.__code__


def is_to_be_compared(f: Any, made_text: bool) -> bool:
    """Return whether the value of a function is to be compared with that for plain arguments.

    `made_text` says whether text of a tensor was made, whose length and parts are others.
    """
    return id(_code_of(f)) in UNCOMPARED or (made_text and _function_of(f) not in _compared)


def note_compared(f: Any) -> None:
    """Note that the value of a function is that for plain arguments."""
    UNCOMPARED.pop(id(_code_of(f)), None)
    function = _function_of(f)
    if function is not None:
        _compared.add(function)


def _reaches(f: Any, test: Callable[[types.CodeType], bool], seen: set[int]) -> bool:
    """Return whether a test holds for the code of a function or of others that it names."""
    f = _function_of(f)
    if f is None or id(f) in seen or len(seen) > _FEW:
        return False
    seen.add(id(f))
    codes, place = _parts(f.__code__), f.__globals__
    if any(map(test, codes)):
        return True
    reached = [place[name] for code in codes for name in code.co_names if name in place]
    reached += [cell.cell_contents for cell in f.__closure__ or () if _is_filled(cell)]
    return any(_reaches(x, test, seen) for x in reached if callable(x))


def _asks_type(code: types.CodeType) -> bool:
    return not _ASKING.isdisjoint(code.co_names)


def _catches(code: types.CodeType) -> bool:
    steps = code.co_code[::2]
    bare = bytes((_PUSH, _DROP)) in steps
    return _MATCH in steps or bare or "suppress" in code.co_names


def _parts(code: types.CodeType) -> list[types.CodeType]:
    """Return code and that of functions defined within."""
    inner = [x for x in code.co_consts if type(x) is types.CodeType]
    return [code, *(part for x in inner for part in _parts(x))]


def call(tape: Tape, f: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """Return the result of a copy of a function."""
    outer = tape.stores
    if outer is None:
        tape.stores, tape.careful = Stores(tape), True
    copies = _Copies(tape.stores)
    token = within.set(tape)
    try:
        with operands_as_recorded(False):
            made = copies.of(f)
            given = [copies.of(x) for x in args]
            leaves, structure = flatten(
                made(*given, **{k: copies.of(v) for k, v in kwargs.items()})
            )
            return structure.unflatten([copies.original(current(x)) for x in leaves])
    finally:
        within.reset(token)
        copies.hand_on()
        if outer is None:
            tape.stores.end()
            tape.stores = None


class _Globals(dict[str, Any]):
    """The globals of a copied function: those of the original, read through `_Copies.of`.

    The interpreter asks it for each global name, and puts what it assigns into the dict itself.
    """

    copies: "_Copies"
    place: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        if len(self) > 2:
            self.hand_on()
        value = self.place[name]
        return value if name.startswith("__") else self.copies.of(value)

    def __setitem__(self, name: str, value: Any) -> None:
        self.place[name] = self.copies.original(value)

    def __contains__(self, name: object) -> bool:
        return name in self.place

    def get(self, name: str, default: Any = None) -> Any:
        """Return the object that a global name leads to."""
        return self[name] if name in self.place else default

    def hand_on(self) -> None:
        """Assign in the original what the copy has assigned."""
        for name, value in [*self.items()]:
            if name not in ("__builtins__", "__name__"):
                self.place[name] = self.copies.original(value)
                del self[name]


class _Namespace(types.ModuleType):
    """The stand-in for a module: its attributes, or the stand-ins for these."""

    def __init__(self, module: types.ModuleType, copies: "_Copies", library: bool) -> None:
        super().__init__(module.__name__, module.__doc__)
        vars(self).update(_module=module, _copies=copies, _library=library)

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__"):
            return super().__getattribute__(name)
        own = super().__getattribute__("__dict__")
        module, copies = own["_module"], own["_copies"]
        if not own["_library"]:
            return copies.of(getattr(module, name))
        if name not in own:
            own[name] = copies.of_library(getattr(module, name))
        return own[name]

    def __setattr__(self, name: str, value: Any) -> None:
        own = super().__getattribute__("__dict__")
        setattr(own["_module"], name, own["_copies"].original(value))

    def __dir__(self) -> list[str]:
        return dir(super().__getattribute__("__dict__")["_module"])


class _StandIn(type):
    """The class of copies of classes: what is an instance of the original is one of the copy."""

    original: type

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, cls.original)

    def __subclasscheck__(cls, x: type) -> bool:
        return issubclass(x, cls.original)


class _Copies:
    """The stand-ins for the objects that a function reaches, each once."""

    def __init__(self, stores: Stores) -> None:
        self._stores: Stores | None = stores
        #: By identity: the original and what stands for it; and the other way round.
        self._known: dict[int, tuple[Any, Any]] = {}
        self._made: dict[int, tuple[Any, Any]] = {}
        self._globals: dict[int, _Globals] = {}
        self._cells: list[tuple[Any, Any, Any]] = []
        self._containers: list[tuple[Any, Any, list[Any]]] = []
        self._busy: set[int] = set()
        self._builtins = dict(vars(builtins))
        for name in _EXCHANGED:
            self._builtins[name] = replacement(self._builtins[name])
        self._builtins["__import__"] = lambda *args, **kwargs: self.of(__import__(*args, **kwargs))

    def of(self, x: Any) -> Any:
        """Return the stand-in for an object: of most it is itself."""
        kind = type(x)
        if kind in _ATOMS or self._stores is None:
            return x
        if kind is np.ndarray:
            return self._stores.tensor_of(x)
        known = self._known.get(id(x))
        if known is not None and known[0] is x:
            return known[1]
        if id(x) in self._made or id(x) in self._busy:
            return x
        self._busy.add(id(x))
        try:
            made = self._copy(x, kind)
        finally:
            self._busy.discard(id(x))
        if made is not x:
            self._note(x, made)
        return made

    def _note(self, x: Any, made: Any) -> None:
        self._known[id(x)], self._made[id(made)] = (x, made), (made, x)

    def original(self, x: Any) -> Any:
        """Return the original of a stand-in; of a tensor of plain content the array."""
        if type(x) is Tensor:
            found = current(x)
            return x if type(found) is Tensor else found
        return self._made.get(id(x), (x, x))[1]

    def hand_on(self) -> None:
        """Bring what was assigned to the originals; from now on nothing stands for anything."""
        for place in self._globals.values():
            place.hand_on()
        for cell, own, first in self._cells:
            if _is_filled(own) and own.cell_contents is not first:
                cell.cell_contents = self.original(own.cell_contents)
        for x, made, first in self._containers:
            now = _items(made)
            if len(now) != len(first) or any(a is not b for a, b in zip(now, first, strict=True)):
                held = [self.original(v) for v in now]
                if isinstance(x, dict):
                    x.clear()
                    x.update(zip(held[::2], held[1::2], strict=True))
                else:
                    x[:] = held
        for _, made in [*self._known.values()]:
            if type(type(made)) is _StandIn:
                state = object.__getattribute__(made, "__dict__")
                for name, value in [*state.items()]:
                    if (held := self.original(value)) is not value:
                        state[name] = held
        self._stores = None

    # What stands for what.

    def _copy(self, x: Any, kind: type) -> Any:
        if kind is types.FunctionType:
            return self._function(x)
        if kind is types.MethodType:
            return types.MethodType(self.of(x.__func__), self.of(x.__self__))
        if kind is functools.partial:
            named = {k: self.of(v) for k, v in x.keywords.items()}
            return functools.partial(self.of(x.func), *map(self.of, x.args), **named)
        if kind is types.ModuleType:
            if self._is_own(x.__name__):
                return _Namespace(x, self, library=False)
            return self.of_library(x)
        if kind in (list, tuple, dict):
            return self._container(x, kind)
        if isinstance(x, type) and not _draws(x):
            found = replacement(x)
            return self._class(x) if found is None else found
        if self._is_own(kind.__module__):
            return self._instance(x, kind)
        return self.of_library(x)

    def _is_own(self, module: str | None) -> bool:
        return is_users_module(str(module)) and not is_installed(str(module))

    def of_library(self, x: Any) -> Any:
        """Return the stand-in for an object of a library."""
        found = replacement(x)
        if found is not None:
            own = type(found) is types.FunctionType and not found.__module__.startswith(_OURS)
            return _of_arrays(found) if own else found
        if type(x) is types.ModuleType:
            if x.__name__.split(".")[0] in ("numpy", "scipy") or stands_within(x.__name__):
                return self._known.setdefault(id(x), (x, _Namespace(x, self, library=True)))[1]
            return x
        if _draws(x):
            return _drawing(x)
        owner = getattr(x, "__self__", None)
        named = str(getattr(x, "__module__", None) or type(owner or x).__module__)
        library = named.split(".")[0]
        plain = isinstance(x, type | np.ufunc) or not hasattr(x, "__name__")
        if plain or not callable(x) or library in _APART:
            return x
        return _making_tensors(x) if library == "numpy" else _of_arrays(x)

    def _function(self, f: Any) -> Any:
        """Return a function of the same code that reads what stands for what the original reads."""
        if not _is_users(f) or is_installed(str(f.__globals__.get("__name__"))):
            return self.of_library(f)
        place = self._place(f.__globals__)
        copy = types.FunctionType(f.__code__, place, f.__name__, closure=self._cells_of(f))
        self._note(f, copy)
        for cell in copy.__closure__ or ():
            if _is_filled(cell) and cell.cell_contents is f:
                # It calls itself.
                cell.cell_contents = copy
        if f.__defaults__:
            copy.__defaults__ = tuple([self.of(x) for x in f.__defaults__])
        if f.__kwdefaults__:
            copy.__kwdefaults__ = {k: self.of(x) for k, x in f.__kwdefaults__.items()}
        copy.__qualname__, copy.__doc__, copy.__module__ = f.__qualname__, f.__doc__, f.__module__
        copy.__dict__ = f.__dict__
        return copy

    def _place(self, place: Any) -> Any:
        if type(place) is _Globals:
            return place
        known = self._globals.get(id(place))
        if known is None:
            known = self._globals[id(place)] = _Globals(
                __builtins__=self._builtins, __name__=place.get("__name__")
            )
            known.copies, known.place = self, place
        return known

    def _cells_of(self, f: Any) -> tuple[Any, ...] | None:
        return None if f.__closure__ is None else tuple([self._cell(c, f) for c in f.__closure__])

    def _cell(self, cell: Any, f: Any) -> Any:
        """Return a cell of what stands for the content; the same one where that is the content."""
        known = self._known.get(id(cell))
        if known is not None:
            return known[1]
        if not _is_filled(cell):
            return cell
        value = cell.cell_contents
        own = types.CellType(value)
        self._known[id(cell)] = cell, own
        found = value if value is f else self.of(value)
        if found is value and value is not f and id(value) not in self._busy:
            # What is assigned by ``nonlocal`` then reaches the original.
            self._known[id(cell)] = cell, cell
            return cell
        own.cell_contents = found
        if value is not f:
            self._cells.append((cell, own, found))
        return own

    def _container(self, x: Any, kind: type) -> Any:
        if len(x) > _FEW:
            return x
        made: Any = {k: self.of(v) for k, v in x.items()} if kind is dict else kind(map(self.of, x))
        first = _items(made)
        if all(a is b for a, b in zip(first, _items(x), strict=True)):
            return x
        if kind is not tuple:
            self._containers.append((x, made, first))
        return made

    def _class(self, x: type) -> Any:
        """Return a class of copied methods below the original."""
        if type(x) is not type or not self._is_own(x.__module__) or issubclass(x, _OTHER):
            return x
        copied = [c for base in x.__bases__ if (c := self.of(base)) is not base]
        own: dict[str, Any] = {"__module__": x.__module__, "__qualname__": x.__qualname__}
        skipped = ("__new__", "__init_subclass__", "__class_getitem__", "__del__")
        for name, value in vars(x).items():
            if type(value) is types.FunctionType and name not in skipped:
                own[name] = self.of(value)
            elif type(value) in (staticmethod, classmethod) and name not in skipped:
                own[name] = type(value)(self.of(value.__func__))
            elif type(value) is property:
                parts = (value.fget, value.fset, value.fdel)
                own[name] = property(*[part and self.of(part) for part in parts])
        read = vars(x).get("__getattribute__", None) or x.__getattribute__

        def attribute(instance: Any, name: str) -> Any:
            value = read(instance, name)
            return value if name.startswith("__") else self.of(value)

        own["__getattribute__"] = attribute
        try:
            made = _StandIn(x.__name__, (x, *copied), own)
        except TypeError:
            return x
        made.original = x
        return made

    def _instance(self, x: Any, kind: type) -> Any:
        """Return an instance of a copied class with the state of the original."""
        made_class = self.of(kind)
        if type(made_class) is not _StandIn or not hasattr(x, "__dict__"):
            return x
        made: Any = object.__new__(made_class)  # type: ignore[arg-type]
        object.__setattr__(made, "__dict__", vars(x))
        for base in kind.__mro__:
            for slot in vars(base).get("__slots__", ()):
                if slot not in ("__dict__", "__weakref__"):
                    return x
        return made


def _of_arrays(function: Any) -> Any:
    """Return a function that knows no tensors: it gets arrays, and its own can be written into."""

    @functools.wraps(function)
    def made(*args: Any, **kwargs: Any) -> Any:
        tape = within.get()
        if tape is None or tape.stores is None:
            return function(*args, **kwargs)
        plain = {name: resolved(x) for name, x in kwargs.items()}
        return tape.stores.tensors_of(function(*map(resolved, args), **plain))

    return made


def _draws(x: Any) -> bool:
    """Return whether something is a generator of random numbers of NumPy's, or their class."""
    kind = x if isinstance(x, type) else type(x)
    named = kind.__module__.startswith("numpy.random.")
    return named and kind.__name__ in ("Generator", "RandomState")


@functools.cache
def _generator(kind: Any) -> Any:
    """Return the class of generators of random numbers whose arrays can be written into."""

    class Drawing(kind, metaclass=_StandIn):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> Any:
            value = super().__getattribute__(name)
            return value if name.startswith("_") or not callable(value) else _of_arrays(value)

    Drawing.original = kind
    return Drawing


def _drawing(x: Any) -> Any:
    """Return a generator that goes on with the same numbers, or the class of such generators."""
    if isinstance(x, type):
        return _generator(x)
    kind: Any = type(x)
    return _generator(kind)(x._bit_generator)


def _making_tensors(function: Any) -> Any:
    """Return a function of NumPy's that takes lists of tensors, and whose arrays are tensors."""
    takes_lists, array = function.__name__ in _OF_SEQUENCES, replacement(np.array)

    @functools.wraps(function)
    def made(*args: Any, **kwargs: Any) -> Any:
        tape = within.get()
        if tape is None or tape.stores is None:
            return function(*args, **kwargs)
        if not takes_lists:
            # A tensor among them would be dispatched, not the list.
            def put_together(x: Any) -> Any:
                return array(x) if type(x) is not Tensor and holds_tensor(x) else x

            args = tuple(map(put_together, args))
            kwargs = {name: put_together(x) for name, x in kwargs.items()}
        result = function(*args, **kwargs)
        if type(result) is np.ndarray and result.dtype == object:
            # As of ``np.full(n, t)``: of what holds no tensor it is the same.
            result = array(result) if any(type(x) is Tensor for x in result.flat) else result
        made = tape.stores.tensors_of(result)
        return _drawing(made) if _draws(made) else made

    return made


def _items(x: Any) -> list[Any]:
    return [i for item in x.items() for i in item] if isinstance(x, dict) else [*x]


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
