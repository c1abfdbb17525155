"""Gradients called as `autodiff` has them: formulas, derived once for each signature."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symdiff.formulas.gradient import Gradient
from symdiff.formulas.hessian import Hessian
from symdiff.formulas.strategies import STRATEGIES, gradient
from symdiff.matrix import MatrixGradient
from symdiff.tracing.structures import map_leaves

__all__ = ["grad", "hessian", "value_and_grad"]

_KEPT = 64  # derived formulas of one function
_CLOSE = 1e-6  # the value of a formula against that of the function
_STEPS = (1e-3, 1e-2, 1e-1)  # by which arguments are changed, to see whether a value is smooth


def _is_symbolic(leaf: Any, wanted: bool) -> bool:
    """Return whether a leaf becomes symbols: floats and arrays of them, and what is asked for."""
    if isinstance(leaf, (bool, np.bool_, str)) or leaf is None or callable(leaf):
        return False
    if isinstance(leaf, (int, np.integer)):
        return wanted
    kind = np.asarray(leaf).dtype.kind
    return kind == "f" or (wanted and kind in "iu")


class _Derived:
    """The formulas of one function, derived for each signature of its arguments."""

    def __init__(self, f: Callable[..., Any], argnums: int | Sequence[int], strategy: str) -> None:
        if strategy not in STRATEGIES:
            raise ValueError(
                f"there is no strategy {strategy!r}. Known strategies: {', '.join(STRATEGIES)}"
            )
        self.f = f
        self.single = isinstance(argnums, int)
        self.argnums = [argnums] if isinstance(argnums, int) else list(argnums)
        self.strategy = strategy
        self.known: OrderedDict[Any, Gradient | MatrixGradient] = OrderedDict()

    def names(self, count: int) -> list[str]:
        """Return names for the positional arguments: those of the function where it has them."""
        try:
            parameters = list(inspect.signature(self.f).parameters.values())
        except (TypeError, ValueError):
            parameters = []
        plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        found = [p.name for p in parameters if p.kind in plain][:count]
        return [*found, *(f"argument{k}" for k in range(len(found), count))]

    def wanted(self, count: int) -> list[int]:
        """Return the positions to differentiate by, counted from 0."""
        for position in self.argnums:
            if not -count <= position < count:
                raise ValueError(
                    f"argnums: there is no positional argument {position}; {count} arrived"
                )
        return [position % count for position in self.argnums]

    def at(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Return the formula for arguments, and these by name as it takes them."""
        names = self.names(len(args))
        wanted = {names[k] for k in self.wanted(len(args))}
        given = {**dict(zip(names, args, strict=True)), **kwargs}
        key: list[Any] = [len(args)]

        def shape(name: str, leaf: Any) -> Any:
            if _is_symbolic(leaf, name in wanted):
                key.append((name, np.shape(leaf)))
                return np.shape(leaf)
            if isinstance(leaf, np.ndarray):
                key.append((name, leaf.shape, leaf.dtype.str, leaf.tobytes()))
            else:
                key.append((name, type(leaf), repr(leaf), id(leaf) if callable(leaf) else 0))
            return leaf

        shapes = {
            name: map_leaves(lambda leaf, name=name: shape(name, leaf), value)  # type: ignore[misc]
            for name, value in given.items()
        }
        symbolic = {
            name: value
            for name, value in given.items()
            if any(_symbols(name, value, name in wanted))
        }
        for name in wanted:
            if name not in symbolic:
                raise TypeError(
                    f"argument {name!r}: an array or a number is expected to differentiate by, not "
                    f"{type(given[name]).__name__}"
                )
        signature = tuple(key)
        derived = self.known.get(signature)
        if derived is None:
            settings = {name: value for name, value in given.items() if name not in symbolic}
            shapes = {name: shapes[name] for name in symbolic}
            order = sorted(wanted, key=names.index)
            derived = self._derive(signature, names, shapes, settings, order)
        return derived, symbolic

    def _derive(
        self,
        signature: Any,
        names: list[str],
        shapes: dict[str, Any],
        settings: dict[str, Any],
        wanted: list[str],
    ) -> Gradient | MatrixGradient:
        """Return the formula for a signature, and keep it."""

        def called(**symbols: Any) -> Any:
            named = {**settings, **symbols}
            positional = [named.pop(name) for name in names]
            return self.f(*positional, **named)

        derived = gradient(called, wrt=wanted, strategy=self.strategy, inputs=shapes)
        self.known[signature] = derived
        while len(self.known) > _KEPT:
            self.known.popitem(last=False)
        return derived

    def evaluated(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[float, Any]:
        """Return value and gradient; what the function has read elsewhere must be as it was."""
        derived, symbolic = self.at(args, kwargs)
        value, found = derived.value_and_gradient(**symbolic)
        if self._is_stale(value, args, kwargs):
            self.known.clear()
            derived, symbolic = self.at(args, kwargs)
            value, found = derived.value_and_gradient(**symbolic)
            if self._is_stale(value, args, kwargs) and not self._rounds(value, args, kwargs):
                raise RuntimeError(
                    f"the formula of {getattr(self.f, '__name__', 'the function')} has another "
                    "value than the function: it is random, or depends on what it was not given"
                )
        names = self.names(len(args))
        entries = [found[names[k]] for k in self.wanted(len(args))]
        return value, entries[0] if self.single else tuple(entries)

    def _is_stale(self, value: float, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
        """Return whether the function gives another value than its formula."""
        with np.errstate(all="ignore"):
            expected = float(self.f(*args, **kwargs))
        if not np.isfinite([expected, value]).all():
            return False  # a formula may be finite where the function overflows
        return abs(expected - value) > _CLOSE * max(1.0, abs(expected))

    def _rounds(self, value: float, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
        """Return whether the function is no smoother here than it is far from its formula.

        The value of ``exp(x) - 1`` next to 0 has few digits, which a formula need not lose.
        """

        def at(step: float) -> float:
            def moved(leaf: Any) -> Any:
                return leaf * (1 + step) if _is_symbolic(leaf, False) else leaf

            given = {name: map_leaves(moved, leaf) for name, leaf in kwargs.items()}
            return float(self.f(*(map_leaves(moved, leaf) for leaf in args), **given))

        with np.errstate(all="ignore"):
            middle, again = at(0.0), at(0.0)
            bends = [abs(at(h) - 2 * middle + at(-h)) for h in _STEPS]
        return middle == again and abs(middle - value) <= max(bends)


def _symbols(name: str, value: Any, wanted: bool) -> list[bool]:
    """Return for each leaf of an argument whether it becomes symbols."""
    found: list[bool] = []
    map_leaves(lambda leaf: found.append(_is_symbolic(leaf, wanted)), value)
    return found


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, strategy: str = "adjoint"
) -> Callable[..., tuple[float, Any]]:
    """Return a function that computes value and gradient of `f` by formulas.

    Parameters
    ----------
    f : callable
        A plain NumPy function that returns a scalar.
    argnums : int or sequence of int
        Positional arguments to differentiate by: numbers, arrays, and structures of them.
    strategy : str
        How the formulas are derived: a name in `STRATEGIES`.

    Returns
    -------
    callable
        Called as `f`, it returns the value and the gradient, a tuple for a sequence of `argnums`.
        Formulas are derived once for each signature: the shapes of floats and arrays of floats, and
        the values of everything else. Each call holds the value against that of `f`; where `f`
        reads something that has changed, it is derived anew.

    Raises
    ------
    ValueError
        On a call, if the result of `f` is not a scalar, or there is no such argument.
    Untraceable
        On a call, if `f` calls what has no symbolic meaning.

    Examples
    --------
    >>> import numpy as np
    >>> from symdiff import value_and_grad
    >>> step = value_and_grad(lambda x: np.sum((x - 1) ** 2))
    >>> step(np.array([2.0, 3.0]))
    (5.0, array([2., 4.]))
    """
    derived = _Derived(f, argnums, strategy)
    return lambda *args, **kwargs: derived.evaluated(args, kwargs)


def grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, strategy: str = "adjoint"
) -> Callable[..., Any]:
    """Return a function that computes the gradient of `f` by formulas; see `value_and_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> from symdiff import grad
    >>> grad(lambda w, x: np.tanh(w @ x), argnums=1)(np.array([1.0, 2.0]), np.zeros(2))
    array([1., 2.])
    """
    derived = _Derived(f, argnums, strategy)
    return lambda *args, **kwargs: derived.evaluated(args, kwargs)[1]


def hessian(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, strategy: str = "adjoint"
) -> Callable[..., Any]:
    """Return a function that computes the second derivatives of `f` by formulas.

    Called as `f`, it returns an array of the shape of the argument, twice; for a sequence of
    `argnums` a tuple of tuples. See `value_and_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> from symdiff import hessian
    >>> hessian(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    derived = _Derived(f, argnums, strategy)
    second: dict[int, tuple[Any, Hessian]] = {}

    def call(*args: Any, **kwargs: Any) -> Any:
        derived.evaluated(args, kwargs)  # derives anew what is stale
        first, symbolic = derived.at(args, kwargs)
        if id(first) not in second:
            second.clear()
            second[id(first)] = (first, first.hessian())
        blocks = second[id(first)][1](**symbolic)
        names = derived.names(len(args))
        wanted = [names[k] for k in derived.wanted(len(args))]
        for name in wanted:
            if name not in blocks:
                raise TypeError(
                    f"hessian: argument {name!r} holds several arrays; give each as an argument"
                )
        if derived.single:
            return blocks[wanted[0]][wanted[0]]
        return tuple(tuple(blocks[a][b] for b in wanted) for a in wanted)

    return call
