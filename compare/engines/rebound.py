"""A user's plain NumPy function, rewritten to call the NumPy of another library.

JAX, PyTorch and HIPS autograd trace calls of their own functions: ``np.exp`` of one of their arrays
leaves the trace or fails. A function is therefore copied, and in the copy every name that stands
for NumPy, or for one of its functions, stands for the other library's: global names, names that the
function closes over, defaults, imports in its body, and the same in its helpers, decorators and
classes. The original is left as it is.
"""

import builtins
import copy
import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from compare.problems.namespace import namespace

__all__ = ["Library", "rebound"]


def _as_it_is(constant: Any) -> Any:
    return constant


@dataclass(frozen=True)
class Library:
    """The stand-in for NumPy."""

    #: Module, or anything else that has NumPy's functions as attributes.
    numpy: Any
    #: Turns an array or a number of NumPy that a function holds into one of the library.
    constant: Callable[[Any], Any] = _as_it_is
    #: The stand-in for ``scipy.special``, if it has one.
    special: Any = None


def rebound(function: Callable[..., Any], library: Library) -> Callable[..., Any]:
    """Return a copy of a function that calls another library where it called NumPy."""
    return _Rebinding(library).of(function)  # type: ignore[no-any-return]


@functools.cache
def _names() -> dict[int, str]:
    """Return the dotted name of each public function and type of NumPy, by its identity."""
    found: dict[int, str] = {}
    for prefix, module in (("", np), ("linalg.", np.linalg), ("fft.", np.fft)):
        for name in dir(module):
            value = getattr(module, name)
            if name[0] != "_" and callable(value) and _is_numpys(value):
                found.setdefault(id(value), prefix + name)
    return found


def _is_numpys(value: Any) -> bool:
    return isinstance(value, np.ufunc) or _module_of(value).partition(".")[0] == "numpy"


def _is_special(value: Any) -> bool:
    module = sys.modules.get("scipy.special")
    return module is not None and getattr(module, value.__name__, None) is value


def _module_of(value: Any) -> str:
    """Return the name of the module that a function or a type comes from."""
    return str(getattr(value, "__module__", None) or "")


@functools.cache
def _of_a_user(module_name: str) -> bool:
    """Return whether a module is a user's: neither installed, nor Python's, nor ours."""
    top = module_name.partition(".")[0]
    if module_name.startswith(("compare.problems.", "compare.conformance.families.")):
        return True
    if top in {"builtins", "numpy", "compare", "autodiff", "symdiff"}:
        return False
    if top in sys.stdlib_module_names and top != "__main__":
        return False
    module = sys.modules.get(top)
    path = getattr(module, "__file__", None) or ""
    return not any(part in path for part in ("site-packages", "dist-packages"))


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Return the code of a function and of the functions written in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


class _ReboundModule:
    """A user's module whose functions are rebound when they are first used."""

    def __init__(self, module: ModuleType, rebinding: "_Rebinding") -> None:
        self._module, self._rebinding = module, rebinding

    def __getattr__(self, name: str) -> Any:
        return self._rebinding.of(getattr(self._module, name))


