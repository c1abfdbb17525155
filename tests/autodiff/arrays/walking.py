"""Every rule of the table on arrays of another library, held against NumPy's."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import autodiff
from autodiff.core.tensor import record
from tests.autodiff.arrays.standin import MODULES, Numpy, Standin
from tests.autodiff.rules.test_table import DIFFERENTIABLE, completed, direction, draw, wanted

#: Shapes of elementwise functions: broadcast where there are two arguments.
_MODES = ("vjp", "jvp")
_SHAPES = [((3,),), ((3,), (2, 3)), ((3,), (2, 3), ()), ((3,), (2, 3), (), ())]


@dataclass(frozen=True)
class Library:
    """Arrays of a library: how they are made, and how they come back to the host."""

    name: str
    convert: Callable[..., Any]
    back: Callable[[Any], Any]
    kind: type
    #: How often values have been looked at.
    looks: Callable[[], int] = lambda: 0
    #: What that is.
    looking: str = "Looks at values"


@dataclass(frozen=True)
class Outcome:
    """Outcome of a rule in one mode: right, absent from the library, or failed, and why."""

    primitive: str
    mode: str
    status: str
    reason: str = ""
    looks: int = 0


def standin() -> Library:
    """Return the stand-in for CuPy."""
    return Library(
        "CuPy (stand-in)",
        lambda x, whole: Standin(x),
        lambda x: x.get() if isinstance(x, Standin) else x,
        Standin,
        lambda: Standin.looks,
    )


def cupy() -> Library:
    """Return the stand-in for CuPy behind its adapter."""
    from autodiff.adapters.of_cupy import Cupy

    return _wrapped("CuPy (stand-in), wrapped", Cupy(Numpy(), MODULES), lambda x: x.get())


def dask() -> Library:
    """Return Dask, in two chunks along the first axis where a function takes that."""
    import dask.array as da
    from dask.callbacks import Callback
    from dask.local import get_sync

    count = [0]

    def computes(graph: Any) -> None:
        count[0] += 1

    def convert(x: Any, whole: bool) -> Any:
        first = max(1, (x.shape[0] + 1) // 2) if x.ndim and not whole else -1
        return da.from_array(x, chunks=(first, *x.shape[1:]) if x.ndim else ())

    def back(x: Any) -> Any:
        if not isinstance(x, da.Array):
            return x
        before = count[0]
        result = x.compute(scheduler=get_sync)
        count[0] = before
        return result

    # A scheduler of its own in Dask's configuration would go to the workers of later tests.
    Callback(start=computes).register()
    return Library("Dask", convert, back, da.Array, lambda: count[0])


def jax() -> Library:
    """Return JAX behind its adapter."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return _wrapped("JAX", autodiff.wrap(jax.numpy), np.asarray)


def torch() -> Library:
    """Return PyTorch behind its adapter."""
    import torch

    return _wrapped("PyTorch", autodiff.wrap(torch), np.asarray)


def _wrapped(name: str, xp: Any, back: Callable[[Any], Any]) -> Library:
    from autodiff.adapters.wrapped import Wrapped

    count, by_host = [0], type(xp).by_host

    def counted(*args: Any) -> Any:
        count[0] += 1
        return by_host(xp, *args)

    xp.by_host = counted
    return Library(
        name,
        lambda x, whole: xp.asarray(np.array(x)),
        lambda x: back(x.array) if isinstance(x, Wrapped) else x,
        Wrapped,
        lambda: count[0],
        "Computed on the host",
    )


def outcomes(library: Library, names: frozenset[str] | None = None) -> list[Outcome]:
    """Return the outcome of each rule, or of those of some primitives."""
    rng = np.random.default_rng(3)
    found: list[Outcome] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Dask computes what it has no function for, on the host.
        warnings.filterwarnings("error", ".*not implemented by Dask.*", FutureWarning)
        for primitive in DIFFERENTIABLE:
            if names is None or primitive.name in names:
                found += _of(primitive, library, rng)
    return found


