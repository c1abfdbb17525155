"""The common part of all distributions: arguments, supports, frozen distributions."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from autodiff.core.primitive import Array
from autodiff.core.tensor import Tensor
from autodiff.errors import Undifferentiable
from autodiff.rules.operands import as_array
from autodiff.scipy.entries import add, has_tensor, scipys

__all__ = ["Answer", "Distribution", "Frozen", "distribution", "plain_counts"]

Formula = Callable[..., Array]


class Answer:
    """The stand-in for a distribution of SciPy: methods that it lacks are SciPy's.

    It holds nothing of SciPy's, whose distributions have a random state that plans cannot watch.
    """

    #: By the name of a method its formula.
    _formulas: Mapping[str, Formula] = MappingProxyType({})

    def __init__(self, name: str) -> None:
        self._name = f"scipy.stats.{name}"
        self.__doc__ = f"As `{self._name}`, for tensors."

    @property
    def _scipys(self) -> Any:
        """SciPy's distribution."""
        return scipys(self._name)

    def _method(self, method: str) -> Callable[..., Array]:
        raise NotImplementedError

    def __getattr__(self, method: str) -> Any:
        """Return a method made of a formula, else SciPy's, for plain numbers."""
        if method.startswith("_"):
            raise AttributeError(method)
        if method in self._formulas:
            return self._method(method)
        theirs = getattr(self._scipys, method)
        if not callable(theirs):
            return theirs

        def call(*args: Any, **kwargs: Any) -> Any:
            if has_tensor(args) or has_tensor(kwargs):
                raise self._refused(method)
            return theirs(*args, **kwargs)

        return call

    def _refused(self, method: str) -> Undifferentiable:
        return Undifferentiable(
            f"{self._name}.{method} has no derivative rule for tensors: write it with functions "
            f"that have one, such as its {', '.join(self._formulas)}, or give it a rule with "
            "autodiff.custom"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the distribution with its parameters fixed."""
        return Frozen(self, args, kwargs)

    def __repr__(self) -> str:
        return f"<autodiff.{self._name}>"


class Frozen:
    """A distribution with its parameters fixed, each method with the argument that is left."""

    def __init__(self, answer: Answer, args: Any, kwargs: Mapping[str, Any]) -> None:
        self._answer, self._args, self._kwargs = answer, args, kwargs
        if not has_tensor(args) and not has_tensor(dict(kwargs)):
            # Whether the parameters are those of the distribution is said at once.
            answer._scipys(*args, **kwargs)

    def __getattr__(self, method: str) -> Any:
        """Return a method of the distribution."""
        if method.startswith("_"):
            raise AttributeError(method)
        answer, args, kwargs = self._answer, self._args, self._kwargs
        if method in answer._formulas or method in vars(type(answer)):

            def call(*given: Any, **more: Any) -> Any:
                return getattr(answer, method)(*given, *args, **kwargs, **more)

            return call
        if has_tensor(args) or has_tensor(dict(kwargs)):
            raise answer._refused(method)
        return getattr(answer._scipys(*args, **kwargs), method)


class Distribution(Answer):
    """A distribution of numbers, given by formulas of the standardised argument and shapes.

    `logpdf`, `cdf` and `sf` are needed to be within the support only, at `inside` for example.
    """

    def __init__(
        self,
        name: str,
        logpdf: Formula,
        *,
        cdf: Formula | None = None,
        sf: Formula | None = None,
        pdf: Formula | None = None,
        logcdf: Formula | None = None,
        logsf: Formula | None = None,
        ppf: Formula | None = None,
        isf: Formula | None = None,
        support: tuple[float, float] = (-np.inf, np.inf),
        inside: float = 0.5,
        open_below: bool = False,
        valid: Formula | None = None,
    ) -> None:
        super().__init__(name)
        self._formulas: dict[str, Formula] = {
            "logpdf": logpdf,
            "pdf": pdf or (lambda x, *shapes: np.exp(logpdf(x, *shapes))),
            **_present(cdf=cdf, sf=sf, ppf=ppf, isf=isf),
        }
        if cdf is not None and sf is not None:
            self._formulas["logcdf"] = logcdf or (lambda x, *shapes: np.log(cdf(x, *shapes)))
            self._formulas["logsf"] = logsf or (lambda x, *shapes: np.log(sf(x, *shapes)))
        self._support, self._inside, self._valid = support, inside, valid
        self._open_below = open_below
        shapes = self._scipys.shapes
        self._shapes = shapes.replace(" ", "").split(",") if shapes else []

    def _method(self, method: str) -> Callable[..., Array]:
        """Return a method with SciPy's signature."""
        (low, high), open_below = self._support, self._open_below
        #: The values to the left and to the right of the support.
        outside = {
            **{"logpdf": (-np.inf, -np.inf), "pdf": (0.0, 0.0), "cdf": (0.0, 1.0)},
            **{"sf": (1.0, 0.0), "logcdf": (-np.inf, 0.0), "logsf": (0.0, -np.inf)},
        }
        formula = self._formulas[method]

        def call(x: Any, *args: Any, **kwargs: Any) -> Array:
            if not has_tensor((x, args)) and not has_tensor(kwargs):
                return getattr(self._scipys, method)(x, *args, **kwargs)
            shapes, loc, scale = self._parsed(method, args, kwargs)
            x = as_array(x)
            good = scale > 0
            for shape in () if self._valid else shapes:
                good = good & (shape > 0)
            if self._valid is not None:
                good = good & self._valid(*shapes)
            if method in ("ppf", "isf"):
                inner = (x > 0) & (x < 1) & good
                value = loc + scale * formula(np.where(inner, x, 0.5), *shapes)
                return np.where(
                    inner, value, np.where(good, self._end(x, method, loc, scale), np.nan)
                )
            y = _double((x - loc) / scale)
            # Formulas may be infinity minus infinity at infinity, and at an end of the support.
            below = (y <= low) if open_below else (y < low) | (y == -np.inf)
            inner = np.logical_not(below) & (y <= high) & (y != np.inf)
            value = formula(np.where(inner, y, self._inside), *shapes)
            if method == "logpdf":
                value = value - np.log(scale)
            elif method == "pdf":
                value = value / scale
            left, right = outside[method]
            value = np.where(inner, value, np.where(below, left, right))
            return np.where(good & np.logical_not(np.isnan(y)), value, np.nan)

        call.__name__ = method
        call.__doc__ = f"As ``{self._name}.{method}``."
        return call

    def _end(self, x: Any, method: str, loc: Any, scale: Any) -> Any:
        """Return the ends of the support, which are the quantiles of 0 and 1."""
        low, high = self._support if method == "ppf" else self._support[::-1]
        ends = np.where(x == 0, low, np.where(x == 1, high, np.nan))
        known = np.isfinite(ends)
        # What is infinite has no derivative with respect to the scale.
        return np.where(known, loc + scale * np.where(known, ends, 0.0), ends)

    def _parsed(
        self, method: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[list[Any], Any, Any]:
        """Return the shapes, the location and the scale."""
        names = [*self._shapes, "loc", "scale"]
        if len(args) > len(names) or set(kwargs) - set(names[len(args) :]):
            raise TypeError(
                f"{self._name}.{method}: {len(args)} parameters and {', '.join(kwargs) or 'none'} "
                f"by name arrived; these are taken: {', '.join(names)}"
            )
        given = {"loc": 0.0, "scale": 1.0, **dict(zip(names, args, strict=False)), **kwargs}
        missing = [name for name in names if name not in given]
        if missing:
            raise TypeError(f"{self._name}.{method}: the parameter {missing[0]!r} is missing")
        *shapes, loc, scale = [as_array(given[name]) for name in names]
        return shapes, loc, scale


def _present(**formulas: Formula | None) -> dict[str, Formula]:
    return {name: formula for name, formula in formulas.items() if formula is not None}


def _double(x: Array) -> Array:
    """Return numbers in double precision, as SciPy computes with them."""
    return x if x.dtype == float else x.astype(float)


def distribution(name: str, *formulas: Any, limits: str = "", **more: Any) -> Any:
    """Return the answer to a distribution, put into the table."""
    answer = Distribution(name, *formulas, **more)
    methods = ", ".join(f"`{method}`" for method in answer._formulas)
    return add(f"scipy.stats.{name}", answer, limits=f"{methods}{limits and '; '}{limits}")


def plain_counts(name: str, k: Any) -> Any:
    """Return counts as plain numbers: a probability of counts has no derivative there."""
    if type(k) is Tensor:
        k = np.asarray(k)
        if k.dtype == object:
            raise Undifferentiable(
                f"{name}: no derivative with respect to the counts k: make them a constant"
            )
    return np.asarray(k)
