"""The primitive of a root: its value is SciPy's, its derivative that of the equation it solves.

From f(x, θ) = 0 follows ∂f/∂x dx + ∂f/∂θ dθ = 0 (the implicit function theorem), whatever the way
to the root was: a start at the root has the same derivative. The rules are computed with tensors,
so that derivatives of all orders follow.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.core.primitive import Array, Primitive
from autodiff.core.tensor import Tensor, record
from autodiff.scipy.closures import Lifted, plain, solved
from autodiff.transforms.call import Call
from autodiff.transforms.matrices import jacobian

__all__ = ["implicit"]

#: ``solve(f, x0)``: the root, and whether it was found; or more, which `implicit` returns.
Solver = Callable[[Callable[..., Any], Any], tuple[Any, bool, Any]]


def implicit(
    name: str,
    f: Callable[..., Any],
    x0: Any,
    solve: Solver,
    residual: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda run: run,
    free: Callable[[Any], Any] | None = None,
) -> tuple[Any, Any]:
    """Return the root that a solver of SciPy finds, and what the solver said besides.

    `residual` makes of the function the one that is zero at the root: of a minimum, the gradient.
    `free` says of a root which of its elements no bound holds.
    """
    start = x0 if type(x0) is Tensor else np.asarray(x0, np.result_type(np.asarray(x0), np.float32))
    start = start[()]
    lifted = Lifted(f, [plain(start)])
    said: list[Any] = [None]
    failed = [False]

    def entry(lifted: Lifted) -> Primitive:
        equation = residual(lifted)
        chosen = lifted.differentiable()

        def value(start: Any, *parameters: Any) -> Any:
            if any(type(x) is Tensor for x in (start, *parameters)):
                return record(primitive, (start, *parameters))
            x, found, said[0] = solve(lambda x: lifted(x, *parameters), start)
            failed[0] |= not found
            return np.asarray(x)[()]

        def matrix(x: Any, parameters: Sequence[Any]) -> Array:
            n = int(np.size(x))
            slopes = np.reshape(jacobian(equation)(x, *parameters), (n, n))
            if free is not None:
                kept = np.reshape(free(x), (n, 1)) * 1.0
                slopes = kept * slopes + (1.0 - kept) * np.eye(n)
            return slopes

        def right_side(x: Any, b: Array) -> Array:
            b = np.reshape(b, (np.size(x),))
            if failed[0]:
                b = b * np.nan
            return b if free is None else np.where(np.reshape(free(x), (-1,)), b, 0.0)

        def call(x: Any, parameters: Sequence[Any]) -> Call:
            return Call(equation, (x, *parameters), {}, [i + 1 for i in chosen], name)

        def pull(g: Array, out: Array, start: Any, *parameters: Any) -> list[Any]:
            transposed = np.swapaxes(matrix(out, parameters), -1, -2)
            x_bar = right_side(out, _solution(name, transposed, np.reshape(g, (-1,))))
            bars: list[Any] = [np.zeros_like(x) for x in (start, *parameters)]
            if chosen:
                found = call(out, parameters).pull([np.reshape(-x_bar, np.shape(out))])
                for i, bar in zip(chosen, found, strict=True):
                    bars[i + 1] = bar
            return bars

        def push(x_dots: list[Any], out: Array, start: Any, *parameters: Any) -> Array:
            given = [x_dots[i + 1] for i in chosen]
            if all(x_dot is None for x_dot in given):
                return np.zeros_like(out)
            moved = right_side(out, call(out, parameters).push(given)[0])
            x_dot = _solution(name, matrix(out, parameters), moved)
            return np.reshape(-x_dot, np.shape(out))

        primitive = Primitive(name, value, "general", joint=(pull, push))
        return primitive

    return solved(lifted, entry, [start]), said[0]


def _solution(name: str, a: Array, b: Array) -> Array:
    if np.shape(a) == (1, 1):
        # A double root has no derivative: infinite or NaN, as where NumPy divides by zero.
        with np.errstate(divide="ignore", invalid="ignore"):
            return b / a[0]
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        raise np.linalg.LinAlgError(
            f"{name}: the Jacobian at the solution is singular, so the solution has no derivative"
        ) from None
