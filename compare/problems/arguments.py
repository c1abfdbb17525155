"""The arguments of a user's function: arrays and numbers by name, whatever holds them.

A dict, list, tuple, NamedTuple or dataclass is taken apart; each array in it is an input of its
own, named by its place (`params.w1`, `layers.0.bias`), and the function is handed the same
structure again. Arrays of other libraries become NumPy's, of the type they have. What has no
derivative by its type (whole numbers, texts, functions, None) stays in its place as a constant.
"""

import copy
import dataclasses
import enum
import functools
import inspect
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from compare.problems.problem import Inputs

__all__ = ["Arguments", "Place", "arguments_of", "converted"]

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
#: Types of what is no number, and is handed on as it is.
_HANDED_ON = (
    str, bytes, int, enum.Enum, type, types.FunctionType, types.BuiltinFunctionType,
    types.MethodType, types.ModuleType, functools.partial, np.ufunc, np.dtype, slice, range,
)  # fmt: skip
_EXPECTED = (
    "expected a float, a floating-point array, or a dict, list, tuple, NamedTuple or dataclass of "
    "them: convert it with np.asarray(..., dtype=float), or close over it"
)


@dataclasses.dataclass(frozen=True)
class Place:
    """The place of an input in a structure."""

    name: str


@dataclasses.dataclass(frozen=True)
class Arguments:
    """The arguments of a function, taken apart."""

    #: What can be differentiated, by name.
    inputs: Inputs
    #: Each argument by its name, with a `Place` for each input in it.
    templates: Mapping[str, Any]
    #: How many of them, from the first on, are handed over by position.
    positional: int
    #: Arrays of other libraries that became NumPy's, each with what it was.
    converted: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def function(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function as one of the inputs by name."""
        plain = all(isinstance(t, Place) and t.name == n for n, t in self.templates.items())
        if plain and not self.positional:
            return f
        templates = list(self.templates.items())
        by_position = tuple(template for _, template in templates[: self.positional])
        return functools.partial(_called, f, by_position, dict(templates[self.positional :]))

    def values(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Return the arguments in their order, put together from inputs."""
        return [_filled(template, inputs) for template in self.templates.values()]

    def places(self, name: str) -> tuple[str, ...]:
        """Return the inputs that an argument holds, or that input itself, by their names."""
        if name in self.templates:
            return tuple(place.name for _, place in _places(self.templates[name]))
        return (name,) if name in self.inputs else ()

    def chosen(self, wrt: str | Sequence[str] | None, what: str) -> tuple[str, ...]:
        """Return the inputs that the gradient is taken with respect to."""
        if wrt is None:
            return tuple(self.inputs)
        found: list[str] = []
        for name in (wrt,) if isinstance(wrt, str) else wrt:
            places = self.places(name)
            if name in self.templates and not places:
                raise TypeError(_no_float(what, name, self.templates[name]))
            if not places:
                known = ", ".join(dict.fromkeys([*self.templates, *self.inputs]))
                raise ValueError(
                    f"{what}: wrt names {name!r}, which is no argument; the arguments are {known}"
                )
            found += places
        return tuple(dict.fromkeys(found))

    def parts(self, name: str, value: Any) -> dict[str, Any]:
        """Return the parts of something like an argument, such as its gradient, by input."""
        template = self.templates.get(name, Place(name))
        return dict(_matched(template, value, name))


def arguments_of(
    f: Callable[..., Any], args: Sequence[Any], words: Mapping[str, Any], what: str
) -> Arguments:
    """Return the arguments of a function, by position and by name, taken apart."""
    names, positional = _names(f, args, words, what)
    given = dict(zip(names, args, strict=True)) | dict(words)
    inputs: Inputs = {}
    changed: dict[str, str] = {}
    templates = {name: _template(x, name, what, inputs, changed) for name, x in given.items()}
    if given and not inputs:
        name = next(iter(given))
        raise TypeError(_no_float(what, name, given[name]))
    return Arguments(inputs, templates, positional, changed)


def _no_float(what: str, name: str, value: Any) -> str:
    dtype = f" of dtype {value.dtype}" if isinstance(value, np.ndarray | np.generic) else ""
    return f"{what}: argument {name!r} is a {type(value).__name__}{dtype}; {_EXPECTED}"


def _names(
    f: Callable[..., Any], args: Sequence[Any], words: Mapping[str, Any], what: str
) -> tuple[list[str], int]:
    """Return the names of arguments by position, and how many can be given by position only."""
    numbered = [f"x{i}" for i in range(len(args))], len(args)
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        return numbered
    try:
        bound = signature.bind(*args, **words)
    except TypeError as error:
        raise TypeError(f"{what}{signature}: {error}") from None
    names = [n for n in bound.arguments if n not in words][: len(args)]
    kinds = signature.parameters
    if len(names) < len(args) or any(kinds[n].kind not in _NAMED for n in names):
        return numbered
    return names, 0


def converted(value: Any, what: str) -> Any:
    """Return an array of another library as one of NumPy, anything else as it is.

    Examples
    --------
    >>> import pandas as pd
    >>> converted(pd.Series([1.5, 2.5]), "x")
    array([1.5, 2.5])
    """
    if isinstance(value, (np.ndarray, np.generic, *_HANDED_ON)):
        return value
    library = type(value).__module__.partition(".")[0]
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu()
        if hasattr(value, "to_numpy"):
            made = value.to_numpy()
        elif hasattr(value, "__array__"):
            made = np.asarray(value)
        else:
            return value
    except Exception as error:
        raise TypeError(
            f"{what}: the {type(value).__name__} of {library} cannot become an array of NumPy "
            f"({type(error).__name__}: {error}): hand over one of float32 or float64"
        ) from None
    if made.dtype.kind == "O" and hasattr(value, "columns"):
        columns = [str(n) for n, kind in dict(value.dtypes).items() if kind.kind not in "fiub"]
        raise TypeError(
            f"{what}: the columns {', '.join(columns)} of the DataFrame are no numbers: choose "
            "the others, or close over it"
        )
    return made


def _template(value: Any, path: str, what: str, inputs: Inputs, changed: dict[str, str]) -> Any:
    """Return an argument with a place for each input in it, which is noted under its name."""
    children = _children(value)
    if children is not None:
        parts = [_template(x, f"{path}.{key}", what, inputs, changed) for key, x in children]
        return _rebuilt(value, parts)
    given, value = value, converted(value, f"{what}: argument {path!r}")
    if value is not given:
        changed[path] = type(given).__name__
    if isinstance(value, np.ndarray | np.generic):
        _refuse_odd(value, f"{what}: argument {path!r}")
    if isinstance(value, float) or getattr(value, "dtype", np.dtype(int)).kind == "f":
        while path in inputs:
            path += "_"
        inputs[path] = value
        return Place(path)
    if value is None or isinstance(value, (complex, np.ndarray, np.generic, *_HANDED_ON)):
        return value
    raise TypeError(_no_float(what, path, value))


def _refuse_odd(array: Any, what: str) -> None:
    """Refuse an array of numbers that neither engine computes with."""
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(
            f"{what} is a MaskedArray, whose mask no engine sees: hand over np.ma.getdata(...), "
            "and multiply by the mask in the function"
        )
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "O" or (kind == "V" and array.dtype.names is None) or (kind == "f" and size < 4):
        raise TypeError(
            f"{what} has dtype {array.dtype}; expected float64 or float32, or whole numbers as a "
            "constant: convert it with np.asarray(..., dtype=float)"
        )


def _children(value: Any) -> list[tuple[str, Any]] | None:
    """Return the parts of a container with their keys, None of what is none."""
    if isinstance(value, dict):
        return [(re.sub(r"[\[\], ]", "_", str(key)), part) for key, part in value.items()]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value, strict=True))
    if isinstance(value, list | tuple):
        return [(str(place), part) for place, part in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type | Place):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, types.SimpleNamespace):
        return list(vars(value).items())
    return None


