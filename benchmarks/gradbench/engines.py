"""How each library differentiates the evals, and runs them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["ENGINES", "Engine"]

Function = Callable[..., Any]


def _refused(*_: Any) -> Any:
    raise NotImplementedError("formulas have gradients of one function only: no forward mode")


def _as_it_is(function: Function) -> Function:
    return function


@dataclass(frozen=True)
class Engine:
    """The transforms that the evals ask of a library."""

    name: str
    #: ``gradient(f, argnums)`` returns a function of the arguments of `f`.
    gradient: Callable[[Function, Any], Function]
    #: ``along(f, primals, tangents)`` returns the value and the derivative along a direction.
    along: Callable[[Function, Sequence[Any], Sequence[Any]], tuple[Any, Any]] = _refused
    #: ``jacobian(f, argnum)`` returns a function of the arguments of `f`.
    jacobian: Callable[[Function, int], Function] = _refused
    #: ``compiled(f)`` returns a function that is traced at its first call, which is no run.
    compiled: Callable[[Function], Function] = _as_it_is
    compiles: bool = False
    #: The evals that it can do; all by default.
    evals: tuple[str, ...] | None = None


def _autodiff(compiled: bool) -> Engine:
    import autodiff

    return Engine(
        "autodiff-compiled" if compiled else "autodiff",
        autodiff.grad,
        autodiff.jvp,
        autodiff.jacobian,
        autodiff.compile if compiled else _as_it_is,
        compiled,
    )


def _symdiff(compiled: bool) -> Engine:
    import symdiff

    del compiled  # a formula is always code
    return Engine(
        "symdiff",
        lambda f, argnums: symdiff.grad(f, argnums, strategy="matrix"),
        compiles=True,
        # The others write into np.zeros, or need forward mode or derivatives within derivatives.
        evals=("hello", "lse", "llsq", "ode", "det", "lstm", "ba"),
    )


#: Engines of the tool, by name: each is told whether it should compile.
ENGINES: dict[str, Callable[[bool], Engine]] = {"autodiff": _autodiff, "symdiff": _symdiff}
