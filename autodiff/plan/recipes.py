"""How a compiled function was made, as text: its name in ``repr``, and what a pickle holds of it.

Functions are pickled by name, so the name says all: ``compile(grad('pkg/mod:loss'), donate=True)``.
Where it arrives the text is read and the function made anew. It has no full stops, which pickle
would take for attributes.
"""

import ast
import importlib
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

from autodiff.core.users import OWN_CODE

__all__ = ["described", "innermost", "made"]

_TRANSFORMS = "autodiff.transforms."


def described(f: Callable[..., Any]) -> str:
    """Return how a function was made, or its name alone where it can't be made again from text."""
    if _is_transform(f) and (text := _transform(f)) is not None:
        return text
    module, name = getattr(f, "__module__", None), getattr(f, "__qualname__", None)
    if _is_compiled(f):
        return str(name).partition(" #")[0]
    if not module or not name or "<" in name or name.startswith("compile("):
        return str(getattr(f, "__name__", type(f).__name__)).replace(".", "/")
    return repr(f"{module}:{name}".replace(".", "/"))


def _is_transform(f: Any) -> bool:
    """Return whether a function is what a transform made of another."""
    own = isinstance(f, FunctionType) and f.__closure__
    return bool(own) and f.__globals__.get("__name__", "").startswith(_TRANSFORMS)


def _is_compiled(f: Any) -> bool:
    return isinstance(f, FunctionType) and f.__code__.co_filename == OWN_CODE


def _maker(f: FunctionType) -> Any:
    """Return the transform that made a function, which may have come without its module."""
    module = importlib.import_module(f.__globals__["__name__"])
    return getattr(module, f.__code__.co_qualname.split(".")[0])


def innermost(f: Any) -> Any:
    """Return the function that transforms and plans were made of."""
    while True:
        if _is_compiled(f):
            f = f.__wrapped__
        elif _is_transform(f):
            f = _held(f)[next(iter(inspect.signature(_maker(f)).parameters))]
        else:
            return f


def _transform(f: Any) -> str | None:
    """Return the call of a transform that made a function, from what it closes over."""
    outer = f.__code__.co_qualname.split(".")[0]
    first, *others = inspect.signature(_maker(f)).parameters.values()
    held = _held(f)
    if first.name not in held:
        return None
    texts = [described(held[first.name])]
    for parameter in others:
        value = held.get(parameter.name, parameter.default)
        if value is not parameter.default:
            text = repr(value)
            if type(value) not in (int, bool, str, tuple, list, type(None)) or "." in text:
                return None
            texts.append(f"{parameter.name}={text}")
    return f"{outer}({', '.join(texts)})"


def _held(f: FunctionType) -> dict[str, Any]:
    """Return the closure of a function of a transform and of its parts, by name."""
    cells = zip(f.__code__.co_freevars, f.__closure__ or (), strict=True)
    held = {name: cell.cell_contents for name, cell in cells}
    for inner in list(held.values()):
        if isinstance(inner, FunctionType) and inner.__globals__ is f.__globals__:
            held = _held(inner) | held
    return held


def _named(text: str) -> Callable[..., Any]:
    """Return the function that a module holds under a name, or raise AttributeError."""
    module, _, path = text.replace("/", ".").partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    # Of a function that was compiled by a decorator.
    return found.__wrapped__ if _is_compiled(found) else found  # type: ignore[no-any-return]


def _of_autodiff(name: str) -> Any:
    package = importlib.import_module("autodiff")
    if name not in package.__all__:
        raise ValueError(f"autodiff has no {name}")
    return getattr(package, name)


def made(text: str, compiled: Callable[..., Any]) -> Any:
    """Return the object that a text describes; `compiled` makes a compiled function of one."""

    def read(node: ast.expr) -> Any:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return _named(node.value)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            raise AttributeError(f"compile: {text} can't be made from its name")
        kind = node.func.id
        options = {k.arg or "": ast.literal_eval(k.value) for k in node.keywords}
        # The transforms are above the plans: they are known by then.
        make = compiled if kind == "compile" else _of_autodiff(kind)
        return make(read(node.args[0]), **options)

    try:
        return read(ast.parse(text, mode="eval").body)
    except (SyntaxError, ImportError, ValueError) as error:
        raise AttributeError(f"compile: {text} can't be made from its name: {error}") from error
