"""Functions of SciPy's that are made of NumPy's, for traced arguments, which SciPy does not ask."""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
import sys
import types
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from symdiff.errors import KNOWN, Untraceable
from symdiff.tracing.catching import RAISING, check_not_caught
from symdiff.tracing.copies import copied
from symdiff.tracing.distributions import DISTRIBUTIONS
from symdiff.tracing.plain_functions import (
    ALWAYS,
    PLAIN_STAND_INS,
    are_numbers,
    constant_array,
    holds_traced,
    joined,
)
from symdiff.tracing.traced import TracedArray

__all__ = ["STAND_INS", "expm", "with_scipy"]

_T = TypeVar("_T")


# scipy.special ------------------------------------------------------------------------------------


def _logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    """Return the logarithm of the sum of exponentials."""
    if b is not None:
        if isinstance(b, TracedArray) or not np.all(np.asarray(b) > 0):
            raise Untraceable("scipy.special.logsumexp(b=...): traceable with positive numbers")
        a = a + np.log(b)
    axes = None if axis is None else axis
    return np.log(np.sum(np.exp(a), axis=axes, keepdims=keepdims))


def _log_softmax(x: Any, axis: Any = None) -> Any:
    return x - _logsumexp(x, axis=axis, keepdims=True)


def _polygamma(n: Any, x: Any) -> Any:
    """Return a derivative of digamma."""
    import scipy.special

    if not isinstance(n, (int, np.integer)):
        raise Untraceable("scipy.special.polygamma: traceable with a whole number as order")
    if n == 0:
        return scipy.special.psi(x)
    return (-1) ** (n + 1) * math.factorial(n) * scipy.special.zeta(n + 1, x)


def _multigammaln(a: Any, d: int) -> Any:
    """Return the logarithm of the multivariate gamma function."""
    import scipy.special

    shifts = [scipy.special.gammaln(a - j / 2) for j in range(d)]
    return d * (d - 1) / 4 * math.log(math.pi) + sum(shifts[1:], shifts[0])


# scipy.linalg -------------------------------------------------------------------------------------


def expm(A: Any) -> Any:
    """Return the exponential of a matrix, by the strategy that knows it."""
    return A.call_function(expm, (A,), {})


expm.__module__ = "scipy.linalg"


def _cholesky(
    a: Any, lower: bool = False, overwrite_a: Any = None, check_finite: Any = None
) -> Any:
    return np.linalg.cholesky(a) if lower else np.linalg.cholesky(a.T).T


def _cho_factor(a: Any, lower: bool = False, **_: Any) -> tuple[Any, bool]:
    return _cholesky(a, lower), lower


def _cho_solve(c_and_lower: Any, b: Any, **_: Any) -> Any:
    c, lower = c_and_lower
    factor = np.tril(c) if lower else np.triu(c).T
    return np.linalg.solve(factor.T, np.linalg.solve(factor, b))


def _solve(a: Any, b: Any, *_: Any, transposed: bool = False, **__: Any) -> Any:
    return np.linalg.solve(a.T if transposed else a, b)


def _solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False, **_: Any
) -> Any:
    """Return the solution of equations of which one triangle is read."""
    triangle = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        triangle = triangle - np.diag(np.diagonal(a)) + np.eye(a.shape[0])
    return np.linalg.solve(triangle.T if trans in (1, "T", 2, "C") else triangle, b)


def _eigh(a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False) -> Any:
    if b is not None:
        raise Untraceable("scipy.linalg.eigh(b=...): not traceable; multiply with the inverse of b")
    triangle: Any = "L" if lower else "U"
    if eigvals_only:
        return np.linalg.eigvalsh(a, UPLO=triangle)
    return tuple(np.linalg.eigh(a, UPLO=triangle))


def _qr(a: Any, mode: str = "full", **_: Any) -> Any:
    """Return the factors of a QR decomposition, under SciPy's names of modes."""
    if mode == "r":
        return (np.linalg.qr(a, mode="r"),)
    names: dict[str, Any] = {"full": "complete", "economic": "reduced"}
    return tuple(np.linalg.qr(a, mode=names.get(mode, mode)))


