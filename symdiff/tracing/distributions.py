"""Densities of `scipy.stats`, for traced arguments, which SciPy does not ask.

Each row of the table is the logarithm of a density or mass in its standard form, with the shape
parameters in SciPy's order; location and scale are SciPy's: ``logpdf((x - loc) / scale) - log
scale``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from symdiff.errors import KNOWN, Untraceable
from symdiff.tracing.plain_functions import special
from symdiff.tracing.traced import TracedArray

__all__ = ["DISTRIBUTIONS"]

_gammaln = special("gammaln")


def _beta(a: Any, b: Any) -> Any:
    """Return the logarithm of the beta function."""
    return _gammaln(a) + _gammaln(b) - _gammaln(a + b)


def _on(support: Any, x: Any) -> Any:
    """Return a log-density where there is one: elsewhere it is -inf, with slope 0."""
    return np.where(support, x, -np.inf)


def _t(z: Any, df: Any) -> Any:
    constant = _gammaln((df + 1) / 2) - _gammaln(df / 2) - np.log(df * math.pi) / 2
    return constant - (df + 1) / 2 * np.log1p(z**2 / df)


def _gamma(z: Any, a: Any) -> Any:
    return _on(z > 0, special("xlogy")(a - 1, z) - z - _gammaln(a))


def _between(z: Any, a: Any, b: Any) -> Any:
    """Return the log-density of the beta distribution."""
    xlogy, xlog1py = special("xlogy"), special("xlog1py")
    return _on((z > 0) & (z < 1), xlogy(a - 1, z) + xlog1py(b - 1, -z) - _beta(a, b))


def _binomial(k: Any, n: Any, p: Any) -> Any:
    xlogy, xlog1py = special("xlogy"), special("xlog1py")
    ways = _gammaln(n + 1) - _gammaln(k + 1) - _gammaln(n - k + 1)
    return ways + xlogy(k, p) + xlog1py(n - k, -p)


def _failures(k: Any, n: Any, p: Any) -> Any:
    """Return the log-mass of the negative binomial distribution."""
    ways = _gammaln(k + n) - _gammaln(k + 1) - _gammaln(n)
    return ways + n * np.log(p) + special("xlog1py")(k, -p)


#: By name: the number of shape parameters, and the logarithm of the density.
_DENSITIES: dict[str, tuple[int, Callable[..., Any]]] = {
    "norm": (0, lambda z: -(z**2) / 2 - math.log(2 * math.pi) / 2),
    "expon": (0, lambda z: _on(z >= 0, -z)),
    "laplace": (0, lambda z: -np.abs(z) - math.log(2)),
    "logistic": (0, lambda z: -z - 2 * np.logaddexp(0, -z)),
    "cauchy": (0, lambda z: -np.log1p(z**2) - math.log(math.pi)),
    "gumbel_r": (0, lambda z: -z - np.exp(-z)),
    "halfnorm": (0, lambda z: _on(z >= 0, -(z**2) / 2 + math.log(2 / math.pi) / 2)),
    "rayleigh": (0, lambda z: _on(z > 0, np.log(z) - z**2 / 2)),
    "t": (1, _t),
    "gamma": (1, _gamma),
    "chi2": (1, lambda z, df: _gamma(z / 2, df / 2) - math.log(2)),
    "invgamma": (1, lambda z, a: _on(z > 0, -(a + 1) * np.log(z) - 1 / z - _gammaln(a))),
    "lognorm": (
        1,
        lambda z, s: _on(
            z > 0, -((np.log(z) / s) ** 2) / 2 - np.log(s * z) - math.log(2 * math.pi) / 2
        ),
    ),
    "pareto": (1, lambda z, b: _on(z >= 1, np.log(b) - (b + 1) * np.log(z))),
    "weibull_min": (
        1,
        lambda z, c: _on(z > 0, np.log(c) + special("xlogy")(c - 1, z) - z**c),
    ),
    "beta": (2, _between),
}
#: The same of masses, which have no scale, at whole numbers of their range.
_MASSES: dict[str, tuple[int, Callable[..., Any]]] = {
    "poisson": (1, lambda k, mu: special("xlogy")(k, mu) - mu - _gammaln(k + 1)),
    "binom": (2, _binomial),
    "bernoulli": (1, lambda k, p: _binomial(k, 1, p)),
    "geom": (1, lambda k, p: special("xlog1py")(k - 1, -p) + np.log(p)),
    "nbinom": (2, _failures),
}
#: Distribution functions: by name those of the standard form.
_CUMULATED: dict[str, dict[str, Callable[..., Any]]] = {
    "norm": {
        "cdf": lambda z: special("ndtr")(z),
        "logcdf": lambda z: special("log_ndtr")(z),
        "sf": lambda z: special("ndtr")(-z),
        "logsf": lambda z: special("log_ndtr")(-z),
    },
    "expon": {
        "cdf": lambda z: np.where(z > 0, -np.expm1(-z), 0.0),
        "sf": lambda z: np.where(z > 0, np.exp(-z), 1.0),
        "logsf": lambda z: np.where(z > 0, -z, 0.0),
    },
    "logistic": {
        "cdf": lambda z: 1 / (1 + np.exp(-z)),
        "sf": lambda z: 1 / (1 + np.exp(z)),
    },
    "weibull_min": {
        "cdf": lambda z, c: np.where(z > 0, -np.expm1(-(z**c)), 0.0),
        "sf": lambda z, c: np.where(z > 0, np.exp(-(z**c)), 1.0),
        "logsf": lambda z, c: np.where(z > 0, -(z**c), 0.0),
    },
}


class _Distribution:
    """A distribution of SciPy's, or a frozen one, of which some functions are known."""

    def __init__(self, name: str, args: tuple[Any, ...] = (), **keywords: Any) -> None:
        self._name, self._args, self._keywords = name, args, keywords

    def __call__(self, *args: Any, **keywords: Any) -> _Distribution:
        return _Distribution(self._name, args, **keywords)

    def __getattr__(self, function: str) -> Any:
        cumulated = _CUMULATED.get(self._name, {})
        count, density = _DENSITIES.get(self._name) or _MASSES[self._name]
        ending = "pdf" if self._name in _DENSITIES else "pmf"
        if function not in (ending, f"log{ending}", *cumulated, "ppf") or (
            function == "ppf" and self._name != "norm"
        ):
            raise Untraceable(
                f"scipy.stats.{self._name}.{function}: not known to the symbolic tracer; {KNOWN}"
            )

        def value(x: Any, *args: Any, **keywords: Any) -> Any:
            shapes, loc, scale = self._parameters(count, args, keywords)
            if function == "ppf":
                return loc + scale * special("ndtri")(x)
            if self._name in _MASSES:
                self._check_whole(x)
            z = (x - loc) / scale
            if function in cumulated:
                return cumulated[function](z, *shapes)
            logarithm = density(z, *shapes) - np.log(scale)
            return logarithm if function.startswith("log") else np.exp(logarithm)

        return value

    def _check_whole(self, k: Any) -> None:
        """Refuse numbers of events at which a mass is no function of its parameters alone."""
        least = 1 if self._name == "geom" else 0
        if isinstance(k, TracedArray) or np.any(np.less(k, least) | (np.rint(k) != k)):
            raise Untraceable(
                f"scipy.stats.{self._name}: masses are traceable at whole numbers from {least} on "
                "that are no arguments"
            )

    def _parameters(
        self, count: int, args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[list[Any], Any, Any]:
        """Return shape parameters, location and scale."""
        import scipy.stats

        shapes = getattr(scipy.stats, self._name).shapes
        order = [*(shapes.split(", ") if shapes else ()), "loc", "scale"]
        given = {**dict(zip(order, self._args or args, strict=False)), **self._keywords, **keywords}
        given = {"loc": 0.0, "scale": 1.0, **given}
        if set(given) != set(order):
            raise TypeError(
                f"scipy.stats.{self._name}: its parameters are {', '.join(order)}, and "
                f"{', '.join(map(str, given))} arrived"
            )
        return [given[name] for name in order[:count]], given["loc"], given["scale"]


class _MultivariateNormal:
    """The normal distribution of vectors, as `scipy.stats.multivariate_normal` has it."""

    def __init__(self, mean: Any = None, cov: Any = 1.0) -> None:
        self._mean, self._cov = mean, cov

    def __call__(self, mean: Any = None, cov: Any = 1.0, **_: Any) -> _MultivariateNormal:
        return _MultivariateNormal(mean, cov)

    def __getattr__(self, function: str) -> Any:
        raise Untraceable(
            f"scipy.stats.multivariate_normal.{function}: not known to the symbolic tracer; {KNOWN}"
        )

    def logpdf(self, x: Any, mean: Any = None, cov: Any = None, **_: Any) -> Any:
        mean, cov = self._mean if mean is None else mean, self._cov if cov is None else cov
        n = x.shape[-1] if np.ndim(x) else 1
        cov = cov * np.eye(n) if np.ndim(cov) == 0 else cov
        cov = np.diag(cov) if np.ndim(cov) == 1 else cov
        d = x if mean is None else x - mean
        d = np.reshape(d, (1,)) if not np.ndim(d) else d
        whitened = np.linalg.solve(cov, d.T).T
        square = np.sum(d * whitened, axis=-1)
        return -(square + np.linalg.slogdet(cov)[1] + n * math.log(2 * math.pi)) / 2

    def pdf(self, x: Any, mean: Any = None, cov: Any = None, **more: Any) -> Any:
        return np.exp(self.logpdf(x, mean, cov, **more))


DISTRIBUTIONS: dict[str, Any] = {
    **{f"scipy.stats.{name}": _Distribution(name) for name in (*_DENSITIES, *_MASSES)},
    "scipy.stats.multivariate_normal": _MultivariateNormal(),
}
