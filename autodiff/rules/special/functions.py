"""Functions of scipy.special that are no universal functions, written for tensors.

SciPy writes these in Python, and begins each by making an array of its argument, which a tensor
refuses to become. The functions here have SciPy's signatures and hand plain arrays on to it. They
are offered as `autodiff.special`.
"""

import math
from typing import Any

import numpy as np
import scipy.special as sp

from autodiff.core.batching import broadcast, over_axes
from autodiff.core.libraries import elsewhere, of_scipy
from autodiff.core.primitive import Array, discrete, general
from autodiff.core.tensor import Tensor, record
from autodiff.rules.elementwise_rules import unbroadcast
from autodiff.rules.operands import Axis, as_array
from autodiff.rules.parameters import constant
from autodiff.rules.reductions import expanded

__all__ = ["log_softmax", "logsumexp", "multigammaln", "polygamma", "softmax"]
__all__ += ["spherical_in", "spherical_jn", "spherical_kn", "spherical_yn"]

_AXES: list[Any] = [
    (((2, 3),), {"axis": None}),
    (((2, 3, 4),), {"axis": (0, 2)}),
    (((3, 2),), {"axis": -1}),
]


def _as_floats(x: Any) -> Array:
    x = as_array(x)
    return x if x.dtype.kind == "f" else x.astype(float)


def _any_tensor(*xs: Any) -> bool:
    return any(type(x) is Tensor for x in xs)


def _largest(x: Array, *, axis: Axis) -> Array:
    """Return the largest finite element along `axis`, 0 if there is none."""
    if type(x) is Tensor:
        return record(_LARGEST, (x,), {"axis": axis})
    finite = np.where(np.isfinite(x), x, -np.inf)
    # Dask and the array API know no start; without one NumPy refuses what is empty.
    start: dict[str, Any] = {} if math.prod(np.shape(x)) else {"initial": -np.inf}
    largest = np.max(finite, axis=axis, keepdims=True, **start)
    return np.where(largest == -np.inf, 0.0, largest)


#: The shift of exponents takes no part in a derivative, in which it cancels.
_LARGEST = discrete(_largest, "special.largest", batch=over_axes)


def _share(part: Array, total: Array) -> Array:
    # Of nothing there are no shares; a part of a sum that cancels to 0 is infinitely large.
    return part / np.where((total == 0) & (part == 0), 1.0, total)


def _weighted_shares(a: Array, b: Array | None, axis: Axis) -> Array:
    """Return the share of each element of `a` in the sum.

    The shifted exponents keep the digits that exp(a - logsumexp(a)) loses where `a` is large.
    Infinite elements count alone and evenly; minus infinity counts for nothing.
    """
    if b is not None:
        # As in SciPy: what has no weight adds nothing, though it be infinite or NaN.
        a = np.where(b == 0, -np.inf, a)
    infinite = a == np.inf
    if isinstance(infinite, np.ndarray | np.bool_) and not np.count_nonzero(infinite):
        parts = np.exp(a - _largest(a, axis=axis))
    else:
        finite = np.where(infinite, -np.inf, a)
        parts = np.exp(finite - _largest(finite, axis=axis))
        among = np.any(infinite, axis=axis, keepdims=True)
        parts = np.where(among, np.where(infinite, 1.0, 0.0), parts)
    parts = parts if b is None else b * parts
    return _share(parts, np.sum(parts, axis=axis, keepdims=True))


def _shares_per_weight(a: Array, b: Array, axis: Axis) -> Array:
    """Return the derivative of the logarithm of the sum with respect to the weights."""
    used = np.where(b == 0, -np.inf, a)
    shift = _largest(used, axis=axis)
    total = np.sum(b * np.exp(used - shift), axis=axis, keepdims=True)
    return _share(np.exp(a - shift), total)


def _log_of_sum(x: Array, axis: Axis, keepdims: bool) -> Array:
    """Return the same by functions that other libraries than NumPy answer too."""
    shift = _largest(x, axis=axis)
    out = np.log(np.sum(np.exp(x - shift), axis=axis, keepdims=True)) + shift
    return out if keepdims else np.sum(out, axis=axis)


def _logsumexp(
    a: Array, b: Array | None = None, *, axis: Axis, keepdims: bool, absolute: bool
) -> Array:
    if _any_tensor(a, b):
        params = {"axis": axis, "keepdims": keepdims, "absolute": absolute}
        return record(LOGSUMEXP, (a,) if b is None else (a, b), params)
    if b is None and elsewhere(a) is not None:
        return _log_of_sum(a, axis, keepdims)
    result = sp.logsumexp(a, axis=axis, b=b, keepdims=keepdims, return_sign=absolute)
    return result[0] if absolute else result


