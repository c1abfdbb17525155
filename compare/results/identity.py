"""The fingerprint of a row: a digest of the problem's source, the engine and the conditions.

Two rows with one fingerprint were measured from the same source under the same conditions, so that
a later run may keep the first; a function that was changed, or a new version of an engine, has
another one.
"""

import functools
import hashlib
import importlib.metadata
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np

from compare.engines.engine import Engine
from compare.problems.problem import Case
from compare.results.schema import SCHEMA_VERSION

__all__ = ["engine_versions", "fingerprint", "package_versions"]

_DIGITS = 16
#: What its text tells everything about.
_PLAIN = (bool, int, float, complex, str, bytes, np.generic, np.ufunc)
#: What every class has, or has by where it stands in its file.
_OF_EVERY_CLASS = (
    "__dict__",
    "__weakref__",
    "__module__",
    "__doc__",
    "__firstlineno__",
    "__static_attributes__",
    "__annotations__",
    "__abstractmethods__",
    "_abc_impl",
    "__slotnames__",
)
#: Packages of this distribution: what they contain says more than their version.
_OURS = ("symdiff", "autodiff", "compare")


def fingerprint(case: Case, engine: Engine, conditions: Mapping[str, object]) -> str:
    """Return a digest of everything that the result of a cell depends on, but for the machine."""
    problem = case.problem
    parts = [
        str(SCHEMA_VERSION),
        problem.name,
        str(case.size),
        str(case.seed),
        *case.wrt,
        *_described(problem.function, {}),
        *_described(problem.gradient, {}),
        *_described(problem.inputs, {}),
        engine.name,
        engine.tolerance,
        *_described(engine.prepare, {}),
        engine_versions(engine),
        f"Python {sys.version_info.major}.{sys.version_info.minor}",
        *(f"{name}={conditions[name]}" for name in sorted(conditions)),
    ]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def engine_versions(engine: Engine) -> str:
    """Return the versions of what an engine imports, in one line.

    Examples
    --------
    >>> from compare.engines import get_engine
    >>> engine_versions(get_engine("hand-written")) == f"numpy {np.__version__}"
    True
    """
    found = package_versions(["numpy", *engine.imports])
    return ", ".join(f"{package} {version}" for package, version in found.items())


def package_versions(modules: Iterable[str]) -> dict[str, str]:
    """Return the versions of the packages of some modules, and a digest of the source of ours."""
    return {name: _version(name) for name in (module.partition(".")[0] for module in modules)}


@functools.cache
def _version(package: str) -> str:
    """Return the version of a package, or a digest of its source where that says more."""
    if package not in _OURS:
        for distribution in (package, *_distributions().get(package, ())):
            try:
                return importlib.metadata.version(distribution)
            except importlib.metadata.PackageNotFoundError:
                continue
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        found = None
    if found is None:
        return "absent"
    digest = hashlib.sha256()
    places = found.submodule_search_locations
    files = (
        sorted(f for place in places for f in Path(place).rglob("*.py"))
        if places
        else [Path(found.origin)]
        if found.origin
        else []
    )
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:_DIGITS]


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


def _described(value: Any, seen: dict[int, Any]) -> Iterator[str]:
    """Yield a description of a value, in texts that are the same in every process.

    What is met `seen` before is not described again; it is held, so that no other gets its number.
    """
    if value is None or isinstance(value, _PLAIN):
        # Never counted as met: which equal numbers and texts are one object differs by process.
        yield repr(value)
        return
    if id(value) in seen:
        yield "again"
        return
    seen[id(value)] = value
    if isinstance(value, functools.partial):
        yield "partial"
        for part in (value.func, *value.args, *value.keywords.values()):
            yield from _described(part, seen)
    elif inspect.ismethod(value):
        yield from _described(value.__func__, seen)
        yield from _described(value.__self__, seen)
    elif inspect.isfunction(value):
        yield from _described_function(value, seen)
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype} {value.shape}"
        if value.dtype.hasobject:
            yield from _described(value.tolist(), seen)
        else:
            yield hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    elif isinstance(value, Mapping):
        for name in value:
            yield str(name)
            yield from _described(value[name], seen)
    elif isinstance(value, tuple | list):
        yield f"{type(value).__name__} of {len(value)}"
        for part in value:
            yield from _described(part, seen)
    elif isinstance(value, set | frozenset):
        yield f"{type(value).__name__} of {len(value)}"
        yield from sorted("\0".join(_described(part, {})) for part in value)
    elif inspect.isclass(value):
        yield from _described_class(value, seen)
    elif inspect.isbuiltin(value):
        yield f"{value.__module__}.{value.__qualname__}"
    elif inspect.ismodule(value):
        yield value.__name__
    else:
        yield from _described(type(value), seen)
        yield from _described(_state(value), seen)