def _rebuilt(value: Any, parts: Sequence[Any]) -> Any:
    """Return a container with other parts, in the order of `_children`."""
    if isinstance(value, dict):
        filled = copy.copy(value)
        filled.update(zip(value, parts, strict=True))
        return filled
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*parts)
    if isinstance(value, list | tuple):
        return list(parts) if isinstance(value, list) else tuple(parts)
    other = copy.copy(value)  # not its constructor, which may check what it gets
    names = [key for key, _ in _children(value) or ()]
    for name, part in zip(names, parts, strict=True):
        object.__setattr__(other, name, part)
    return other


def _filled(template: Any, inputs: Mapping[str, Any]) -> Any:
    """Return a structure with inputs in their places."""
    if isinstance(template, Place):
        return inputs[template.name]
    children = _children(template)
    if children is None:
        return template
    return _rebuilt(template, [_filled(part, inputs) for _, part in children])


def _places(template: Any, path: str = "") -> Iterator[tuple[str, Place]]:
    """Yield the places in a template, each with its path."""
    if isinstance(template, Place):
        yield path, template
        return
    for key, part in _children(template) or ():
        yield from _places(part, f"{path}.{key}")


def _matched(template: Any, value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield each input of a template with what stands in its place in a value of its structure."""
    if isinstance(template, Place):
        yield template.name, value
        return
    if not any(_places(template)):
        return
    children = dict(_children(template) or ())
    given = value if isinstance(value, Mapping) else dict(_children(value) or ())
    given = {re.sub(r"[\[\], ]", "_", str(key)): part for key, part in given.items()}
    missing = [key for key, part in children.items() if any(_places(part)) and key not in given]
    if missing:
        expected = f"a {type(template).__name__} with {', '.join(children)}"
        arrived = f"a {type(value).__name__}" + (f" with {', '.join(given)}" if given else "")
        raise ValueError(f"{path} is {arrived}; expected {expected}")
    for key, part in children.items():
        yield from _matched(part, given.get(key), f"{path}.{key}")


def _called(
    f: Callable[..., Any], by_position: Sequence[Any], by_name: Mapping[str, Any], **inputs: Any
) -> Any:
    """Call a function with its arguments put together again."""
    args = [_filled(template, inputs) for template in by_position]
    return f(*args, **{name: _filled(template, inputs) for name, template in by_name.items()})
