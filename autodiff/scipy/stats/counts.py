"""Distributions of counts, which have derivatives with respect to their parameters."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as sp

from autodiff.core.primitive import Array
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import add, has_tensor
from autodiff.scipy.stats.distribution import Answer, plain_counts

__all__ = ["Counts", "bernoulli", "binom", "geom", "nbinom", "poisson"]

Formula = Callable[..., Array]


class Counts(Answer):
    """A distribution of counts, given by formulas of the count and shapes."""

    def __init__(
        self,
        name: str,
        logpmf: Formula,
        cdf: Formula,
        sf: Formula,
        *,
        valid: Formula,
        first: int = 0,
        last: Callable[..., Any] = lambda *shapes: np.inf,
    ) -> None:
        super().__init__(name)
        self._formulas: dict[str, Formula] = {
            "logpmf": logpmf,
            "pmf": lambda k, *shapes: np.exp(logpmf(k, *shapes)),
            "cdf": cdf,
            "sf": sf,
            "logcdf": lambda k, *shapes: np.log(cdf(k, *shapes)),
            "logsf": lambda k, *shapes: np.log(sf(k, *shapes)),
        }
        self._shapes = self._scipys.shapes.replace(" ", "").split(",")
        self._first, self._last, self._valid = first, last, valid

    def _method(self, method: str) -> Callable[..., Array]:
        """Return a method with SciPy's signature."""
        formula = self._formulas[method]
        #: The values below and above the support.
        outside = {
            **{"logpmf": (-np.inf, -np.inf), "pmf": (0.0, 0.0), "cdf": (0.0, 1.0)},
            **{"sf": (1.0, 0.0), "logcdf": (-np.inf, 0.0), "logsf": (0.0, -np.inf)},
        }
        names = [*self._shapes, "loc"]

        def call(k: Any, *args: Any, **kwargs: Any) -> Array:
            if not has_tensor((k, args)) and not has_tensor(kwargs):
                return getattr(self._scipys, method)(k, *args, **kwargs)
            given = {"loc": 0, **dict(zip(names, args, strict=False)), **kwargs}
            if set(given) != set(names) or len(args) > len(names):
                raise TypeError(
                    f"{self._name}.{method}: parameters {', '.join(given)} arrived; these are "
                    f"taken: {', '.join(names)}"
                )
            label = f"{self._name}.{method}"
            k = plain_counts(label, k) - plain_counts(label, given["loc"])
            shapes = [as_array(given[name]) for name in self._shapes]
            last, good = self._last(*shapes), self._valid(*shapes)
            whole = np.floor(k)
            below, above = whole < self._first, whole > last
            if method in ("cdf", "logcdf", "sf", "logsf"):
                above = whole >= last
            inner = np.logical_not(below | above)
            value = formula(np.where(inner, whole, self._first), *shapes)
            left, right = outside[method]
            value = np.where(inner, value, np.where(below, left, right))
            if method in ("pmf", "logpmf"):
                value = np.where(whole == k, value, left)
            return np.where(good & np.logical_not(np.isnan(k)), value, np.nan)

        call.__name__ = method
        call.__doc__ = f"As ``{self._name}.{method}``."
        return call


def _counts(name: str, *formulas: Any, limits: str = "", **more: Any) -> Any:
    answer = Counts(name, *formulas, **more)
    methods = ", ".join(f"`{method}`" for method in answer._formulas)
    text = f"{methods}; not with respect to counts{limits}"
    return add(f"scipy.stats.{name}", answer, limits=text)


def _probability(p: Array) -> Array:
    return (p >= 0) & (p <= 1)


def _choices(n: Array, k: Array) -> Array:
    """Return the logarithm of the binomial coefficient."""
    return sp.gammaln(n + 1.0) - (sp.gammaln(k + 1.0) + sp.gammaln(n - k + 1.0))


def _binomial(k: Array, n: Array, p: Array) -> Array:
    return _choices(n, k) + sp.xlogy(k, p) + sp.xlog1py(n - k, -p)


poisson = _counts(
    "poisson",
    lambda k, mu: sp.xlogy(k, mu) - sp.gammaln(k + 1.0) - mu,
    lambda k, mu: sp.pdtr(k, mu),
    lambda k, mu: sp.pdtrc(k, mu),
    valid=lambda mu: mu >= 0,
)
binom = _counts(
    "binom",
    _binomial,
    lambda k, n, p: sp.betaincc(k + 1.0, n - k, p),
    lambda k, n, p: sp.betainc(k + 1.0, n - k, p),
    valid=lambda n, p: (n >= 0) & (n == np.floor(n)) & _probability(p),
    last=lambda n, p: n,
    limits="; `cdf` and `sf` not to n",
)
bernoulli = _counts(
    "bernoulli",
    lambda k, p: sp.xlogy(k, p) + sp.xlog1py(1.0 - k, -p),
    lambda k, p: 1.0 - p + 0.0 * k,
    lambda k, p: p + 0.0 * k,
    valid=_probability,
    last=lambda p: 1,
)
nbinom = _counts(
    "nbinom",
    lambda k, n, p: (
        sp.gammaln(n + k) - sp.gammaln(k + 1.0) - sp.gammaln(n) + n * np.log(p) + sp.xlog1py(k, -p)
    ),
    lambda k, n, p: sp.betainc(n, k + 1.0, p),
    lambda k, n, p: sp.betaincc(n, k + 1.0, p),
    valid=lambda n, p: (n > 0) & (p > 0) & (p <= 1),
    limits="; `cdf` and `sf` not to n",
)
geom = _counts(
    "geom",
    lambda k, p: sp.xlog1py(k - 1.0, -p) + np.log(p),
    lambda k, p: -np.expm1(np.log1p(-p) * k),
    lambda k, p: np.exp(np.log1p(-p) * k),
    valid=lambda p: (p > 0) & (p <= 1),
    first=1,
)