def _of(primitive: Any, library: Library, rng: Any) -> list[Outcome]:
    shapes = _SHAPES[len(primitive.vjps) - 1] if primitive.kind == "elementwise" else None
    # With axes, or it would be a number of the host's.
    large = [e for e in primitive.examples if all(s and 0 not in s for s in e[0])]
    reason = ""
    # At the first example that the library computes, be it in one chunk.
    for sizes, params in [(shapes, {})] if shapes else large or primitive.examples:
        xs = draw(rng, primitive, sizes)
        if primitive.name == "partition":
            # The order of the others is open, but nobody changes one that is sorted.
            xs = [np.sort(xs[0], axis=params["axis"])]
        for whole in (False, True):
            others = [library.convert(x, whole) if isinstance(x, np.ndarray) else x for x in xs]
            try:
                value = library.back(primitive.function(*others, **params))
            except Exception as error:
                reason = _reason(error)
                continue
            if not np.allclose(value, primitive.function(*xs, **params), equal_nan=True):
                reason = "its function gives another value than NumPy's"
                return [Outcome(primitive.name, mode, "failed", reason) for mode in _MODES]
            return _held(primitive, library, rng, xs, others, params, whole)
    return [Outcome(primitive.name, mode, "absent", reason) for mode in _MODES]


def _held(
    primitive: Any, library: Library, rng: Any, xs: Any, others: Any, params: Any, whole: bool
) -> list[Outcome]:
    """Return the outcomes of both modes at operands that the library computes with."""
    numbers = wanted(primitive, xs, params)

    def moved(x: Any, like: Any) -> Any:
        return library.convert(x, whole) if isinstance(like, library.kind) else x

    free, others_free = [xs[i] for i in numbers], [others[i] for i in numbers]
    x_dots = [direction(rng, x) for x in free]
    out, pullback = autodiff.vjp(_function(primitive, xs, numbers, params), *free)
    g = direction(rng, out)
    _, out_dot = autodiff.jvp(_function(primitive, xs, numbers, params), tuple(free), tuple(x_dots))
    f = _function(primitive, others, numbers, params)

    def vjp() -> Any:
        out, pullback = autodiff.vjp(f, *others_free)
        return pullback(moved(g, out)), others_free

    def jvp() -> Any:
        tangents = tuple(moved(v, x) for v, x in zip(x_dots, others_free, strict=True))
        out, out_dot = autodiff.jvp(f, tuple(others_free), tangents)
        return [out_dot], [out]

    results = []
    for mode, derivative, expected in (("vjp", vjp, pullback(g)), ("jvp", jvp, [out_dot])):
        status, reason, before = "right", "", library.looks()
        try:
            derivatives, primals = derivative()
            looks = library.looks() - before
            for found, right, primal in zip(derivatives, expected, primals, strict=True):
                assert np.shape(found) == np.shape(right)
                assert isinstance(found, library.kind) or not isinstance(primal, library.kind)
                np.testing.assert_allclose(library.back(found), right, rtol=1e-9, atol=1e-10)
        except Exception as error:
            status, reason, looks = "failed", _reason(error), 0
        results.append(Outcome(primitive.name, mode, status, reason, looks))
    return results


def _function(primitive: Any, xs: Any, numbers: Any, params: Any) -> Callable[..., Any]:
    return lambda *free: record(primitive, tuple(completed(xs, numbers, free)), params)


def _reason(error: Exception) -> str:
    """Return the first sentence of an error."""
    text = str(error).strip().split("\n")[0].split(". ")[0]
    text = text.partition(" on types that implement")[0].partition(": take functions of")[0]
    if "__array_ufunc__" in text:
        return f"{text.split('(')[2].split(',')[0]} is none of its functions"
    if "has no such function" in text:
        return f"{text.partition(':')[0]} is none of its functions"
    return text[:110] or type(error).__name__
