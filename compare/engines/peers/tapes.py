"""HIPS autograd and MyGrad: tapes over NumPy, recorded anew for every gradient."""

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from compare.engines.calling import Call, by_position, guarded, plain
from compare.engines.engine import Engine, Prepared
from compare.engines.rebound import Library
from compare.problems.problem import Case

__all__ = ["AUTOGRAD", "MYGRAD"]


def _prepare_autograd(case: Case) -> Prepared:
    autograd: Any = importlib.import_module("autograd")
    importlib.import_module("autograd.numpy")

    function = by_position(case, plain(case, Library(autograd.numpy)))
    both, call = autograd.value_and_grad(function, tuple(range(len(case.wrt)))), Call(case)

    def run(inputs: Mapping[str, Any]) -> Any:
        value, gradients = both(*call.values(inputs))
        return float(value), call.named(gradients)

    return Prepared(guarded("HIPS autograd", run))


def _prepare_mygrad(case: Case) -> Prepared:
    mygrad: Any = importlib.import_module("mygrad")

    function, call = case.problem.function, Call(case)

    def run(inputs: Mapping[str, Any]) -> Any:
        tensors = {name: mygrad.tensor(inputs[name], copy=False) for name in call.wrt}
        out = function(**{**inputs, **tensors})
        if isinstance(out, mygrad.Tensor):
            out.backward()
        found = [tensors[name].grad for name in call.wrt]
        # An argument that the value does not depend on has no gradient there, and a zero one here.
        shapes = [tensor.shape for tensor in tensors.values()]
        gradients = [np.zeros(n) if g is None else g for g, n in zip(found, shapes, strict=True)]
        return float(np.asarray(out)), call.named(gradients)

    return Prepared(guarded("MyGrad", run))


AUTOGRAD = Engine(
    name="autograd",
    meaning="HIPS autograd: value_and_grad",
    imports=("autograd", "autograd.numpy"),
    prepare=_prepare_autograd,
)
MYGRAD = Engine(
    name="mygrad",
    meaning="MyGrad: tensors that record what NumPy does with them",
    imports=("mygrad",),
    prepare=_prepare_mygrad,
)
