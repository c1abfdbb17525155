"""The adapter of CuPy: its functions by NumPy's names, and those of `cupyx.scipy` by SciPy's."""

import importlib
import math
from collections.abc import Callable
from typing import Any

from autodiff.adapters.namespace import Namespace, products

__all__ = ["Cupy"]

#: What takes the place of SciPy's modules.
_MODULES = ("special", "linalg", "fft", "signal")


class Cupy(Namespace):
    """CuPy's functions; nothing is computed on the host."""

    def __init__(self, xp: Any = None, modules: Any = None) -> None:
        xp = xp or importlib.import_module("cupy")
        parts = modules or [importlib.import_module(f"cupyx.scipy.{part}") for part in _MODULES]
        table = products(xp.matmul, xp.conj) | _functions(xp, *parts[1:]) | _special(xp, parts[0])
        super().__init__("cupy", xp, parts[0], table)


def _functions(xp: Any, linalg: Any, fft: Any, signal: Any) -> dict[str, Callable[..., Any]]:
    """Return the functions that CuPy has in its own way, and those of SciPy's compiled code."""

    def polar(a: Any) -> Any:
        u, _, vh = xp.linalg.svd(a, full_matrices=False)
        return xp.matmul(u, vh)

    def factors(a: Any) -> Any:
        if a.ndim > 2:
            return NotImplemented
        _, lower, upper = linalg.lu(a)
        return xp.tril(lower, -1) + upper

    def rows(a: Any) -> Any:
        if a.ndim > 2:
            return NotImplemented
        return xp.broadcast_to(xp.argmax(linalg.lu(a)[0], axis=0)[:, None], a.shape)

    def trigonometric(
        x: Any, *, name: str, type: int, axis: int, norm: Any, orthogonal: bool
    ) -> Any:
        # It has two of the four types, and always the scale that goes with the norm.
        if type not in (2, 3) or orthogonal != (norm == "ortho"):
            return NotImplemented
        return getattr(fft, name)(x, type, None, axis, norm)

    return {
        "sliding_window_view": xp.lib.stride_tricks.sliding_window_view,
        "scipy.convolve": lambda x, y, method: signal.convolve(x, y, "full", method),
        "scipy.expm": lambda a: linalg.expm(a),
        "scipy.lfilter": lambda b, a, x: signal.lfilter(b, a, x),
        "scipy.lu": factors,
        "scipy.lu pivots": lambda a: linalg.lu_factor(a)[1],
        "scipy.lu rows": rows,
        "scipy.polar": polar,
        "scipy.trigonometric": trigonometric,
    }


def _special(xp: Any, special: Any) -> dict[str, Callable[..., Any]]:
    """Return the few values of functions which CuPy lacks that slopes of its own ones are made of.

    Bessel functions of order 2 by those of orders 0 and 1 (NIST Digital Library of Mathematical
    Functions, 10.6.1 and 10.29.1), right to an absolute error, which is what a slope needs.
    """

    def share(y: Any, x: Any) -> Any:
        # Near 0 these functions of order 1 are x / 2.
        return xp.where(x == 0, 0.5, y / xp.where(x == 0, 1.0, x))

    def of_order_2(value: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
        return lambda v, x: value(x) if isinstance(v, int | float) and v == 2 else NotImplemented

    def hyp1f1(a: Any, b: Any, x: Any) -> Any:
        if not isinstance(a, float) or not isinstance(b, float) or (a, b) != (2.0, 3.0):
            return NotImplemented
        # Twice the slope of (exp(x) - 1) / x, whose quotient cancels near 0: the series there.
        near = xp.abs(x) < 1.0
        inner, outer = xp.where(near, x, 0.0), xp.where(near, 1.0, x)
        series = xp.zeros_like(inner)
        for k in reversed(range(18)):
            series = series * inner + 2.0 / (math.factorial(k) * (k + 2))
        return xp.where(near, series, 2.0 * (xp.exp(outer) * (outer - 1.0) + 1.0) / outer**2)

    s = special
    return {
        "hyp1f1": hyp1f1,
        "iv": of_order_2(lambda x: s.i0(x) - 2.0 * share(s.i1(x), x)),
        "ive": of_order_2(lambda x: s.i0e(x) - 2.0 * share(s.i1e(x), x)),
        "jv": of_order_2(lambda x: 2.0 * share(s.j1(x), x) - s.j0(x)),
        "kv": of_order_2(lambda x: s.k0(x) + 2.0 * s.k1(x) / x),
        "kve": of_order_2(lambda x: s.k0e(x) + 2.0 * s.k1e(x) / x),
    }
