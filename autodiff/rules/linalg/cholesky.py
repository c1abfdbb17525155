"""The rule of the Cholesky factorisation.

Source: Murray, Differentiation of the Cholesky decomposition (2016), equations 8 to 10; with the
conjugate transpose in place of the transpose it holds for complex matrices.
"""

from typing import Any

import numpy as np

from autodiff.core.batching import stacked
from autodiff.core.libraries import beside
from autodiff.core.primitive import Array, general, handles
from autodiff.core.tensor import Tensor, record
from autodiff.rules.linalg.matrices import (
    conj,
    dagger,
    symmetrised,
    transposed,
    triangle_share,
)
from autodiff.rules.linalg.triangular import solve_triangular


def _lower_half(x: Array) -> Array:
    """Return the lower triangle, the diagonal halved, so that it plus its mirror image is `x`.

    A diagonal is real here, but for what a cotangent has that no tangent meets.
    """
    n = np.shape(x)[-1]
    half = np.finfo(np.result_type(x)).dtype.type(0.5)
    below = x * beside(x, np.tri(n, k=-1, dtype=bool))
    on = x * beside(x, np.eye(n, dtype=bool))
    return below + half * (np.real(on) if np.iscomplexobj(x) else on)


def _cholesky(a: Array, *, upper: bool = False) -> Array:
    if type(a) is not Tensor and hasattr(a, "map_blocks"):
        # Dask has no `upper`: it reads the lower triangle and gives the upper factor.
        factor = np.linalg.cholesky(dagger(a) if upper else a)
        return factor if upper else dagger(factor)
    return np.linalg.cholesky(a, upper=True) if upper else np.linalg.cholesky(a)


def _cholesky_vjp(g: Array, out: Array, a: Array, *, upper: bool) -> Array:
    factor, factor_bar = (dagger(out), transposed(g)) if upper else (out, conj(g))
    # The factor is lower triangular: what stands above the diagonal of its cotangent is lost.
    inner = _lower_half(np.matmul(dagger(factor), factor_bar))
    half = dagger(solve_triangular(dagger(factor), dagger(inner), lower=False))
    a_bar = solve_triangular(dagger(factor), half, lower=False)
    return triangle_share(a, upper) * symmetrised(conj(a_bar))


def _cholesky_jvp(a_dot: Array, out: Array, a: Array, *, upper: bool) -> Array:
    factor = dagger(out) if upper else out
    direction = symmetrised(triangle_share(a, upper) * a_dot)
    half = dagger(solve_triangular(factor, direction, lower=True))
    factor_dot = np.matmul(factor, _lower_half(solve_triangular(factor, half, lower=True)))
    return dagger(factor_dot) if upper else factor_dot


def _positive_definite(rng: Any, shape: tuple[int, ...]) -> list[Array]:
    # Not symmetric: along a random direction only the triangle counts that NumPy reads.
    return [rng.normal(size=shape) + 3.0 * shape[-1] * np.eye(shape[-1])]


CHOLESKY = general(
    "cholesky",
    _cholesky,
    [_cholesky_vjp],
    [_cholesky_jvp],
    examples=[
        (((1, 1),), {"upper": False}),
        (((3, 3),), {"upper": False}),
        (((3, 3),), {"upper": True}),
        (((2, 1, 3, 3),), {"upper": False}),
        (((0, 2, 2),), {"upper": True}),
        (((0, 0),), {"upper": False}),
    ],
    complex=True,
    draw=_positive_definite,
    batch=stacked(2),
)


@handles(np.linalg.cholesky)
def cholesky(a: Array, /, *, upper: bool = False) -> Array:
    """Return the triangular factor of positive definite matrices.

    NumPy reads one triangle. Elements that mirror each other share the derivative evenly; where
    they differ, the one counts that is read.
    """
    return record(CHOLESKY, (a,), {"upper": bool(upper)})
