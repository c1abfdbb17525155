"""Minima, whose gradient is zero, and assignments."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize as so

from autodiff.core.primitive import Array, discrete
from autodiff.core.tensor import record
from autodiff.rules.linalg.matrices import recorded
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import has_tensor, refused, stands_for
from autodiff.scipy.optimize.implicit import implicit
from autodiff.transforms.gradients import grad
from autodiff.transforms.matrices import hessian, jacobian

__all__ = ["curve_fit", "least_squares", "linear_sum_assignment", "minimize", "minimize_scalar"]

_LIMITS = (
    "of minima whose Hessian is regular, as accurate as the minimum; elements at a bound stay "
    "there; derivatives that SciPy is given are computed instead"
)
#: How far from a bound, relative to it, an element must be to be free.
_APART = 1e-9
Function = Callable[..., Any]


def _free(bounds: Any, count: int) -> Any:
    """Return the function that says which elements are at no bound; None without bounds."""
    if bounds is None:
        return None
    if has_tensor(bounds):
        raise refused("scipy.optimize", "a bound", "make it a constant")
    if isinstance(bounds, so.Bounds):
        low, high = bounds.lb, bounds.ub
    else:
        pairs = [
            (a if a is not None else -np.inf, b if b is not None else np.inf) for a, b in bounds
        ]
        low, high = np.array(pairs, float).T
    low, high = np.broadcast_to(low, count), np.broadcast_to(high, count)

    def free(x: Any) -> Any:
        above = x - low > _APART * (1.0 + np.abs(np.where(np.isfinite(low), low, 0.0)))
        below = high - x > _APART * (1.0 + np.abs(np.where(np.isfinite(high), high, 0.0)))
        return above & below

    return free


@stands_for(
    "scipy.optimize.minimize",
    limits=_LIMITS
    + "; `constraints=` are refused; `jac` and `hess_inv` are left out of the result",
    calls=["fun"],
    idle=["callback"],
)
def minimize(
    fun: Function,
    x0: Any,
    args: Any = (),
    method: Any = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: Any = None,
    options: Any = None,
) -> Any:
    """Return the minimum of a function."""
    if np.size(constraints):
        raise refused(
            "scipy.optimize.minimize", "constraints=", "put them into the function as penalties"
        )
    args = args if isinstance(args, tuple) else (args,)

    def function(x: Any) -> Any:
        out = fun(x, *args)
        out = out[0] if jac is True else out
        return np.reshape(out, ()) if np.shape(out) else out

    def solve(run: Function, start: Any) -> tuple[Any, bool, Any]:
        said = so.minimize(
            run,
            start,
            method=method,
            jac=grad(run) if callable(jac) or jac is True else jac,
            hess=hessian(run) if callable(hess) else hess,
            hessp=(lambda x, p: hessian(run)(x) @ p) if callable(hessp) else None,
            bounds=bounds,
            tol=tol,
            options=options,
        )
        # Status 2 is that of a line search that rounding errors ended: at the minimum.
        return said.x, said.success or said.get("status") == 2, said

    start = np.atleast_1d(as_array(x0))
    x, said = implicit("minimize", function, start, solve, grad, _free(bounds, np.size(start)))
    names = ("success", "status", "message", "nfev", "nit", "njev", "nhev")
    kept = {k: said[k] for k in names if k in (said or ())}
    return so.OptimizeResult(x=x, fun=function(x), **kept)


@stands_for("scipy.optimize.minimize_scalar", limits=_LIMITS, calls=["fun"])
def minimize_scalar(
    fun: Function,
    bracket: Any = None,
    bounds: Any = None,
    args: Any = (),
    method: Any = None,
    tol: Any = None,
    options: Any = None,
) -> Any:
    """Return the minimum of a function of one number."""
    args = args if isinstance(args, tuple) else (args,)

    def solve(run: Function, start: Any) -> tuple[Any, bool, Any]:
        given = {"bracket": bracket, "bounds": bounds, "method": method}
        said = so.minimize_scalar(run, tol=tol, options=options, **given)
        return said.x, said.success, said

    start = bounds[0] if bounds is not None else bracket[0] if bracket is not None else 0.0
    if has_tensor([bracket, bounds]):
        raise refused("scipy.optimize.minimize_scalar", "a bound", "make it a constant")
    free = None if bounds is None else _free([bounds], 1)
    x, said = implicit("minimize_scalar", lambda x: fun(x, *args), float(start), solve, grad, free)
    names = ("success", "message", "nfev", "nit")
    kept = {k: said[k] for k in names if k in (said or ())}
    return so.OptimizeResult(x=x, fun=fun(x, *args), **kept)


def _half_squares(run: Function) -> Function:
    """Return the gradient of half the sum of squares."""
    return grad(lambda x, *parameters: 0.5 * np.sum(run(x, *parameters) ** 2))


@stands_for(
    "scipy.optimize.least_squares",
    limits=_LIMITS + "; `loss='linear'` only; `jac` and `grad` are left out of the result",
    calls=["fun"],
    idle=["verbose", "callback"],
)
def least_squares(
    fun: Function,
    x0: Any,
    jac: Any = "2-point",
    bounds: Any = (-np.inf, np.inf),
    loss: Any = "linear",
    args: Any = (),
    kwargs: Any = None,
    **options: Any,
) -> Any:
    """Return the point with the least sum of squares."""
    if loss != "linear":
        raise refused("scipy.optimize.least_squares", f"loss={loss!r}", "loss='linear' is")
    kwargs = kwargs or {}

    def function(x: Any) -> Any:
        return np.atleast_1d(as_array(fun(x, *args, **kwargs)))

    def solve(run: Function, start: Any) -> tuple[Any, bool, Any]:
        given = jacobian(run) if callable(jac) else jac
        said = so.least_squares(run, start, jac=given, bounds=bounds, **options)
        return said.x, said.success, said

    start = np.atleast_1d(as_array(x0))
    if not isinstance(bounds, so.Bounds):
        bounds = so.Bounds(*[np.broadcast_to(b, np.shape(start)) for b in bounds])
    free = _free(bounds, np.size(start))
    x, said = implicit("least_squares", function, start, solve, _half_squares, free)
    residuals = function(x)
    names = ("success", "status", "message", "nfev", "njev", "active_mask")
    kept = {k: said[k] for k in names if k in (said or ())}
    return so.OptimizeResult(x=x, fun=residuals, cost=0.5 * np.sum(residuals**2), **kept)


@stands_for(
    "scipy.optimize.curve_fit",
    limits=_LIMITS + "; the covariance is made of exact derivatives; `full_output=` is refused",
    calls=["f"],
    idle=["nan_policy", "jac"],
)
def curve_fit(
    f: Function,
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    bounds: Any = (-np.inf, np.inf),
    method: Any = None,
    **options: Any,
) -> tuple[Array, Array]:
    """Return the parameters of a curve through data, and their covariance."""
    xdata, ydata = as_array(xdata), as_array(ydata)
    if sigma is not None and np.ndim(sigma) > 1:
        raise refused("scipy.optimize.curve_fit", "sigma= of two axes", "one axis is")
    if p0 is None:
        if np.any(np.isfinite(np.asarray(bounds, float))):
            raise refused("scipy.optimize.curve_fit", "bounds= without p0=", "give p0")
        p0 = np.ones(f.__code__.co_argcount - 1)

    def function(p: Any) -> Any:
        left = f(xdata, *[p[i] for i in range(np.size(p0))]) - ydata
        return left if sigma is None else left / sigma

    bounded = bool(np.any(np.isfinite(np.asarray(bounds, float))))

    def solve(run: Function, start: Any) -> tuple[Any, bool, Any]:
        if bounded or method not in (None, "lm"):
            said = so.least_squares(run, start, bounds=bounds, method=method or "trf", **options)
            return said.x, said.success, said
        x, _, _, message, ier = so.leastsq(run, start, full_output=True, **options)
        if ier not in (1, 2, 3, 4):
            raise RuntimeError(f"Optimal parameters not found: {message}")
        return x, True, None

    start = np.atleast_1d(as_array(p0))
    limits = so.Bounds(*[np.asarray(b, float) for b in bounds]) if bounded else None
    free = _free(limits, np.size(start))
    p, _ = implicit("curve_fit", function, start, solve, _half_squares, free)
    slopes, left = jacobian(function)(p), function(p)
    covariance = np.linalg.inv(np.matmul(np.swapaxes(slopes, 0, 1), slopes))
    if not absolute_sigma:
        covariance = covariance * (np.sum(left**2) / (np.size(left) - np.size(p0)))
    return p, covariance


def _assignment(cost: Array, *, maximize: bool) -> Array:
    return np.stack(so.linear_sum_assignment(cost, maximize))


_ASSIGNMENT = discrete(recorded("scipy.assignment", True)(_assignment), "scipy.assignment")


@stands_for("scipy.optimize.linear_sum_assignment", modes="value")
def linear_sum_assignment(cost_matrix: Array, maximize: bool = False) -> tuple[Array, Array]:
    """Return rows and columns of the cheapest assignment, which has no derivative."""
    found = record(_ASSIGNMENT, (as_array(cost_matrix),), {"maximize": bool(maximize)})
    return found[0], found[1]