def _state(value: Any) -> Any:
    """Return the content of an object: its attributes, or what a pickle of it would."""
    slots = [getattr(kind, "__slots__", ()) for kind in type(value).__mro__]
    names = [name for some in slots for name in ([some] if isinstance(some, str) else some)]
    if names or hasattr(value, "__dict__"):
        held = {name: getattr(value, name) for name in names if hasattr(value, name)}
        held |= getattr(value, "__dict__", {})
        return {name: held[name] for name in sorted(held)}
    try:
        return value.__reduce_ex__(2)
    except Exception:  # whatever an object that cannot be pickled may raise
        return None


def _described_function(f: Callable[..., Any], seen: dict[int, Any]) -> Iterator[str]:
    """Yield what a function is: its name, its source or code, and what it closes over."""
    yield f.__qualname__
    if source := _module_source(f.__module__ or ""):
        yield source
    else:
        # A user's own, which travels without its file: its code, and what that refers to.
        yield from _described_code(f.__code__)
        for name in sorted(_names(f.__code__) & f.__globals__.keys()):
            yield name
            yield from _described_global(f.__globals__[name], seen)
    yield from _described(f.__defaults__, seen)
    yield from _described(f.__kwdefaults__, seen)
    for cell in f.__closure__ or ():
        try:
            yield from _described(cell.cell_contents, seen)
        except ValueError:
            yield "empty"


def _described_global(value: Any, seen: dict[int, Any]) -> Iterator[str]:
    """Yield a description of what a function refers to; of what may change, the type alone."""
    held = isinstance(value, (np.ndarray, Mapping, tuple, list, set, frozenset, *_PLAIN))
    if held or value is None or callable(value) or inspect.ismodule(value):
        yield from _described(value, seen)
    else:
        yield f"{type(value).__module__}.{type(value).__qualname__}"
        yield from _described(type(value), seen)


def _described_class(kind: type, seen: dict[int, Any]) -> Iterator[str]:
    """Yield the methods and values of a user's own class."""
    yield f"{kind.__module__}.{kind.__qualname__}"
    if _is_installed(kind.__module__):
        return
    for base in kind.__bases__:
        yield from _described(base, seen)
    for name, value in sorted(vars(kind).items()):
        value = getattr(value, "__func__", getattr(value, "fget", value))
        if name not in _OF_EVERY_CLASS and not inspect.ismemberdescriptor(value):
            yield name
            yield from _described_global(value, seen)


def _names(code: CodeType) -> set[str]:
    """Return the names that code refers to, that inside it included."""
    inside = (_names(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*inside)


def _is_installed(module: str) -> bool:
    """Return whether a module is Python's own, ours, or of what was installed."""
    top = module.partition(".")[0]
    known = top in sys.stdlib_module_names or top in _OURS or top in _distributions()
    return known and top != "__main__"


@functools.cache
def _module_source(module: str) -> str:
    """Return a digest of the file of a module that is installed; empty for a user's own."""
    if not _is_installed(module):
        return ""
    try:
        spec = importlib.util.find_spec(module)
        file = Path(spec.origin) if spec and spec.origin else None
        return hashlib.sha256(file.read_bytes()).hexdigest() if file else ""
    except (ImportError, ValueError, OSError):
        return ""


def _described_code(code: CodeType) -> Iterator[str]:
    """Yield instructions, names and constants of code, that inside it included."""
    yield code.co_code.hex()
    yield " ".join((*code.co_names, *code.co_varnames, *code.co_freevars))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _described_code(constant)
        elif isinstance(constant, frozenset):
            yield " ".join(sorted(map(repr, constant)))
        else:
            yield repr(constant)