def _sign_of_sum(a: Array, b: Array | None = None, *, axis: Axis, keepdims: bool) -> Array:
    if _any_tensor(a, b):
        operands = (a,) if b is None else (a, b)
        return record(_SIGN_OF_SUM, operands, {"axis": axis, "keepdims": keepdims})
    return sp.logsumexp(a, axis=axis, b=b, keepdims=keepdims, return_sign=True)[1]


_SIGN_OF_SUM = discrete(_sign_of_sum, "special.sign_of_sum", batch=over_axes)


def _logsumexp_vjp(
    g: Array, out: Array, a: Array, b: Any = None, *, axis: Axis, keepdims: bool, absolute: bool
) -> Array:
    return expanded(g, np.shape(a), axis, keepdims) * _weighted_shares(a, b, axis)


def _logsumexp_jvp(
    x_dot: Array, out: Array, a: Array, b: Any = None, *, axis: Axis, keepdims: bool, absolute: bool
) -> Array:
    return np.sum(x_dot * _weighted_shares(a, b, axis), axis=axis, keepdims=keepdims)


def _logsumexp_weight_vjp(
    g: Array, out: Array, a: Array, b: Array, *, axis: Axis, keepdims: bool, absolute: bool
) -> Array:
    return expanded(g, np.shape(a), axis, keepdims) * _shares_per_weight(a, b, axis)


def _logsumexp_weight_jvp(
    x_dot: Array, out: Array, a: Array, b: Array, *, axis: Axis, keepdims: bool, absolute: bool
) -> Array:
    return np.sum(x_dot * _shares_per_weight(a, b, axis), axis=axis, keepdims=keepdims)


LOGSUMEXP = general(
    "special.logsumexp",
    _logsumexp,
    [_logsumexp_vjp, _logsumexp_weight_vjp],
    [_logsumexp_jvp, _logsumexp_weight_jvp],
    draw=lambda rng, *shapes: [
        rng.uniform(low, 2.0, size=shape)[()]
        for low, shape in zip((-2.0, 0.5), shapes, strict=False)
    ],
    examples=[
        (((2, 3),), {"axis": None, "keepdims": False, "absolute": False}),
        (((2, 3, 4),), {"axis": (0, 2), "keepdims": False, "absolute": False}),
        (((2, 3),), {"axis": -1, "keepdims": True, "absolute": False}),
        (((2, 3), (2, 3)), {"axis": 0, "keepdims": False, "absolute": True}),
        (((3,), (3,)), {"axis": None, "keepdims": False, "absolute": False}),
    ],
    batch=over_axes,
)


def logsumexp(
    a: Array,
    axis: Axis = None,
    b: Array | None = None,
    keepdims: bool = False,
    return_sign: bool = False,
) -> Any:
    """Return the logarithm of a sum of exponentials, as `scipy.special.logsumexp`.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> autodiff.grad(logsumexp)(np.array([1000.0, 1000.0, -np.inf]))
    array([0.5, 0.5, 0. ])
    """
    if not _any_tensor(a, b):
        return sp.logsumexp(a, axis=axis, b=b, keepdims=keepdims, return_sign=return_sign)
    given = (a,) if b is None else (a, b)
    shape = np.broadcast_shapes(*map(np.shape, given)) or (1,)
    floats = [x if type(x) is Tensor else _as_floats(x) for x in given]
    operands = tuple(np.broadcast_to(x, shape) for x in floats)
    out = _logsumexp(*operands, axis=axis, keepdims=keepdims, absolute=return_sign)
    if not return_sign:
        return out
    return out, _sign_of_sum(*operands, axis=axis, keepdims=keepdims)


def softmax(x: Array, axis: Axis = None) -> Array:
    """Return exponentials divided by their sum, as `scipy.special.softmax`.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> autodiff.grad(lambda x: softmax(x)[0])(np.array([0.0, 0.0]))
    array([ 0.25, -0.25])
    """
    if type(x) is Tensor:
        return record(SOFTMAX, (x,), {"axis": axis})
    if elsewhere(x) is not None:
        return np.exp(log_softmax(x, axis))
    return sp.softmax(x, axis=axis)


def log_softmax(x: Array, axis: Axis = None) -> Array:
    """Return the logarithm of `softmax`, as `scipy.special.log_softmax`.

    Examples
    --------
    >>> import numpy as np, autodiff
    >>> autodiff.grad(lambda x: log_softmax(x)[0])(np.array([0.0, 0.0]))
    array([ 0.5, -0.5])
    """
    if type(x) is Tensor:
        return record(LOG_SOFTMAX, (x,), {"axis": axis})
    if elsewhere(x) is not None:
        return x - _log_of_sum(x, axis, True)
    return sp.log_softmax(x, axis=axis)