def _svd(a: Any, full_matrices: Any = True, compute_uv: Any = True, **_: Any) -> Any:
    return np.linalg.svd(a, full_matrices=full_matrices, compute_uv=compute_uv)


def _block_diag(*arrays: Any) -> Any:
    """Return matrices along the diagonal of one."""
    blocks = [np.atleast_2d(a) for a in arrays]
    rows = [
        [
            block if i == j else np.zeros((block.shape[0], other.shape[1]))
            for j, other in enumerate(blocks)
        ]
        for i, block in enumerate(blocks)
    ]
    return np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)


def _toeplitz(c: Any, r: Any = None) -> Any:
    """Return the matrix that is constant along its diagonals."""
    r = c if r is None else r
    places = np.arange(c.shape[0])[:, None] - np.arange(r.shape[0]) + r.shape[0] - 1
    return np.concatenate([r[:0:-1], c])[places]


# The rest -----------------------------------------------------------------------------------------


def _convolve(in1: Any, in2: Any, mode: str = "full", **_: Any) -> Any:
    if np.ndim(in1) != 1 or np.ndim(in2) != 1:
        raise Untraceable("scipy.signal.convolve: traceable for vectors; use windows of matrices")
    if mode == "valid" or len(in1) >= len(in2):
        return np.convolve(in1, in2, mode)  # type: ignore[call-overload]
    full = np.convolve(in1, in2)
    start = (len(in2) - 1) // 2
    return full if mode == "full" else full[start : start + len(in1)]


def _linear(name: str) -> Callable[..., Any]:
    """Return a linear function along an axis: SciPy's, of the unit vectors, is its matrix."""
    module, _, function = name.rpartition(".")

    def linear(*args: Any, **keywords: Any) -> Any:
        of = sys.modules[module]
        bound = inspect.signature(getattr(of, function)).bind(*args, **keywords)
        first = next(key for key, x in bound.arguments.items() if isinstance(x, TracedArray))
        y = bound.arguments.pop(first)
        others = bound.arguments
        if any(holds_traced(x) for x in others.values()):
            raise Untraceable(f"{name}: traceable with numbers as all arguments but {first!r}")
        axis = others.pop("axis", None)
        axis = bound.signature.parameters["axis"].default if axis is None else axis
        matrix = getattr(of, function)(**{**others, first: np.eye(y.shape[axis]), "axis": -1})
        result = np.moveaxis(y, axis, -1) @ matrix
        return result if np.ndim(matrix) == 1 else np.moveaxis(result, -1, axis)

    return linear


def _cdist(XA: Any, XB: Any, metric: str = "euclidean") -> Any:
    """Return the distances of the rows of two matrices."""
    return _metric(metric)(XA[:, None, :] - XB[None, :, :])


_METRICS: dict[str, Callable[[Any], Any]] = {
    "euclidean": lambda d: np.sqrt(np.sum(d**2, axis=-1)),
    "sqeuclidean": lambda d: np.sum(d**2, axis=-1),
    "cityblock": lambda d: np.sum(np.abs(d), axis=-1),
    "chebyshev": lambda d: np.max(np.abs(d), axis=-1),
}


def _metric(name: Any) -> Callable[[Any], Any]:
    """Return a metric as a function of differences."""
    if name not in _METRICS:
        raise Untraceable(f"scipy.spatial.distance: of metrics {', '.join(_METRICS)} are traceable")
    return _METRICS[name]


def _pdist(X: Any, metric: str = "euclidean") -> Any:
    """Return the distances of the rows of a matrix, each pair once."""
    i, j = np.triu_indices(X.shape[0], 1)
    return _metric(metric)(X[i] - X[j])


def _entropy(pk: Any, qk: Any = None, base: Any = None, axis: int = 0) -> Any:
    """Return the entropy of weights, or the divergence of two."""
    import scipy.special

    p = pk / np.sum(pk, axis=axis, keepdims=True)
    if qk is None:
        terms = scipy.special.entr(p)
    else:
        terms = scipy.special.rel_entr(p, qk / np.sum(qk, axis=axis, keepdims=True))
    total = np.sum(terms, axis=axis)
    return total if base is None else total / np.log(base)


