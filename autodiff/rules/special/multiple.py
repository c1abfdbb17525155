"""Functions of scipy.special with several results, each of which is an entry of its own.

Source: NIST Digital Library of Mathematical Functions, 6.2, 7.2(iii), 9.2, 10.43 and 22.13; the
Jacobian elliptic functions with respect to the parameter by the inverse of the elliptic integral.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special as sp

from autodiff.core.batching import broadcast
from autodiff.core.libraries import by_parts, elsewhere
from autodiff.core.primitive import TUPLES, Array, Primitive, Rule, general
from autodiff.core.tensor import Tensor, record
from autodiff.rules.elementwise_rules import unbroadcast
from autodiff.rules.special.elliptic import ellipkinc_by_parameter

Interval = tuple[float, float]
_POSITIVE = (0.4, 3.0)


def _results(ufunc: np.ufunc, *xs: Array) -> Sequence[Array]:
    """Return the results of a function, of Dask's arrays part by part: it has no such functions."""
    blocks: Any = next((x for x in map(elsewhere, xs) if hasattr(x, "map_blocks")), None)
    if blocks is None or any(type(x) is Tensor for x in xs):
        return tuple(ufunc(*xs))
    return [by_parts(lambda *parts, i=i: ufunc(*parts)[i], xs) for i in range(ufunc.nout)]


def _result(
    ufunc: np.ufunc, which: int, label: str, partials: Sequence[Rule], domain: Sequence[Interval]
) -> Primitive:
    """Return the entry of one result, by its partial derivatives ``partial(out, *operands)``."""

    def function(*xs: Array) -> Array:
        if any(type(x) is Tensor for x in xs):
            return record(entry, xs)
        return _results(ufunc, *xs)[which]

    def vjp(argnum: int) -> Rule:
        return lambda g, out, *xs: unbroadcast(g * partials[argnum](out, *xs), np.shape(xs[argnum]))

    def jvp(argnum: int) -> Rule:
        return lambda x_dot, out, *xs: x_dot * partials[argnum](out, *xs)

    shapes: list[Any] = [((),), ((3,),), ((2, 1, 3),)]
    if len(partials) == 2:
        shapes = [((), ()), ((3,), (2, 3)), ((2, 3), ())]
    entry = general(
        f"{ufunc.__name__}.{label}",
        function,
        [vjp(i) for i in range(len(partials))],
        [jvp(i) for i in range(len(partials))],
        domain=domain,
        examples=[(s, {}) for s in shapes],
        batch=broadcast,
    )
    return entry


def _several(ufunc: np.ufunc, domain: Sequence[Interval], **results: Sequence[Rule]) -> None:
    """Let a function answer tensors with a tuple of entries, one for each labelled result."""
    entries = [
        _result(ufunc, i, label, partials, domain)
        for i, (label, partials) in enumerate(results.items())
    ]
    TUPLES[ufunc] = lambda *operands: tuple(record(entry, operands) for entry in entries)


_several(
    sp.sici,
    [_POSITIVE],
    Si=[lambda out, x: np.sinc(x / math.pi)],
    Ci=[lambda out, x: np.cos(x) / x],
)
_several(
    sp.shichi,
    [_POSITIVE],
    # sinh(x)/x, without 0/0.
    Shi=[lambda out, x: 0.5 * (sp.exprel(x) + sp.exprel(-x))],
    Chi=[lambda out, x: np.cosh(x) / x],
)
_several(
    sp.fresnel,
    [_POSITIVE],
    S=[lambda out, x: np.sin(0.5 * math.pi * x * x)],
    C=[lambda out, x: np.cos(0.5 * math.pi * x * x)],
)
_several(
    sp.airy,
    [(-3.0, 2.0)],
    Ai=[lambda out, x: _results(sp.airy, x)[1]],
    Aip=[lambda out, x: x * _results(sp.airy, x)[0]],
    Bi=[lambda out, x: _results(sp.airy, x)[3]],
    Bip=[lambda out, x: x * _results(sp.airy, x)[2]],
)
_several(
    sp.itj0y0,
    [_POSITIVE],
    J0=[lambda out, x: sp.j0(x)],
    Y0=[lambda out, x: sp.y0(x)],
)
_several(
    sp.iti0k0,
    [_POSITIVE],
    I0=[lambda out, x: sp.i0(x)],
    K0=[lambda out, x: sp.k0(x)],
)


def _amplitude_by_parameter(u: Array, m: Array) -> Array:
    """Return the derivative of the amplitude, whose elliptic integral of the first kind is u."""
    _, _, dn, amplitude = _results(sp.ellipj, u, m)
    return -ellipkinc_by_parameter(amplitude, m) * dn


def _dn_by_parameter(out: Array, u: Array, m: Array) -> Array:
    sn, cn, _, _ = _results(sp.ellipj, u, m)
    return -0.5 * sn * (sn + 2.0 * m * cn * _amplitude_by_parameter(u, m)) / out


_several(
    sp.ellipj,
    [(0.3, 2.5), (0.2, 0.8)],
    sn=[
        lambda out, u, m: _results(sp.ellipj, u, m)[1] * _results(sp.ellipj, u, m)[2],
        lambda out, u, m: _results(sp.ellipj, u, m)[1] * _amplitude_by_parameter(u, m),
    ],
    cn=[
        lambda out, u, m: -_results(sp.ellipj, u, m)[0] * _results(sp.ellipj, u, m)[2],
        lambda out, u, m: -_results(sp.ellipj, u, m)[0] * _amplitude_by_parameter(u, m),
    ],
    dn=[
        lambda out, u, m: -m * _results(sp.ellipj, u, m)[0] * _results(sp.ellipj, u, m)[1],
        _dn_by_parameter,
    ],
    ph=[
        lambda out, u, m: _results(sp.ellipj, u, m)[2],
        lambda out, u, m: _amplitude_by_parameter(u, m),
    ],
)
