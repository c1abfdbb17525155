"""Distributions of vectors."""

import math
from typing import Any

import numpy as np
import scipy.special as sp

from autodiff.core.primitive import Array
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import add, has_tensor
from autodiff.scipy.stats.distribution import Answer

__all__ = ["dirichlet", "multivariate_normal"]


def _squeezed(out: Array) -> Array:
    """Return a result without axes of length 1, as SciPy does."""
    kept = tuple(n for n in np.shape(out) if n != 1)
    return np.reshape(out, kept) if kept else np.reshape(out, (-1,))[0]


class _MultivariateNormal(Answer):
    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Array:
        """As ``scipy.stats.multivariate_normal.logpdf``, of matrices that are not singular."""
        if not has_tensor((x, mean, cov)):
            return self._scipys.logpdf(x, mean, cov, allow_singular)
        x, cov = as_array(x), as_array(cov)
        mean = None if mean is None else np.atleast_1d(as_array(mean))
        # As in SciPy: without a mean only a matrix says how many numbers a vector has.
        size = (
            np.shape(mean)[0] if mean is not None else np.shape(cov)[0] if np.ndim(cov) > 1 else 1
        )
        if np.ndim(cov) == 0:
            cov = cov * np.eye(size)
        elif np.ndim(cov) == 1:
            cov = cov[:, None] * np.eye(size)
        if np.ndim(x) == 0:
            x = np.reshape(x, (1,))
        elif np.ndim(x) == 1:
            x = x[:, None] if size == 1 else x[None, :]
        away = x if mean is None else x - mean
        factor = np.linalg.cholesky(cov)
        scaled = np.linalg.solve(factor, np.swapaxes(np.reshape(away, (-1, size)), 0, 1))
        squares = np.reshape(np.sum(scaled**2, axis=0), np.shape(away)[:-1])
        half_log = np.sum(np.log(np.diagonal(factor)))
        out = -0.5 * (size * math.log(2.0 * math.pi) + squares) - half_log
        return _squeezed(out)

    def pdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Array:
        """As ``scipy.stats.multivariate_normal.pdf``, of matrices that are not singular."""
        if not has_tensor((x, mean, cov)):
            return self._scipys.pdf(x, mean, cov, allow_singular)
        return np.exp(self.logpdf(x, mean, cov, allow_singular))


class _Dirichlet(Answer):
    def logpdf(self, x: Any, alpha: Any) -> Array:
        """As ``scipy.stats.dirichlet.logpdf``."""
        if not has_tensor((x, alpha)):
            return self._scipys.logpdf(x, alpha)
        x, alpha = as_array(x), as_array(alpha)
        if np.shape(x)[0] + 1 == np.shape(alpha)[0]:
            x = np.concatenate([x, 1.0 - np.sum(x, axis=0, keepdims=True)])
        if np.shape(x)[0] != np.shape(alpha)[0]:
            raise ValueError(
                "Vector 'x' must have either the same number of entries as, or one entry fewer "
                f"than, parameter vector 'a', but alpha.shape = {np.shape(alpha)} and x.shape = "
                f"{np.shape(x)}."
            )
        if np.any(x < 0) or np.any(np.abs(np.sum(x, axis=0) - 1.0) > 1e-9):
            raise ValueError("The input vector 'x' must lie within the normal simplex.")
        total = np.sum(sp.gammaln(alpha)) - sp.gammaln(np.sum(alpha))
        weights = np.reshape(alpha - 1.0, (-1, *(1,) * (np.ndim(x) - 1)))
        return _squeezed(np.sum(sp.xlogy(weights, x), axis=0) - total)

    def pdf(self, x: Any, alpha: Any) -> Array:
        """As ``scipy.stats.dirichlet.pdf``."""
        if not has_tensor((x, alpha)):
            return self._scipys.pdf(x, alpha)
        return np.exp(self.logpdf(x, alpha))


multivariate_normal = add(
    "scipy.stats.multivariate_normal",
    _MultivariateNormal("multivariate_normal"),
    limits="`logpdf`, `pdf`; of covariances that are not singular",
)
dirichlet = add("scipy.stats.dirichlet", _Dirichlet("dirichlet"), limits="`logpdf`, `pdf`")
