"""Hessians of matrix expressions: Laue, Mitterreiter and Giesen's, in times of the formula's."""

import importlib
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import symdiff
from benchmarks.turns import fair_collector, ratio, sampler, take_turns
from compare.engines.rebound import Library, rebound

__all__ = ["hessian_ratios"]

_ROUNDS, _SAMPLE_S = 5, 5e-3
Function = Callable[..., Any]


def _quadratic(x: Any, a: Any) -> Any:
    return x @ a @ x


def _regression(w: Any, x: Any, y: Any) -> Any:
    return np.sum(np.log(1 + np.exp(-y * (x @ w))))


def _factorisation(u: Any, v: Any, t: Any) -> Any:
    return np.sum((t - u @ v.T) ** 2)


def _network(w: Any, x: Any, y: Any) -> Any:
    return np.sum((np.tanh(x @ w) - y) ** 2)


def _problems() -> dict[str, tuple[Function, tuple[Any, ...]]]:
    rng = np.random.default_rng(0)
    n = 100
    return {
        "xᵀAx, n 100": (_quadratic, (rng.normal(size=n), rng.normal(size=(n, n)))),
        "logistic regression, 200 rows, 100 parameters": (
            _regression,
            (rng.normal(size=n), rng.normal(size=(2 * n, n)), rng.choice([-1.0, 1.0], 2 * n)),
        ),
        "matrix factorisation, 20 × 20, rank 5": (
            _factorisation,
            (rng.normal(size=(20, 5)), rng.normal(size=(20, 5)), rng.normal(size=(20, 20))),
        ),
        "neuron, tanh, 200 rows, 100 parameters": (
            _network,
            (0.1 * rng.normal(size=n), rng.normal(size=(2 * n, n)), rng.normal(size=2 * n)),
        ),
    }


def _in_autograd(f: Function, args: tuple[Any, ...]) -> Function:
    autograd: Any = importlib.import_module("autograd")
    numpy: Any = importlib.import_module("autograd.numpy")
    return partial(autograd.hessian(rebound(f, Library(numpy))), *args)


def _in_torch(f: Function, args: tuple[Any, ...]) -> Function:
    torch: Any = importlib.import_module("torch")
    from compare.engines.peers.torch_numpy import TorchNumPy

    torch.set_num_threads(1)
    stand = TorchNumPy()
    function = rebound(f, Library(stand, stand.constant))
    x, *rest = (torch.tensor(each) for each in args)
    hessian = torch.autograd.functional.hessian
    return lambda: hessian(lambda x: function(x, *rest), x).numpy()


_FRAMEWORKS = {"autograd": _in_autograd, "torch": _in_torch}


def hessian_ratios() -> Iterator[tuple[str, float]]:
    """Return the time of each framework that is installed, in times of the formula's."""
    here = {name: made for name, made in _FRAMEWORKS.items() if find_spec(name)}
    for name, (f, args) in _problems().items():
        formula = partial(symdiff.hessian(f, strategy="matrix"), *args)
        runs = {"formula": formula} | {each: made(f, args) for each, made in here.items()}
        right = np.asarray(formula())
        for each, run in runs.items():
            error = np.max(np.abs(np.reshape(run(), right.shape) - right)) / np.max(np.abs(right))
            if not error < 1e-8:
                raise ValueError(f"{name}: {each} differs by {error:.1e} of the largest entry")
        with threadpool_limits(1), fair_collector():
            samplers = {each: sampler(run, _SAMPLE_S) for each, run in runs.items()}
            samples, _ = take_turns(samplers, _ROUNDS)
        for each in here:
            yield f"{name}: {each}", ratio(samples[each], samples["formula"]).median
