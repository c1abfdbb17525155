"""The table of what stands for the functions of SciPy, filled by the modules of this package.

A function is one entry, made by the decorator `stands_for`: its answer gets SciPy's arguments by
SciPy's names where a tensor is among them, and SciPy's function gets the call where none is.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

import numpy as np

from autodiff.core.stores import resolved
from autodiff.core.tensor import Tensor, assembled
from autodiff.errors import Undifferentiable

__all__ = ["TABLE", "Entry", "add", "has_tensor", "refused", "scipys", "stands_for"]

_Answer = TypeVar("_Answer", bound=Callable[..., Any])
#: Arguments that say how SciPy uses memory or checks its input: they change no result.
_IDLE = frozenset({"overwrite_a", "overwrite_b", "overwrite_ab", "check_finite", "workers"})


@dataclass(frozen=True)
class Entry:
    """A function of SciPy, and what stands for it."""

    #: As users call it: ``scipy.linalg.expm``.
    name: str
    answer: Any
    #: What passes through: ``"reverse, forward"``, or ``"value"`` if there is no derivative.
    modes: str = "reverse, forward"
    #: What holds for its derivative, and what is refused.
    limits: str = ""


#: Every entry by its name in SciPy.
TABLE: dict[str, Entry] = {}


def add(name: str, answer: Any, modes: str = "reverse, forward", limits: str = "") -> Any:
    """Put an entry into the table and return its answer."""
    if name in TABLE:
        raise ValueError(f"{name} is in the table twice")
    TABLE[name] = Entry(name, answer, modes, limits)
    return answer


def scipys(name: str) -> Any:
    """Return SciPy's function of a dotted name, or None if this SciPy has none."""
    module, _, function = name.rpartition(".")
    return getattr(import_module(module), function, None)


def has_tensor(x: Any) -> bool:
    """Return whether a tensor is in an argument: itself, in a container or an array of objects."""
    kind = type(x)
    if kind is Tensor:
        return True
    if kind is list or kind is tuple:
        return any([has_tensor(item) for item in x])
    if kind is dict:
        return any([has_tensor(item) for item in x.values()])
    if kind is np.ndarray:
        return x.dtype == object and any([type(item) is Tensor for item in x.reshape(-1)])
    return bool(getattr(x, "holds_tensors", False))


def _gathered(x: Any) -> Any:
    """Return an argument, an array of objects put together as one tensor."""
    return assembled(x) if type(x) is np.ndarray and x.dtype == object else x


def refused(name: str, what: str, instead: str = "") -> Undifferentiable:
    """Return the error about an argument that tensors do not go with."""
    return Undifferentiable(
        f"{name}: {what} is not supported on tensors" + (f": {instead}" if instead else "")
    )


def stands_for(
    name: str,
    *,
    modes: str = "reverse, forward",
    limits: str = "",
    calls: Sequence[str] = (),
    idle: Sequence[str] = (),
) -> Callable[[_Answer], _Answer]:
    """Return a decorator for the answer to a function of SciPy.

    `calls` names the arguments that are functions of the user: tensors that they close over count
    as arguments. `idle` names arguments without influence on what is returned here.
    """

    def decorate(answer: Any) -> Any:
        function = scipys(name)
        if function is None:
            return answer
        signature = _signature(function, answer)
        parameters = inspect.signature(answer).parameters.values()
        every = any(p.kind is p.VAR_KEYWORD for p in parameters)
        accepts = frozenset(signature.parameters if every else (p.name for p in parameters))
        without = _IDLE.union(idle)

        @functools.wraps(answer)
        def call(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = tuple(map(resolved, args)), {k: resolved(x) for k, x in kwargs.items()}
            if not has_tensor(args) and not has_tensor(kwargs):
                if not calls:
                    return function(*args, **kwargs)
                try:
                    watched = signature.bind(*args, **kwargs)
                    for argument in calls:
                        f = watched.arguments.get(argument)
                        if callable(f):
                            watched.arguments[argument] = _watched(f)
                    return function(*watched.args, **watched.kwargs)
                except _ClosesOverTensor:
                    pass
            given: dict[str, Any] = {}
            for argument, value in signature.bind(*args, **kwargs).arguments.items():
                parameter = signature.parameters[argument]
                if parameter.kind is parameter.VAR_KEYWORD:
                    given.update(value)
                elif argument in accepts:
                    given[argument] = _gathered(value)
                elif argument not in without and not _is_default(value, parameter.default):
                    raise refused(name, f"{argument}=")
            many = given.pop("arrs", ())
            return answer(*many, **given)

        call.__name__ = name.rpartition(".")[2]
        return add(name, call, modes, limits)

    return decorate


def _signature(function: Any, answer: Any) -> inspect.Signature:
    """Return the signature of SciPy's function; of one that hides it that of the answer."""
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return inspect.signature(answer)
    kinds = {p.kind for p in found.parameters.values()}
    hidden = kinds == {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return inspect.signature(answer) if hidden else found


def _is_default(value: Any, default: Any) -> bool:
    return value is default or (
        isinstance(value, bool | int | float | str)
        and type(value) is type(default)
        and value == default
    )


class _ClosesOverTensor(BaseException):
    """A function of the user returned a tensor, though it was called on plain numbers.

    Not an `Exception`, so that no solver takes it for a failed evaluation.
    """


def _watched(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that tells when its result is a tensor."""

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        out = f(*args, **kwargs)
        if has_tensor(out):
            raise _ClosesOverTensor
        return out

    return call
