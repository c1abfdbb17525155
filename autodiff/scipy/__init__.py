"""Functions of SciPy for tensors, under SciPy's names and with SciPy's signatures.

SciPy's own functions hand arrays to compiled code, and few let tensors in. Those here compute with
tensors; called on plain arrays they are SciPy's. ``autodiff.scipy.linalg.expm`` stands for
``scipy.linalg.expm``, and so on; `docs/scipy.md` lists them with their limits. This package needs
SciPy, and its modules are imported when they are first used; `autodiff` alone needs neither.

Examples
--------
>>> import numpy as np, autodiff, autodiff.scipy
>>> def loss(x):
...     return -np.sum(autodiff.scipy.stats.norm.logpdf(np.array([1.0, 3.0]), loc=x))
>>> autodiff.grad(loss)(1.5)
-1.0
"""

from importlib import import_module
from typing import Any

__all__ = [
    *("fft", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal", "sparse"),
    *("spatial", "special", "stats"),
]


def __getattr__(name: str) -> Any:
    """Return a module of this package, imported when it is first used."""
    if name in __all__:
        return import_module(f"autodiff.scipy.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
