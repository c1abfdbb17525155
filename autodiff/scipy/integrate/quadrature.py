"""Integrals of functions: derivatives under the integral sign, integrated as the integral was."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.integrate as si

from autodiff.core.primitive import Array, Primitive
from autodiff.core.tensor import Tensor, record
from autodiff.rules.operands import as_array
from autodiff.scipy.closures import Lifted, plain, solved, traced
from autodiff.scipy.entries import refused, stands_for
from autodiff.transforms.call import Call
from autodiff.transforms.gradients import jvp

__all__ = ["dblquad", "quad"]

Function = Callable[..., Any]


class _Rule:
    """How SciPy integrates: its options, and what it said last."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.said: tuple[Any, ...] = (0.0, 0.0)

    def integrate(self, f: Function, a: float, b: float, shape: tuple[int, ...]) -> Array:
        """Return the integral of each element of a function's result."""
        if not shape:
            self.said = si.quad(f, a, b, **self.options)
            return np.float64(self.said[0])
        known: dict[float, Array] = {}

        def element(x: float, i: int) -> float:
            if x not in known:
                known[x] = np.ravel(f(x))
            return float(known[x][i])

        options = {**self.options, "full_output": 0}
        count = int(np.prod(shape))
        parts = [si.quad(element, a, b, args=(i,), **options)[0] for i in range(count)]
        return np.reshape(np.array(parts), shape)


def _primitive(f: Function, rule: _Rule, shape: tuple[int, ...], chosen: Sequence[int]) -> Any:
    """Return the integral of ``f(x, *parameters)`` as a primitive of ``(a, b, *parameters)``."""

    def value(a: Any, b: Any, *parameters: Any) -> Any:
        if any(type(x) is Tensor for x in (a, b, *parameters)):
            return record(primitive, (a, b, *parameters))
        return rule.integrate(lambda x: f(x, *parameters), float(a), float(b), shape)

    def at(x: Any, parameters: Sequence[Any]) -> Array:
        # An integrand has gone to zero at infinity.
        ends = np.isinf(plain(x))
        return np.zeros(shape) if ends else f(x, *parameters)

    def slopes(parameters: Sequence[Any]) -> tuple[Function, int]:
        """Return the Jacobian with respect to the parameters, all in one row."""
        sizes = [int(np.size(parameters[i])) for i in chosen]

        def rows(x: Any, *parameters: Any) -> Array:
            call = Call(f, (x, *parameters), {}, [i + 1 for i in chosen], "quad")
            if not shape:
                parts = call.pull([np.ones_like(call.values[0])])
                return np.concatenate([np.reshape(part, (-1,)) for part in parts])
            count = int(np.prod(shape))
            every = []
            for i in range(count):
                seed = np.reshape(np.arange(count) == i, shape) * 1.0
                parts = call.pull([seed])
                every.append(np.concatenate([np.reshape(part, (-1,)) for part in parts]))
            return np.stack(every)

        return rows, sum(sizes)

    def pull(g: Array, out: Array, a: Any, b: Any, *parameters: Any) -> list[Any]:
        bars: list[Any] = [
            -np.sum(g * at(a, parameters)),
            np.sum(g * at(b, parameters)),
            *[np.zeros_like(x) for x in parameters],
        ]
        if chosen:
            rows, width = slopes(parameters)
            wide = (int(np.prod(shape)), width) if shape else (width,)
            point = _inside(plain(a), plain(b))
            inner = _primitive(traced(rows, [point, *parameters]), rule, wide, chosen)
            integral = record(inner, (a, b, *parameters))
            flat = np.matmul(np.reshape(g, (-1,)), integral) if shape else g * integral
            start = 0
            for i in chosen:
                size = int(np.size(parameters[i]))
                part = flat[start : start + size]
                bars[i + 2] = np.reshape(part, np.shape(parameters[i])) if size else bars[i + 2]
                start += size
        return bars

    def push(x_dots: list[Any], out: Array, a: Any, b: Any, *parameters: Any) -> Array:
        a_dot, b_dot, *dots = x_dots
        out_dot: Any = np.zeros_like(out)
        if a_dot is not None:
            out_dot = out_dot - a_dot * at(a, parameters)
        if b_dot is not None:
            out_dot = out_dot + b_dot * at(b, parameters)
        moved = [i for i in chosen if dots[i] is not None]
        if moved:
            count = len(parameters)

            def along(x: Any, *given: Any) -> Array:
                held = list(given[:count])

                def of(*chosen_ones: Any) -> Array:
                    for i, y in zip(moved, chosen_ones, strict=True):
                        held[i] = y
                    return f(x, *held)

                return jvp(of, tuple(given[i] for i in moved), given[count:])[1]

            given = (*parameters, *[dots[i] for i in moved])
            run = traced(along, [_inside(plain(a), plain(b)), *given])
            inner = _primitive(run, rule, shape, [*chosen, *range(count, len(given))])
            out_dot = out_dot + record(inner, (a, b, *given))
        return out_dot

    primitive = Primitive("quad", value, "general", joint=(pull, push))
    return primitive


@stands_for(
    "scipy.integrate.quad",
    limits=(
        "with respect to the bounds and to what the function uses, integrated to the given "
        "tolerance; the error estimate is plain; `weight=` with bounds that are tensors is refused"
    ),
    calls=["func"],
)
def quad(
    func: Function,
    a: Any,
    b: Any,
    args: Any = (),
    full_output: Any = 0,
    weight: Any = None,
    complex_func: bool = False,
    **options: Any,
) -> Any:
    """Return the integral of a function, and an estimate of its error."""
    if complex_func:
        raise refused("scipy.integrate.quad", "complex_func=", "integrate both parts")
    args = args if isinstance(args, tuple) else (args,)
    if weight is not None:
        if type(a) is Tensor or type(b) is Tensor:
            raise refused("scipy.integrate.quad", "weight= with bounds that are tensors")
        options["weight"] = weight
    rule = _Rule({**options, "full_output": full_output})

    def function(x: Any) -> Any:
        out = as_array(func(x, *args))
        return np.reshape(out, ())[()] if np.shape(out) else out

    lifted = Lifted(function, [_inside(plain(a), plain(b))])
    a, b = (x if type(x) is Tensor else np.float64(x) for x in (a, b))

    def entry(lifted: Lifted) -> Primitive:
        made: Primitive = _primitive(lifted, rule, (), lifted.differentiable())
        return made

    value = solved(lifted, entry, [a, b])
    return (value, *rule.said[1:])


def _inside(a: float, b: float) -> float:
    """Return a point between bounds."""
    if type(a) is not float or type(b) is not float:
        return _inside(float(a), float(b))
    if np.isinf(a) and np.isinf(b):
        return 0.1
    if np.isinf(b):
        return a + 1.0
    if np.isinf(a):
        return b - 1.0
    return 0.45 * a + 0.55 * b


@stands_for("scipy.integrate.dblquad", limits="as `quad`", calls=["func"])
def dblquad(
    func: Function,
    a: Any,
    b: Any,
    gfun: Any,
    hfun: Any,
    args: Any = (),
    epsabs: float = 1.49e-8,
    epsrel: float = 1.49e-8,
) -> Any:
    """Return the integral of a function of two numbers, and an estimate of its error."""

    def bound(limit: Any, x: Any) -> Any:
        return limit(x) if callable(limit) else limit

    def inner(x: Any) -> Any:
        ends = bound(gfun, x), bound(hfun, x)
        return quad(lambda y: func(y, x, *args), *ends, epsabs=epsabs, epsrel=epsrel)[0]

    return quad(inner, a, b, epsabs=epsabs, epsrel=epsrel)
