"""Ordinary differential equations: derivatives by forward sensitivities.

Along with y' = f(y, t, θ) its sensitivities S = ∂y/∂(y₀, θ) satisfy S' = ∂f/∂y S + ∂f/∂θ (Hairer,
Nørsett and Wanner, Solving Ordinary Differential Equations I, section I.14). SciPy's solver
integrates both together, with the same method and tolerances: derivatives are those of the exact
solution, within the tolerance. They are solutions of an equation as the values are, so that
derivatives of all orders follow.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.integrate as si

from autodiff.core.primitive import Array, Primitive
from autodiff.core.tensor import Tensor, record
from autodiff.rules.operands import as_array, guarded
from autodiff.scipy.closures import Lifted, plain, solved, traced
from autodiff.scipy.entries import refused, stands_for
from autodiff.transforms.call import Call
from autodiff.transforms.matrices import jacobian

__all__ = ["odeint", "solve_ivp"]

Function = Callable[..., Any]
#: ``solve(f, y0, t)``: the solution at times, one in each row.
Solver = Callable[[Function, Array, Array], Array]


def _primitive(f: Function, solve: Solver, chosen: Sequence[int]) -> Primitive:
    """Return the solution of y' = f(y, t, *parameters) as a primitive of (y0, t, *parameters)."""

    def value(y0: Any, t: Any, *parameters: Any) -> Any:
        if any(type(x) is Tensor for x in (y0, t, *parameters)):
            return record(primitive, (y0, t, *parameters))
        return solve(lambda y, t: f(y, t, *parameters), y0, t)

    def at(out: Array, t: Any, parameters: Sequence[Any]) -> Array:
        """Return the slopes of the solution at all times."""
        return np.stack([f(out[k], t[k], *parameters) for k in range(np.shape(t)[0])])

    def pull(g: Array, out: Array, y0: Any, t: Any, *parameters: Any) -> list[Any]:
        n = int(np.size(y0))
        sizes = [int(np.size(parameters[i])) for i in chosen]
        width = n + sum(sizes)

        def both(z: Any, t: Any, *parameters: Any) -> Array:
            y, s = z[:n], np.reshape(z[n:], (n, width))
            numbers = [0, *[i + 2 for i in chosen]]
            call = jacobian(lambda *xs: _twice(f(*xs)), numbers, has_aux=True)
            (by_y, *by_parameters), slope = call(y, t, *parameters)
            direct = [np.zeros((n, n)), *[np.reshape(x, (n, -1)) for x in by_parameters]]
            moved = np.matmul(by_y, s) + np.concatenate(direct, axis=1)
            return np.concatenate([slope, np.reshape(moved, (-1,))])

        start = np.eye(n, width)
        z0 = np.concatenate([y0, np.reshape(start, (-1,))])
        inner = _primitive(traced(both, [z0, t[0], *parameters]), solve, chosen)
        joined = record(inner, (z0, t, *parameters))
        s = np.reshape(joined[:, n:], (np.shape(t)[0], n, width))
        flat = np.einsum("ki,kij->j", g, s)
        bars: list[Any] = [flat[:n], np.zeros_like(t), *[np.zeros_like(x) for x in parameters]]
        along = np.sum(g * at(out, t, parameters), axis=1)
        # A later start leaves less time for everything that follows.
        first = np.sum(flat[:n] * f(y0, t[0], *parameters))
        later = np.zeros(np.shape(t)[0] - 1)
        bars[1] = along - np.concatenate([np.reshape(first, (1,)), later])
        place = n
        for i, size in zip(chosen, sizes, strict=True):
            bars[i + 2] = np.reshape(flat[place : place + size], np.shape(parameters[i]))
            place += size
        return bars

    def push(x_dots: list[Any], out: Array, y0: Any, t: Any, *parameters: Any) -> Array:
        y_dot, t_dot, *dots = x_dots
        n, count = int(np.size(y0)), len(parameters)
        moved = [i for i in chosen if dots[i] is not None]

        def both(z: Any, t: Any, *given: Any) -> Array:
            call = Call(f, (z[:n], t, *given[:count]), {}, [0, *[i + 2 for i in moved]], "odeint")
            slope_dot = call.push([z[n:], *given[count:]])[0]
            return np.concatenate([call.value, slope_dot])

        s0 = np.zeros_like(y0) if y_dot is None else y_dot
        if t_dot is not None:
            s0 = s0 - t_dot[0] * f(y0, t[0], *parameters)
        given = [*parameters, *[dots[i] for i in moved]]
        z0 = np.concatenate([y0, s0])
        run = traced(both, [z0, t[0], *given])
        inner = _primitive(run, solve, [*chosen, *range(count, len(given))])
        joined = record(inner, (z0, t, *given))
        out_dot = joined[:, n:]
        return out_dot if t_dot is None else out_dot + t_dot[:, None] * at(out, t, parameters)

    primitive = Primitive("odeint", value, "general", joint=(pull, push))
    return primitive


def _twice(x: Any) -> tuple[Any, Any]:
    return x, x


def _solution(function: Function, solve: Solver, y0: Any, t: Any) -> Any:
    """Return the solution at times, one in each row."""
    lifted = Lifted(function, [plain(y0), plain(t[0])])
    return solved(lifted, lambda f: _primitive(f, solve, f.differentiable()), [y0, t])


def _floats(x: Any) -> Any:
    x = as_array(x)
    return x if type(x) is Tensor else np.asarray(x, np.result_type(x, float))