def _zscore(a: Any, axis: Any = 0, ddof: int = 0) -> Any:
    centred = a - np.mean(a, axis=axis, keepdims=True)
    return centred / np.std(a, axis=axis, ddof=ddof, keepdims=True)


def _rosen(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2.0) ** 2.0 + (1 - x[:-1]) ** 2.0, axis=0)


#: Linear in one argument, along an axis.
_LINEAR = (
    *(f"scipy.integrate.{name}" for name in ("simpson", "romb", "cumulative_trapezoid")),
    *(f"scipy.signal.{name}" for name in ("lfilter", "filtfilt", "savgol_filter", "detrend")),
    *(f"scipy.ndimage.{name}" for name in ("gaussian_filter1d", "uniform_filter1d", "convolve1d")),
    *(f"scipy.fft.{name}" for name in ("dct", "idct", "dst", "idst")),
)
#: By the name that users write.
STAND_INS: dict[str, Any] = {
    "scipy.special.logsumexp": _logsumexp,
    "scipy.special.softmax": lambda x, axis=None: np.exp(_log_softmax(x, axis)),
    "scipy.special.log_softmax": _log_softmax,
    "scipy.special.polygamma": _polygamma,
    "scipy.special.multigammaln": _multigammaln,
    "scipy.linalg.expm": expm,
    "scipy.linalg.inv": lambda a, *_, **__: np.linalg.inv(a),
    "scipy.linalg.pinv": lambda a, **_: np.linalg.pinv(a),
    "scipy.linalg.det": lambda a, *_, **__: np.linalg.det(a),
    "scipy.linalg.solve": _solve,
    "scipy.linalg.solve_triangular": _solve_triangular,
    "scipy.linalg.cholesky": _cholesky,
    "scipy.linalg.cho_factor": _cho_factor,
    "scipy.linalg.cho_solve": _cho_solve,
    "scipy.linalg.eigh": _eigh,
    "scipy.linalg.eigvalsh": lambda a, b=None, lower=True, **_: _eigh(
        a, b, lower=lower, eigvals_only=True
    ),
    "scipy.linalg.svd": _svd,
    "scipy.linalg.svdvals": lambda a, *_, **__: np.linalg.svdvals(a),
    "scipy.linalg.qr": _qr,
    "scipy.linalg.lstsq": lambda a, b, *_, **__: tuple(np.linalg.lstsq(a, b)),
    "scipy.linalg.norm": lambda a, ord=None, axis=None, keepdims=False, check_finite=True: (
        np.linalg.norm(a, ord, axis, keepdims)
    ),
    "scipy.linalg.block_diag": _block_diag,
    "scipy.linalg.toeplitz": _toeplitz,
    "scipy.signal.convolve": _convolve,
    "scipy.signal.fftconvolve": _convolve,
    "scipy.integrate.trapezoid": np.trapezoid,
    "scipy.optimize.rosen": _rosen,
    "scipy.spatial.distance.cdist": _cdist,
    "scipy.spatial.distance.pdist": _pdist,
    "scipy.spatial.distance.euclidean": lambda u, v: np.linalg.norm(u - v),
    "scipy.spatial.distance.sqeuclidean": lambda u, v: np.sum((u - v) ** 2),
    "scipy.spatial.distance.cityblock": lambda u, v: np.sum(np.abs(u - v)),
    "scipy.spatial.distance.cosine": lambda u, v: (
        1 - u @ v / (np.linalg.norm(u) * np.linalg.norm(v))
    ),
    "scipy.stats.entropy": _entropy,
    "scipy.stats.zscore": _zscore,
    **{name: _linear(name) for name in _LINEAR},
    **DISTRIBUTIONS,
}
_ALL: Mapping[str, Any] = ChainMap(STAND_INS, PLAIN_STAND_INS)


#: What is called by a name of NumPy's, and modules of which that holds.
_CALLED = (type(np.sum), types.FunctionType, np.ufunc, types.ModuleType)


