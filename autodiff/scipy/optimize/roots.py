"""Roots and fixed points."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize as so

from autodiff.rules.operands import as_array
from autodiff.scipy.closures import plain
from autodiff.scipy.entries import stands_for
from autodiff.scipy.optimize.implicit import implicit
from autodiff.transforms.gradients import elementwise_grad
from autodiff.transforms.matrices import jacobian

__all__ = [
    *("bisect", "brenth", "brentq", "fixed_point", "fsolve", "newton", "ridder", "root"),
    *("root_scalar", "toms748"),
]

_LIMITS = "of simple roots; derivatives that SciPy is given are computed instead"
Function = Callable[..., Any]


def _tuple(args: Any) -> tuple[Any, ...]:
    return args if isinstance(args, tuple) else (args,)


def _slopes(f: Function, *given: Any) -> list[Any]:
    """Return as many derivatives of a function of one number as are given."""
    found: list[Any] = []
    for x in given:
        f = elementwise_grad(f)
        # late binding of f would make all of them the last
        found.append(None if x is None else (lambda x, f=f: f(np.asarray(x, float)[()])))
    return found


@stands_for("scipy.optimize.root_scalar", limits=_LIMITS, calls=["f"])
def root_scalar(
    f: Function,
    args: Any = (),
    method: str | None = None,
    bracket: Any = None,
    fprime: Any = None,
    fprime2: Any = None,
    x0: Any = None,
    x1: Any = None,
    xtol: Any = None,
    rtol: Any = None,
    maxiter: Any = None,
    options: Any = None,
) -> Any:
    """Return the root of a function of one number."""
    args = _tuple(args)
    pair = fprime is True

    def function(x: Any) -> Any:
        out = f(x, *args)
        return out[0] if pair or isinstance(out, tuple) else out

    start = x0 if x0 is not None else bracket[0]
    bracket, x1 = _plain(bracket), _plain(x1)

    def solve(run: Function, start: Any) -> tuple[Any, bool, Any]:
        first, second = _slopes(run, fprime or None, fprime2)
        said = so.root_scalar(
            run,
            method=method,
            bracket=bracket,
            fprime=first,
            fprime2=second,
            x0=None if x0 is None else float(start),
            x1=x1,
            xtol=xtol,
            rtol=rtol,
            maxiter=maxiter,
            options=options,
        )
        return said.root, said.converged, said

    return _with_root(*implicit("root_scalar", function, start, solve))


def _plain(x: Any) -> Any:
    """Return a bracket or a second start as plain numbers: they have no part in the root."""
    return [plain(item) for item in x] if isinstance(x, list | tuple) else plain(x)


def _with_root(root: Any, said: Any) -> Any:
    if said is None:
        # Of a batch nothing is said of each element.
        said = so.RootResults(root, None, None, 0, None)
    said = copy.copy(said)
    said.root = root
    return said


def _bracketed(name: str) -> Any:
    """Return the answer to a solver that is given an interval."""
    solver = getattr(so, name)

    @stands_for(f"scipy.optimize.{name}", limits=_LIMITS, calls=["f"])
    def bracketed(f: Function, a: Any, b: Any, args: Any = (), **options: Any) -> Any:
        """Return the root of a function within an interval."""
        args, ends = _tuple(args), _plain((a, b))
        wanted = options.pop("full_output", False)

        def solve(run: Function, start: Any) -> tuple[Any, bool, Any]:
            x, said = solver(run, *ends, full_output=True, **options)
            return x, said.converged, said

        root, said = implicit(name, lambda x: f(x, *args), plain(a), solve)
        return (root, _with_root(root, said)) if wanted else root

    return bracketed


bisect, brenth, brentq = map(_bracketed, ("bisect", "brenth", "brentq"))
ridder, toms748 = map(_bracketed, ("ridder", "toms748"))


@stands_for("scipy.optimize.newton", limits=_LIMITS, calls=["func"])
def newton(
    func: Function,
    x0: Any,
    fprime: Any = None,
    args: Any = (),
    fprime2: Any = None,
    x1: Any = None,
    full_output: bool = False,
    disp: bool = True,
    **options: Any,
) -> Any:
    """Return the root of a function of one number, or of each of several."""
    args = _tuple(args)

    def solve(run: Function, start: Any) -> tuple[Any, bool, Any]:
        first, second = _slopes(run, fprime, fprime2)
        given = {"fprime": first, "fprime2": second, "x1": _plain(x1), **options}
        if np.ndim(start):
            said = so.newton(run, start, full_output=True, disp=disp, **given)
            return said[0], bool(np.all(said[1])), said[1:]
        x, said = so.newton(run, float(start), full_output=True, disp=disp, **given)
        return x, said.converged, said

    root, said = implicit("newton", lambda x: func(x, *args), x0, solve)
    if not full_output:
        return root
    return (root, *said) if isinstance(said, tuple) else (root, _with_root(root, said))


@stands_for("scipy.optimize.fixed_point", calls=["func"])
def fixed_point(func: Function, x0: Any, args: Any = (), **options: Any) -> Any:
    """Return the point that a function maps to itself."""

    def solve(run: Function, start: Any) -> tuple[Any, bool, Any]:
        return so.fixed_point(lambda x: x - run(x), start, **options), True, None

    return implicit("fixed_point", lambda x: x - func(x, *args), x0, solve)[0]


def _jacobian(run: Function, jac: Any) -> Any:
    return None if not callable(jac) and not jac else lambda x: jacobian(run)(np.asarray(x, float))


@stands_for("scipy.optimize.root", limits=_LIMITS, calls=["fun"], idle=["callback"])
def root(
    fun: Function,
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    jac: Any = None,
    tol: Any = None,
    options: Any = None,
) -> Any:
    """Return the root of a function of several numbers."""
    args, pair = _tuple(args), jac is True

    def function(x: Any) -> Any:
        out = fun(x, *args)
        return as_array(out[0] if pair else out)

    def solve(run: Function, start: Any) -> tuple[Any, bool, Any]:
        said = so.root(run, start, method=method, jac=_jacobian(run, jac), tol=tol, options=options)
        return said.x, said.success, said

    x, said = implicit("root", function, np.ravel(np.atleast_1d(as_array(x0))), solve)
    kept = {k: said[k] for k in ("success", "status", "message", "nfev", "method") if k in said}
    return so.OptimizeResult(x=x, fun=function(x), **kept)


@stands_for("scipy.optimize.fsolve", limits=_LIMITS, calls=["func"])
def fsolve(
    func: Function,
    x0: Any,
    args: Any = (),
    fprime: Any = None,
    full_output: Any = 0,
    col_deriv: Any = 0,
    **options: Any,
) -> Any:
    """Return the root of a function of several numbers."""
    args = _tuple(args)

    def function(x: Any) -> Any:
        return as_array(func(x, *args))

    def solve(run: Function, start: Any) -> tuple[Any, bool, Any]:
        given = {"fprime": _jacobian(run, fprime), **options}
        x, facts, ier, message = so.fsolve(run, start, full_output=True, **given)
        return x, ier == 1, (facts, ier, message)

    x, said = implicit("fsolve", function, np.ravel(np.atleast_1d(as_array(x0))), solve)
    if not full_output:
        return x
    facts, ier, message = said
    return x, {"nfev": facts["nfev"], "fvec": function(x)}, ier, message
