"""Gradients of plain NumPy functions by a backward pass over a computational graph.

Examples
--------
>>> import numpy as np, autodiff
>>> def loss(w, x, y):
...     return np.sum((np.tanh(x @ w) - y) ** 2)
>>> x, y = np.ones((3, 2)), np.zeros(3)
>>> autodiff.grad(loss)(np.array([0.5, -0.25]), x, y).round(4)
array([1.3814, 1.3814])
"""

from typing import TYPE_CHECKING, Any

from autodiff import rules
from autodiff.core.primitive import FUNCTIONS, UFUNCS
from autodiff.core.tensor import Tensor
from autodiff.errors import (
    BranchChanged,
    LostDerivative,
    PlanMismatch,
    TraceEnded,
    Undifferentiable,
    UnwatchableState,
    WrongOrder,
)
from autodiff.graph.graph import Graph
from autodiff.graph.trace import trace
from autodiff.transforms.batching import vmap
from autodiff.transforms.checking import WrongGradient, check_gradients
from autodiff.transforms.custom import checkpoint, custom, stop_gradient
from autodiff.transforms.gradients import (
    elementwise_grad,
    grad,
    jvp,
    linearize,
    value_and_grad,
    vjp,
)
from autodiff.transforms.matrices import hessian, hvp, jacobian
from autodiff.transforms.ravel import ravel
from autodiff.transforms.taylor import jet

if TYPE_CHECKING:
    from autodiff.adapters.wrapping import wrap
    from autodiff.plan import Plan, compile

__all__ = [
    "BranchChanged",
    "Graph",
    "LostDerivative",
    "Plan",
    "PlanMismatch",
    "Tensor",
    "TraceEnded",
    "Undifferentiable",
    "UnwatchableState",
    "WrongGradient",
    "WrongOrder",
    "check_gradients",
    "checkpoint",
    "compile",
    "custom",
    "differentiable",
    "elementwise_grad",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jet",
    "jvp",
    "linearize",
    "ravel",
    "rules",
    "stop_gradient",
    "trace",
    "value_and_grad",
    "vjp",
    "vmap",
    "wrap",
]


def __getattr__(name: str) -> Any:
    """Return a name that is imported when it is first used: it would add a sixth to the import."""
    if name in ("Plan", "compile"):
        from autodiff import plan

        return getattr(plan, name)
    if name == "wrap":
        from autodiff.adapters import wrapping

        return wrapping.wrap
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the names, those that are imported late among them."""
    return sorted({*globals(), *__all__})


def differentiable() -> list[str]:
    """Return the names of the NumPy functions that work on tensors, sorted.

    Returns
    -------
    list of str
        Universal functions and other functions.

    Examples
    --------
    >>> {"exp", "matmul", "sum"} <= set(differentiable())
    True
    """
    names = {ufunc.__name__ for ufunc, entry in UFUNCS.items() if entry.differentiable}
    return sorted(names | {getattr(f, "__name__", str(f)) for f in FUNCTIONS})
