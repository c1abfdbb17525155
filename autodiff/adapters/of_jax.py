"""The adapter of JAX, whose arrays never change."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.adapters.namespace import Namespace
from autodiff.adapters.wrapped import Wrapped

__all__ = ["Jax"]


class Jax(Namespace):
    """JAX's functions; what it lacks is called back on the host, under ``jax.jit`` too."""

    def __init__(self) -> None:
        self._jax: Any = importlib.import_module("jax")
        jnp = self._jax.numpy
        special, linalg, signal = (
            importlib.import_module(f"jax.scipy.{part}") for part in ("special", "linalg", "signal")
        )
        super().__init__("jax", jnp, special, _functions(jnp, special, linalg, signal))

    def by_host(self, path: str, function: Any, home: Any, args: Any, kwargs: Any) -> Any:
        """Return the result of NumPy or SciPy; a call back where values are not known yet."""
        jax = self._jax
        if not any(isinstance(x, Wrapped) and self._is_traced(x.array) for x in args):
            return super().by_host(path, function, home, args, kwargs)
        if jax.default_backend() != "cpu":
            raise self.lacking(path, jax.default_backend())
        if not isinstance(function, np.ufunc) or function.signature is not None or kwargs:
            raise TypeError(
                f"{path}: JAX has no such function, and values are not known under jax.jit: call "
                "this part of your function outside of it, or use functions that JAX has"
            )
        arrays = self.xp.broadcast_arrays(*[self.held(x, home) for x in args])
        ones = function(*[np.ones((), x.dtype) for x in arrays])
        kinds = [jax.dtypes.canonicalize_dtype(x.dtype) for x in _several(ones)]
        shapes = [jax.ShapeDtypeStruct(arrays[0].shape, kind) for kind in kinds]

        def call(*xs: Any) -> Any:
            found = _several(function(*map(np.asarray, xs)))
            return tuple(np.asarray(x, k) for x, k in zip(found, kinds, strict=True))

        found = jax.pure_callback(call, tuple(shapes), *arrays, vmap_method="broadcast_all")
        return self.given(found if type(ones) is tuple else found[0])

    def _is_traced(self, array: Any) -> bool:
        return isinstance(array, self._jax.core.Tracer)

    def on_host(self, array: Any, path: str) -> Any:
        """Return an array as NumPy's, or refuse one that is on a device or under a trace."""
        if not self._is_traced(array):
            platforms = {device.platform for device in array.devices()}
            if platforms != {"cpu"}:
                raise self.lacking(path, ", ".join(sorted(platforms)))
        return np.asarray(array)

    def written(self, array: Any, index: Any, value: Any) -> Any:
        """Return another array with some elements written."""
        return array.at[index].set(value)


def _several(x: Any) -> tuple[Any, ...]:
    return x if type(x) is tuple else (x,)


def _functions(jnp: Any, special: Any, linalg: Any, signal: Any) -> dict[str, Callable[..., Any]]:
    """Return the functions that JAX has otherwise than NumPy."""

    def sums_at(x: Any, weights: Any = None, minlength: int = 0) -> Any:
        # The length must be known where values are not.
        return jnp.bincount(x, weights, length=minlength)

    def sign(x: Any) -> Any:
        # JAX's own derivative of it is zero, which of complex numbers it is not.
        return jnp.exp(1j * jnp.angle(x)) * (x != 0) if jnp.iscomplexobj(x) else jnp.sign(x)

    def windows(x: Any, window_shape: Any, axis: Any = None, **more: Any) -> Any:
        lengths = (window_shape,) if isinstance(window_shape, int) else tuple(window_shape)
        axes = (axis,) if isinstance(axis, int) else axis
        if more:
            return NotImplemented
        for length, place in zip(lengths, range(x.ndim) if axes is None else axes, strict=True):
            starts = jnp.arange(x.shape[place] - length + 1)
            taken = jnp.take(x, starts[:, None] + jnp.arange(length), axis=place)
            x = jnp.moveaxis(taken, place % x.ndim + 1, -1)
        return x

    return {
        "bincount": sums_at,
        "copy": lambda x, order=None: x.copy(),
        "scipy.convolve": lambda x, y, method: signal.convolve(x, y, "full", method),
        "scipy.expm": linalg.expm,
        # JAX's series diverges from -1 downwards: 1e38 at -1.5 (version 0.10). On the host.
        "hyp2f1": lambda *xs: NotImplemented,
        "psi": special.digamma,
        "sign": sign,
        "sliding_window_view": windows,
        "sort": lambda x, axis=-1, **kw: jnp.sort(x, axis=axis),
        "argsort": lambda x, axis=-1, **kw: jnp.argsort(x, axis=axis, stable=True),
        # A partition too, in one order for both, and at several places.
        "partition": lambda x, kth, axis=-1, **kw: jnp.sort(x, axis=axis),
        "argpartition": lambda x, kth, axis=-1, **kw: jnp.argsort(x, axis=axis, stable=True),
    }