SOFTMAX = general(
    "special.softmax",
    softmax,
    [lambda g, out, x, *, axis: out * (g - np.sum(g * out, axis=axis, keepdims=True))],
    [lambda x_dot, out, x, *, axis: out * (x_dot - np.sum(x_dot * out, axis=axis, keepdims=True))],
    examples=_AXES,
    batch=over_axes,
)
LOG_SOFTMAX = general(
    "special.log_softmax",
    log_softmax,
    [lambda g, out, x, *, axis: g - softmax(x, axis) * np.sum(g, axis=axis, keepdims=True)],
    [
        lambda x_dot, out, x, *, axis: (
            x_dot - np.sum(x_dot * softmax(x, axis), axis=axis, keepdims=True)
        )
    ],
    examples=_AXES,
    batch=over_axes,
)


def polygamma(n: Array, x: Array) -> Array:
    """Return the n-th derivative of digamma, as `scipy.special.polygamma`.

    Examples
    --------
    >>> import autodiff
    >>> print(round(autodiff.grad(lambda x: polygamma(0, x))(1.0), 12))  # π²/6
    1.644934066848
    """
    if not _any_tensor(n, x):
        return sp.polygamma(n, x)
    if type(n) is Tensor:
        constant("autodiff.special.polygamma", "n")()
    order = np.asarray(n)
    sign = np.where(order % 2 == 0, -1.0, 1.0)
    value = (sign * sp.gamma(order + 1.0)) * sp.zeta(np.maximum(order, 1) + 1.0, x)
    return value if np.all(order > 0) else np.where(order == 0, sp.psi(x), value)


def multigammaln(a: Array, d: Any) -> Array:
    """Return the logarithm of the multivariate gamma function, as `scipy.special.multigammaln`.

    Examples
    --------
    >>> import autodiff
    >>> print(round(autodiff.grad(lambda a: multigammaln(a, 1))(1.0), 12))  # minus Euler's constant
    -0.577215664902
    """
    if type(a) is not Tensor:
        return sp.multigammaln(a, d)
    if type(d) is Tensor or np.ndim(d) or np.floor(d) != d:
        raise ValueError(f"multigammaln: d={d!r}: the dimension must be one integer")
    if np.any(a <= 0.5 * (d - 1)):
        raise ValueError(
            f"multigammaln: an argument is not greater than (d - 1) / 2 = {(d - 1) / 2}"
        )
    terms = sp.gammaln(np.expand_dims(a, -1) - 0.5 * np.arange(d))
    return np.sum(terms, axis=-1) + 0.25 * d * (d - 1) * np.log(np.pi)


def _spherical(name: str, before: float, after: float) -> Any:
    """Return a spherical Bessel function by its recurrence (NIST handbook, 10.51.2 and 10.51.5)."""
    scipys = getattr(sp, name)

    def slope(n: Array, z: Array) -> Array:
        # Order -1 has the weight 0.
        below, above = spherical(np.maximum(n - 1, 0), z), spherical(n + 1, z)
        return (before * n * below + after * (n + 1) * above) / (2 * n + 1)

    def function(z: Array, n: Array) -> Array:
        return spherical(n, z)

    def order(*args: Any) -> Array:
        return constant(f"scipy.special.{name}", "n")(*args)

    entry = general(
        f"special.{name}",
        function,
        [lambda g, out, z, n: unbroadcast(g * slope(n, z), np.shape(z)), order],
        [lambda x_dot, out, z, n: x_dot * slope(n, z), order],
        draw=lambda rng, z, n: [
            rng.uniform(0.4, 4.0, size=z)[()],
            rng.integers(0, 3, size=n, endpoint=True)[()],
        ],
        examples=[(((), ()), {}), (((3,), (2, 3)), {}), (((2, 3), ()), {})],
        complex=True,
        batch=broadcast,
    )

    def spherical(n: Array, z: Array, derivative: bool = False) -> Array:
        if not _any_tensor(n, z):
            how = {"derivative": derivative}
            found: Array = of_scipy(name, scipys, (n, z), how, elementwise=True)
            return found
        return slope(n, z) if derivative else record(entry, (z, n))

    spherical.__name__ = name
    spherical.__doc__ = f"""Return a spherical Bessel function, as `scipy.special.{name}`.

    Parameters
    ----------
    n : int or array of int
        Order, which no derivative is taken with respect to.
    z : array or tensor
        Argument.
    derivative : bool
        Whether to return the derivative with respect to `z`.

    Returns
    -------
    array or tensor
        Of the broadcast shape.
    """
    return spherical


spherical_jn = _spherical("spherical_jn", 1.0, -1.0)
spherical_yn = _spherical("spherical_yn", 1.0, -1.0)
spherical_in = _spherical("spherical_in", 1.0, 1.0)
spherical_kn = _spherical("spherical_kn", -1.0, -1.0)
