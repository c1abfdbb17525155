"""The call of a peer: arguments by position, gradients by name, failures that are no errors."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from compare.engines.rebound import Library, rebound
from compare.problems.problem import Case

__all__ = ["Call", "by_position", "guarded", "plain", "unsupported"]

#: Characters of a library's own message that a reason keeps.
_REASON = 200


class Call:
    """The order of arguments for a library that goes by position: the differentiated ones first."""

    def __init__(self, case: Case) -> None:
        self.wrt = case.wrt
        chosen = set(self.wrt)
        self.names = (*self.wrt, *(name for name in case.inputs if name not in chosen))
        self._floats = {name for name in self.wrt if isinstance(case.inputs[name], float)}

    def values(self, inputs: Mapping[str, Any]) -> list[Any]:
        """Return the arguments in order."""
        return [inputs[name] for name in self.names]

    def named(self, gradients: Sequence[Any]) -> dict[str, Any]:
        """Return the gradients by name; that of a number is a number."""
        pairs = zip(self.wrt, gradients, strict=True)
        return {n: float(x_bar) if n in self._floats else x_bar for n, x_bar in pairs}


def by_position(case: Case, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that takes its arguments in the order of `Call`."""
    names = Call(case).names

    def positional(*values: Any) -> Any:
        return function(**dict(zip(names, values, strict=True)))

    return positional


def plain(case: Case, library: Library) -> Callable[..., Any]:
    """Return the function of a problem, calling a library where it calls NumPy."""
    with unsupported("the library"):
        return rebound(case.problem.function, library)


@contextlib.contextmanager
def unsupported(library: str) -> Iterator[None]:
    """Turn an exception of a library into the reason why it cannot do a problem.

    The function runs on NumPy's arrays, or it would be no problem; so a failure here is the
    library's.
    """
    try:
        yield
    except (MemoryError, NotImplementedError):
        raise
    except Exception as error:
        raise NotImplementedError(_reason(library, error)) from error


def _reason(library: str, error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else ""
    text = text if len(text) <= _REASON else f"{text[: _REASON - 1]}…"
    return f"{library} cannot run the function: {type(error).__name__}: {text}"


def guarded(library: str, run: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose failures are reasons, at no cost where it does not fail."""

    def attempt(inputs: Mapping[str, Any]) -> Any:
        try:
            return run(inputs)
        except (MemoryError, NotImplementedError):
            raise
        except Exception as error:
            raise NotImplementedError(_reason(library, error)) from error

    return attempt