class _StandIn:
    """A module or an object of SciPy's, of which some attributes have stand-ins."""

    def __init__(self, original: Any, name: str) -> None:
        self._original, self._name = original, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        ours = _ALL.get(self._name)
        always = self._name in ALWAYS or self._name in DISTRIBUTIONS
        traced = always or holds_traced((*args, *kwargs.values()))
        if self._name.startswith("math.") and traced:
            check_not_caught(self._name, ValueError, OverflowError)
        elif self._name.startswith("scipy.linalg.") and traced and self._name[13:] in RAISING:
            check_not_caught(self._name, np.linalg.LinAlgError)
        if callable(ours) and traced:
            return ours(*args, **kwargs)
        # A list of numbers is an array to all functions of NumPy's.
        given = [joined(x) if are_numbers(x) else x for x in args]
        return self._original(*given, **kwargs)

    def __getitem__(self, key: Any) -> Any:
        ours = _ALL[self._name] if holds_traced((key,)) else self._original
        return ours[key]

    def __getattr__(self, name: str) -> Any:
        inner, dotted = getattr(self._original, name), f"{self._name}.{name}"
        if dotted in _ALL or any(known.startswith(f"{dotted}.") for known in _ALL):
            return _StandIn(inner, dotted)
        owner = _ALL.get(self._name)
        if owner is None and dotted.startswith("numpy.") and isinstance(inner, _CALLED):
            return _StandIn(inner, dotted)
        if owner is None or not callable(inner):
            return inner
        return lambda *args, **kwargs: getattr(
            owner if holds_traced((*args, *kwargs.values())) else self._original, name
        )(*args, **kwargs)


def _in_place_of(x: Any) -> Any:
    """Return the stand-in for a part of SciPy or what takes numbers, anything else unchanged."""
    if isinstance(x, types.ModuleType):
        named = x.__name__ == "scipy" or any(n.startswith(f"{x.__name__}.") for n in _ALL)
        return _StandIn(x, x.__name__) if named else x
    for dotted in _ALL:
        module, _, name = dotted.rpartition(".")
        if module in sys.modules and getattr(sys.modules[module], name, None) is x:
            return _StandIn(x, dotted)
    return x


def _called_in_scipy(error: BaseException) -> str:
    """Return the function of SciPy's in which an error came up, as users write it; or nothing."""
    entry, found = error.__traceback__, ""
    while entry is not None:
        frame = entry.tb_frame
        module = frame.f_globals.get("__name__", "")
        if module.startswith("scipy."):
            wrapped = frame.f_locals.get("f")  # of a wrapper
            own = getattr(wrapped, "__module__", None) or module
            public = ".".join(part for part in own.split(".") if not part.startswith("_"))
            name = getattr(wrapped, "__name__", frame.f_code.co_name)
            if hasattr(sys.modules.get(public), name):
                return f"{public}.{name}"
            found = found or public
        entry = entry.tb_next
    return found


def _with_arrays(x: Any) -> Any:
    """Return the stand-in of a value, of an array of floats one that may be written into."""
    return constant_array(x) if isinstance(x, np.ndarray) else _in_place_of(x)


def with_scipy(trace: Callable[[Callable[..., Any]], _T], f: Callable[..., Any]) -> _T:
    """Return a traced function; what would make numbers of it is called by its stand-in."""
    try:
        return trace(f)
    except (TypeError, ValueError, AttributeError) as error:
        first = None if _called_in_scipy(error) else error
    try:
        return trace(copied(f, _in_place_of))
    except (TypeError, ValueError, AttributeError) as error:
        name, last = _called_in_scipy(error), error
    if "NumPy array" in str(last):

        @functools.wraps(f)
        def whole(*args: Any, **keywords: Any) -> Any:
            return copied(f, _with_arrays)(*args, **keywords)

        with contextlib.suppress(TypeError, ValueError, AttributeError):
            return trace(whole)
    if isinstance(last, Untraceable):
        raise last
    if first is not None:
        # In the words for the function as it stands.
        raise first
    if not name:
        raise last
    raise Untraceable(f"{name}: not known to the symbolic tracer; {KNOWN}") from last