@stands_for(
    "scipy.integrate.odeint",
    limits=(
        "with respect to start, times and what the function uses: the derivatives of the exact "
        "solution within `rtol` and `atol`; cost grows with the number of parameters; "
        "`full_output=` is refused"
    ),
    calls=["func"],
    idle=["Dfun", "col_deriv", "ml", "mu", "printmessg", "ixpr"],
)
def odeint(
    func: Function,
    y0: Any,
    t: Any,
    args: Any = (),
    rtol: Any = None,
    atol: Any = None,
    tcrit: Any = None,
    h0: float = 0.0,
    hmax: float = 0.0,
    hmin: float = 0.0,
    mxstep: int = 0,
    mxhnil: int = 0,
    mxordn: int = 12,
    mxords: int = 5,
    tfirst: bool = False,
) -> Array:
    """Return the solution of a system of differential equations, one time in each row."""
    args = args if isinstance(args, tuple) else (args,)
    y0, t = np.atleast_1d(_floats(y0)), _floats(t)
    limits = {"h0": h0, "hmax": hmax, "hmin": hmin, "mxstep": mxstep, "mxhnil": mxhnil}
    orders = {"mxordn": mxordn, "mxords": mxords}
    # One tolerance for each element says nothing of the sensitivities.
    tolerances = {"rtol": rtol, "atol": atol}

    def function(y: Any, t: Any) -> Any:
        out = func(t, y, *args) if tfirst else func(y, t, *args)
        return np.reshape(as_array(out), np.shape(y0))

    def solve(run: Function, y0: Array, t: Array) -> Array:
        known = {k: _repeated(v, np.size(y0)) for k, v in tolerances.items()}
        return si.odeint(run, y0, t, tcrit=tcrit, **known, **limits, **orders)

    return _solution(function, solve, y0, t)


def _repeated(tolerance: Any, size: int) -> Any:
    """Return tolerances of each element; of the sensitivities the smallest."""
    if tolerance is None or not np.ndim(tolerance) or np.size(tolerance) == size:
        return tolerance
    rest = np.full(size - np.size(tolerance), np.min(tolerance))
    return np.concatenate([tolerance, rest])


@stands_for(
    "scipy.integrate.solve_ivp",
    limits=(
        "as `odeint`; the times of the solver's own choice are constants but for the ends; "
        "`events=` is refused; a Jacobian that is given is computed instead"
    ),
    calls=["fun"],
    idle=["vectorized"],
)
def solve_ivp(
    fun: Function,
    t_span: Any,
    y0: Any,
    method: Any = "RK45",
    t_eval: Any = None,
    dense_output: bool = False,
    events: Any = None,
    args: Any = None,
    **options: Any,
) -> Any:
    """Return the solution of a system of differential equations."""
    if events is not None:
        raise refused("scipy.integrate.solve_ivp", "events=", "solve up to a given time")
    y0, span = _floats(y0), _floats(list(t_span))
    given_jacobian = options.pop("jac", None) is not None
    # These describe the Jacobian of the values alone, or how it may be had.
    idle = ("lband", "uband", "jac_sparsity", "vectorized")
    options = {k: v for k, v in options.items() if k not in idle}
    said: list[Any] = []

    def function(y: Any, t: Any) -> Any:
        return np.reshape(as_array(fun(t, y, *(args or ()))), np.shape(y0))

    def integrate(run: Function, y0: Array, span: Any, dense: bool) -> Any:
        known = dict(options)
        if "atol" in known:
            known["atol"] = _repeated(known["atol"], np.size(y0))
        if given_jacobian:
            known["jac"] = lambda t, y: jacobian(run)(y, np.float64(t))
        found = si.solve_ivp(
            lambda t, y: run(y, t), span, y0, method=method, dense_output=dense, **known
        )
        said.append(found)
        return found

    def solve(run: Function, y0: Array, t: Array) -> Array:
        span = float(t[0]), float(t[-1])
        found = integrate(run, y0, span, True)
        rows = found.sol(t).T
        if not found.success:
            beyond = np.abs(t - t[0]) > abs(found.t[-1] - span[0])
            rows = np.where(beyond[:, None], np.nan, rows)
        return rows

    def chosen(f: Lifted) -> Primitive:
        """Return the times that the solver chooses, as a primitive."""

        def times(y0: Any, span: Any, *parameters: Any) -> Any:
            if any(type(x) is Tensor for x in (y0, span, *parameters)):
                return record(primitive, (y0, span, *parameters))
            ends = float(span[0]), float(span[1])
            return integrate(lambda y, t: f(y, t, *parameters), y0, ends, False).t

        primitive = Primitive("solve_ivp times", times, "discrete")
        return primitive

    def at(times: Any) -> Any:
        return _solution(function, solve, y0, np.concatenate([span[:1], times, span[1:]]))

    if t_eval is None:
        times = guarded(solved(Lifted(function, [plain(y0), plain(span[0])]), chosen, [y0, span]))
        facts, rows = said[-1], at(times[1:-1])
        times = np.concatenate([span[:1], times[1:-1], span[1:]])
    else:
        times = _floats(t_eval)
        if np.ndim(times) != 1:
            raise ValueError("`t_eval` must be 1-dimensional.")
        rows = at(times)[1:-1]
        facts = said[-1]

    def dense(t: Any) -> Any:
        found = np.swapaxes(at(np.atleast_1d(_floats(t)))[1:-1], 0, 1)
        return found if np.ndim(t) else found[:, 0]

    kept = ("nfev", "njev", "nlu", "status", "message", "success")
    return type(facts)(
        t=times,
        y=np.swapaxes(rows, 0, 1),
        sol=dense if dense_output else None,
        t_events=None,
        y_events=None,
        **{name: facts[name] for name in kept},
    )
