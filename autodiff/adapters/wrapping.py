"""The entry to the adapters: `wrap`, by the name of a library."""

import importlib
from types import ModuleType

from autodiff.adapters.namespace import Namespace
from autodiff.core.libraries import ADAPTERS

__all__ = ["wrap"]

#: By the name of a library: what holds its functions, its type of arrays, and its adapter.
_LIBRARIES = {
    "jax": ("jax", "Array", "of_jax", "Jax"),
    "torch": ("torch", "Tensor", "of_torch", "Torch"),
    "cupy": ("cupy", "ndarray", "of_cupy", "Cupy"),
}


def wrap(xp: ModuleType) -> Namespace:
    """Return the adapter of an array library; from now on derivatives take its arrays.

    Parameters
    ----------
    xp : module
        ``jax.numpy``, ``torch``, ``cupy``, or the namespace of `array_api_compat` for one of them.

    Returns
    -------
    Namespace
        ``asarray`` makes arrays that NumPy's functions compute with in `xp`.

    Raises
    ------
    TypeError
        If `xp` is another module.

    Notes
    -----
    `grad`, `value_and_grad`, `vjp`, `jvp`, `linearize`, `elementwise_grad`, `jet`, `hvp`,
    `jacobian`, `hessian` and `vmap` of a plain NumPy function then take arrays of `xp`, on whatever
    device, and return such; under ``jax.jit`` too. Arrays of NumPy beside them become arrays of
    `xp`. What the library does not have, such as most of `scipy.special`, NumPy and SciPy compute
    if the arrays are on the host, and is refused for arrays on a device. CuPy answers NumPy's
    protocols itself and needs no adapter but for `scipy.special`; Dask needs none.

    Examples
    --------
    >>> import numpy as np
    >>> wrap(np)
    Traceback (most recent call last):
    TypeError: wrap: numpy arrived; jax.numpy, torch or cupy expected: other arrays need no adapter
    """
    given = getattr(xp, "__name__", str(xp))
    name = given.removeprefix("array_api_compat.").removesuffix(".numpy")
    if name not in _LIBRARIES:
        raise TypeError(
            f"wrap: {given} arrived; jax.numpy, torch or cupy expected: other arrays need no "
            "adapter"
        )
    module, kind, place, adapter = _LIBRARIES[name]
    arrays = getattr(importlib.import_module(module), kind)
    if arrays not in ADAPTERS:
        ADAPTERS[arrays] = getattr(importlib.import_module(f"autodiff.adapters.{place}"), adapter)()
    return ADAPTERS[arrays]  # type: ignore[no-any-return]