class _Rebinding:
    """Values that one function reaches, each rebound once, so that recursion comes to an end."""

    def __init__(self, library: Library) -> None:
        self._library = library
        # The originals are kept, so that no other object can take their identity.
        self._done: dict[int, tuple[Any, Any]] = {}
        self._globals: dict[int, dict[str, Any]] = {}

    def of(self, value: Any) -> Any:
        """Return the stand-in for a value in the copy."""
        if id(value) not in self._done:
            self._done[id(value)] = (value, value)
            self._done[id(value)] = (value, self._made(value))
        return self._done[id(value)][1]

    def _made(self, value: Any) -> Any:
        if isinstance(value, ModuleType):
            return self._module(value)
        if id(value) in _names():
            return self._of_numpy(_names()[id(value)])
        if isinstance(value, np.ufunc) and _is_special(value):
            return self._of_special(value)
        if isinstance(value, np.ndarray | np.generic):
            return self._library.constant(value)
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, MethodType):
            return getattr(self.of(value.__self__), value.__name__, value)
        if isinstance(value, functools.partial):
            words = {name: self.of(word) for name, word in value.keywords.items()}
            return functools.partial(self.of(value.func), *map(self.of, value.args), **words)
        if type(value) in (list, tuple, dict):
            return self._container(value)
        if isinstance(value, type):
            return self._class(value)
        if callable(value) and isinstance(getattr(value, "__wrapped__", None), FunctionType):
            # A cache of results by arguments cannot hold a traced array.
            return self.of(value.__wrapped__)
        if _of_a_user(_module_of(type(value))):
            return self._instance(value)
        return value

    def _of_numpy(self, dotted: str) -> Any:
        return functools.reduce(getattr, dotted.split("."), self._library.numpy)

    def _of_special(self, value: Any) -> Any:
        if self._library.special is None:
            return value
        try:
            return getattr(self._library.special, value.__name__)
        except AttributeError:
            special = getattr(self._library.special, "__name__", self._library.special)
            named = f"{special} has no counterpart of scipy.special.{value.__name__}"
            raise NotImplementedError(named) from None

    def _module(self, module: ModuleType) -> Any:
        top, _, rest = module.__name__.partition(".")
        if module.__name__ == "scipy.special" and self._library.special is not None:
            return self._library.special
        if top == "numpy":
            return self._of_numpy(rest) if rest else self._library.numpy
        return _ReboundModule(module, self) if _of_a_user(module.__name__) else module

    def _container(self, value: Any) -> Any:
        """Return a container with its values rebound; the same one if that changes none."""
        if isinstance(value, dict):
            made = {key: self.of(item) for key, item in value.items()}
            return made if any(made[key] is not item for key, item in value.items()) else value
        items = [self.of(item) for item in value]
        changed = any(new is not old for new, old in zip(items, value, strict=True))
        return type(value)(items) if changed else value

    def _function(self, function: FunctionType) -> Any:
        if function is namespace:
            return lambda *arrays: self._library.numpy
        if not _of_a_user(_module_of(function)):
            return function
        scope = self._scope(function.__globals__)
        cells = function.__closure__ and tuple(map(self._cell, function.__closure__))
        made = FunctionType(function.__code__, scope, function.__name__, None, cells)
        self._done[id(function)] = (function, made)
        made.__defaults__ = self.of(function.__defaults__)
        made.__kwdefaults__ = self.of(function.__kwdefaults__)
        made.__dict__.update(function.__dict__)
        made.__qualname__, made.__module__ = function.__qualname__, function.__module__
        names = {name for code in _codes(function.__code__) for name in code.co_names}
        for name in names & function.__globals__.keys():
            scope[name] = self.of(function.__globals__[name])
        return made

    def _scope(self, original: dict[str, Any]) -> dict[str, Any]:
        """Return the copy of a module's global names that all of its functions share."""
        if id(original) not in self._globals:
            made = dict(original)
            # torch.compile would look up the names in the module of this name: the original.
            made.pop("__name__", None)
            made["__builtins__"] = vars(builtins) | {"__import__": self._import}
            self._globals[id(original)] = made
        return self._globals[id(original)]

    def _import(self, name: str, *context: Any) -> Any:
        """Return a module that a function imports in its body."""
        module = builtins.__import__(name, *context)
        return self.of(module) if name.partition(".")[0] == "numpy" else module

    def _cell(self, cell: CellType) -> CellType:
        """Return the copy of a cell that a function closes over."""
        if id(cell) in self._done:
            return self._done[id(cell)][1]  # type: ignore[no-any-return]
        made = CellType()
        self._done[id(cell)] = (cell, made)
        try:
            content = cell.cell_contents
        except ValueError:
            return made
        # `super()` finds the class of a method in its cell, and instances of the copy are its own.
        made.cell_contents = content if isinstance(content, type) else self.of(content)
        return made

    def _class(self, kind: type) -> Any:
        """Return a subclass of a user's class with its methods rebound."""
        if not _of_a_user(_module_of(kind)):
            return kind
        methods: dict[str, Any] = {}
        for base in reversed(kind.__mro__):
            if _of_a_user(_module_of(base)):
                methods |= {n: v for n, v in vars(base).items() if _is_method(v)}
        if not methods:
            return kind
        try:
            made = type(kind)(kind.__name__, (kind,), {})
        except TypeError:
            return kind
        self._done[id(kind)] = (kind, made)
        for name, method in methods.items():
            if isinstance(method, property):
                accessors = (method.fget, method.fset, method.fdel)
                setattr(made, name, property(*(a and self.of(a) for a in accessors)))
            elif isinstance(method, staticmethod | classmethod):
                setattr(made, name, type(method)(self.of(method.__func__)))
            else:
                setattr(made, name, self.of(method))
        return made

    def _instance(self, value: Any) -> Any:
        """Return a copy of an object of a user's class with its methods and attributes rebound."""
        try:
            made = copy.copy(value)
            object.__setattr__(made, "__class__", self.of(type(value)))
        except (TypeError, copy.Error):
            return value
        self._done[id(value)] = (value, made)
        for name, held in getattr(made, "__dict__", {}).copy().items():
            vars(made)[name] = self.of(held)
        return made


def _is_method(value: Any) -> bool:
    return isinstance(value, FunctionType | staticmethod | classmethod | property)
