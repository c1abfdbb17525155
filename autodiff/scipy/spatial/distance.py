"""Distances between points: functions of `scipy.spatial.distance` for tensors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as sp

from autodiff.core.primitive import Array
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import refused, stands_for

__all__ = [
    *("braycurtis", "canberra", "cdist", "chebyshev", "cityblock", "correlation", "cosine"),
    *("euclidean", "jensenshannon", "mahalanobis", "minkowski", "pdist", "seuclidean"),
    *("sqeuclidean", "squareform"),
]

#: A distance along the last axis: ``metric(x, y, **parameters)``.
Metric = Callable[..., Array]


def _weighted(x: Array, w: Any) -> Array:
    return np.sum(x if w is None else x * as_array(w), axis=-1)


def _squares(x: Array, y: Array, w: Any = None) -> Array:
    return _weighted((x - y) ** 2, w)


def _euclidean(x: Array, y: Array, w: Any = None) -> Array:
    # The rule of the norm knows what to do where two points are one.
    apart = x - y if w is None else (x - y) * np.sqrt(as_array(w))
    return np.linalg.norm(apart, axis=-1)


def _minkowski(x: Array, y: Array, p: Any = 2, w: Any = None) -> Array:
    if p in (1, 2, np.inf) and w is None:
        return {1: _cityblock, 2: _euclidean, np.inf: _chebyshev}[p](x, y)
    return _weighted(np.abs(x - y) ** p, w) ** (1.0 / p)


def _cityblock(x: Array, y: Array, w: Any = None) -> Array:
    return _weighted(np.abs(x - y), w)


def _chebyshev(x: Array, y: Array, w: Any = None) -> Array:
    apart = np.abs(x - y)
    return np.max(apart if w is None else np.where(as_array(w) > 0, apart, 0.0), axis=-1)


def _cosine(x: Array, y: Array, w: Any = None) -> Array:
    return 1.0 - _weighted(x * y, w) / np.sqrt(_weighted(x * x, w) * _weighted(y * y, w))


def _correlation(x: Array, y: Array, w: Any = None) -> Array:
    if w is not None:
        w = as_array(w) / np.sum(w)
        means = [np.sum(z * w, axis=-1, keepdims=True) for z in (x, y)]
    else:
        means = [np.mean(z, axis=-1, keepdims=True) for z in (x, y)]
    return _cosine(x - means[0], y - means[1], w)


def _ratio(above: Array, below: Array) -> Array:
    """Return a quotient, 0 where both are 0."""
    none = below == 0
    return np.where(none, 0.0, above / np.where(none, 1.0, below))


def _canberra(x: Array, y: Array, w: Any = None) -> Array:
    return _weighted(_ratio(np.abs(x - y), np.abs(x) + np.abs(y)), w)


def _braycurtis(x: Array, y: Array, w: Any = None) -> Array:
    return _weighted(np.abs(x - y), w) / _weighted(np.abs(x + y), w)


def _mahalanobis(x: Array, y: Array, VI: Any) -> Array:
    apart = x - y
    return np.sqrt(np.sum(np.matmul(apart, as_array(VI)) * apart, axis=-1))


def _seuclidean(x: Array, y: Array, V: Any) -> Array:
    return np.sqrt(np.sum((x - y) ** 2 / as_array(V), axis=-1))


def _jensenshannon(x: Array, y: Array) -> Array:
    x, y = (z / np.sum(z, axis=-1, keepdims=True) for z in (x, y))
    middle = (x + y) / 2.0
    both = np.sum(sp.rel_entr(x, middle), axis=-1) + np.sum(sp.rel_entr(y, middle), axis=-1)
    return np.sqrt(both / 2.0)


_METRICS: dict[str, Metric] = {
    "euclidean": _euclidean,
    "sqeuclidean": _squares,
    "minkowski": _minkowski,
    "cityblock": _cityblock,
    "chebyshev": _chebyshev,
    "cosine": _cosine,
    "correlation": _correlation,
    "canberra": _canberra,
    "braycurtis": _braycurtis,
    "mahalanobis": _mahalanobis,
    "seuclidean": _seuclidean,
    "jensenshannon": _jensenshannon,
}
_SHORT = {"l2": "euclidean", "l1": "cityblock", "manhattan": "cityblock", "cheby": "chebyshev"}
_LIMITS = f"metrics: {', '.join(f'`{name}`' for name in _METRICS)}, and functions of the user"


def _measured(name: str, metric: Any, x: Array, y: Array, given: dict[str, Any], own: Any) -> Array:
    """Return the distances of points that broadcast."""
    if callable(metric) and getattr(metric, "__module__", "").startswith("scipy."):
        metric = metric.__name__
    if callable(metric):
        rows = np.broadcast_shapes(np.shape(x)[:-1], np.shape(y)[:-1])
        pairs = [
            metric(
                np.broadcast_to(x, (*rows, np.shape(x)[-1]))[place],
                np.broadcast_to(y, (*rows, np.shape(y)[-1]))[place],
                **given,
            )
            for place in np.ndindex(*rows)
        ]
        return np.reshape(np.stack(pairs), rows) if pairs else np.zeros(rows)
    metric = _SHORT.get(str(metric).lower(), str(metric).lower())
    if metric not in _METRICS:
        raise refused(name, f"metric={metric!r}", f"these are: {', '.join(_METRICS)}")
    if metric == "seuclidean" and given.get("V") is None:
        given = {**given, "V": np.var(own(), axis=0, ddof=1)}
    if metric == "mahalanobis" and given.get("VI") is None:
        centred = np.swapaxes(own(), 0, 1)
        given = {**given, "VI": np.swapaxes(np.linalg.inv(np.cov(centred)), 0, 1)}
    return _METRICS[metric](x, y, **{k: v for k, v in given.items() if v is not None})


@stands_for("scipy.spatial.distance.cdist", limits=_LIMITS)
def cdist(XA: Array, XB: Array, metric: Any = "euclidean", **given: Any) -> Array:
    """Return the distance of each point of one set from each of another."""
    x, y = as_array(XA), as_array(XB)
    if np.ndim(x) != 2 or np.ndim(y) != 2 or np.shape(x)[1] != np.shape(y)[1]:
        raise ValueError(
            f"cdist: shapes {np.shape(x)} and {np.shape(y)} arrived; two arrays of two axes with "
            "as many columns are needed"
        )
    given.pop("out", None)
    return _measured(
        "scipy.spatial.distance.cdist",
        metric,
        x[:, None, :],
        y[None, :, :],
        given,
        lambda: np.concatenate([x, y]),
    )


@stands_for("scipy.spatial.distance.pdist", limits=_LIMITS)
def pdist(X: Array, metric: Any = "euclidean", **given: Any) -> Array:
    """Return the distances between the points of a set, each pair once."""
    x = as_array(X)
    if np.ndim(x) != 2:
        raise ValueError(f"pdist: an array of shape {np.shape(x)} arrived; two axes are needed")
    first, second = np.triu_indices(np.shape(x)[0], 1)
    given.pop("out", None)
    name = "scipy.spatial.distance.pdist"
    return _measured(name, metric, x[first], x[second], given, lambda: x)


@stands_for("scipy.spatial.distance.squareform")
def squareform(X: Array, force: str = "no", checks: bool = True) -> Array:
    """Return the matrix of distances that were given once each, or the other way round."""
    x = as_array(X)
    if (
        force.lower() in ("tomatrix", "tovector")
        and np.ndim(x) != (force.lower() == "tovector") + 1
    ):
        raise ValueError(f"Forcing {force!r} but input X has {np.ndim(x)} axes.")
    if np.ndim(x) == 2:
        n = np.shape(x)[0]
        if np.shape(x)[1] != n:
            raise ValueError("The matrix argument must be square.")
        if checks and not bool(np.all(np.equal(x, np.swapaxes(x, 0, 1)))):
            raise ValueError("Distance matrix 'X' must be symmetric.")
        return x[np.triu_indices(n, 1)]
    if np.ndim(x) != 1:
        raise ValueError(
            "The first argument must be one or two dimensional array. "
            f"A {np.ndim(x)}-dimensional array is not permitted"
        )
    pairs = np.size(x)
    n = int(np.ceil(np.sqrt(pairs * 2.0)))
    if n * (n - 1) != pairs * 2:
        if pairs:
            raise ValueError(
                "Incompatible vector size. It must be a binomial coefficient n choose 2 for some "
                "integer n >= 2."
            )
        return np.zeros((1, 1))
    # Place 0 is the diagonal.
    places = np.zeros((n, n), int)
    places[np.triu_indices(n, 1)] = np.arange(1, pairs + 1)
    return np.concatenate([np.zeros(1), x])[places + places.T]


def _between(name: str) -> Any:
    """Return the answer to a distance between two points."""
    metric = _METRICS[name]

    @stands_for(f"scipy.spatial.distance.{name}")
    def distance(u: Array, v: Array, **given: Any) -> Array:
        """Return the distance between two points."""
        return metric(as_array(u), as_array(v), **{k: x for k, x in given.items() if x is not None})

    return distance


euclidean, sqeuclidean, minkowski, cityblock, chebyshev = map(
    _between, ("euclidean", "sqeuclidean", "minkowski", "cityblock", "chebyshev")
)
cosine, correlation, canberra, braycurtis, mahalanobis, seuclidean = map(
    _between, ("cosine", "correlation", "canberra", "braycurtis", "mahalanobis", "seuclidean")
)


@stands_for("scipy.spatial.distance.jensenshannon")
def jensenshannon(
    p: Array, q: Array, base: Any = None, *, axis: int = 0, keepdims: bool = False
) -> Array:
    """Return the distance of two distributions (Endres and Schindelin 2003)."""
    x, y = np.moveaxis(as_array(p), axis, -1), np.moveaxis(as_array(q), axis, -1)
    out = _jensenshannon(x, y)
    out = out if base is None else out / np.sqrt(np.log(base))
    return np.expand_dims(out, axis) if keepdims else out
