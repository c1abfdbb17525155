"""Gradients of the evals beside other libraries and NumPy by hand, small, on one thread."""

import importlib
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

import autodiff
from benchmarks.gradbench.evals.models import cost, log_posterior, loss
from benchmarks.gradbench.evals.vectors import expansion, least_squares, log_sum_exp, runge_kutta
from benchmarks.turns import fair_collector, ratio, sampler, take_turns
from compare.engines.rebound import Library, rebound

__all__ = ["print_table"]

#: Samples of each, taken in turn, and the length of one in seconds.
_ROUNDS, _SAMPLE_S = 11, 5e-3
Function = Callable[..., Any]


def _last(s: int, x: Any) -> Any:
    return runge_kutta(x, s)[-1]


def _mixture(x: Any, alpha: Any, mu: Any, q: Any, below: Any) -> Any:
    return log_posterior(alpha, mu, q, below, x, 0, 1.0)


def _in_jax(f: Function, wrt: tuple[int, ...], args: tuple[Any, ...]) -> Function:
    from compare.engines.peers.jax import _jax

    jax = _jax()
    found = jax.jit(jax.grad(rebound(f, Library(jax.numpy)), wrt))
    there = [jax.numpy.asarray(x) for x in args]
    return lambda: jax.block_until_ready(found(*there))


def _in_torch(f: Function, wrt: tuple[int, ...], args: tuple[Any, ...]) -> Function:
    torch: Any = importlib.import_module("torch")
    from compare.engines.peers.torch_numpy import TorchNumPy

    torch.set_num_threads(1)
    stand = TorchNumPy()
    function = rebound(f, Library(stand, stand.constant))
    there = [torch.tensor(x, requires_grad=i in wrt) for i, x in enumerate(args)]
    return lambda: torch.autograd.grad(function(*there), [there[i] for i in wrt])


def _in_autograd(f: Function, wrt: tuple[int, ...], args: tuple[Any, ...]) -> Function:
    autograd: Any = importlib.import_module("autograd")
    numpy: Any = importlib.import_module("autograd.numpy")
    return partial(autograd.grad(rebound(f, Library(numpy)), wrt), *args)


def _hand_lse(x: Any) -> Any:
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def _hand_least_squares(x: Any, powers: Any, signs: Any) -> Any:
    return powers.T @ (powers @ x - signs)


def _hand_clusters(centroids: Any, points: Any) -> Any:
    squares = np.sum(centroids**2, axis=1) - 2 * points @ centroids.T
    chosen = np.eye(len(centroids))[np.argmin(squares, axis=1)]
    return 2 * (np.sum(chosen, axis=0)[:, None] * centroids - chosen.T @ points)


def _hand_determinant(a: Any) -> Any:
    return np.linalg.det(a) * np.linalg.inv(a).T


#: Of each eval: the function, the arguments to differentiate by, the arguments, the gradient by
#: hand or None.
_Row = tuple[Function, tuple[int, ...], tuple[Any, ...], Function | None]


def _rows() -> dict[str, _Row]:
    rng = np.random.default_rng(0)
    t = np.linspace(-1, 1, 256)
    points, k, d = rng.random((1000, 8)), 10, 10
    mixture = (
        rng.normal(size=(200, d)),
        rng.normal(size=k),
        rng.random((k, d)),
        rng.normal(size=(k, d)),
        rng.normal(size=(k, d * (d - 1) // 2)),
    )
    network = (
        rng.random((4, 56)),
        rng.random((3, 14)),
        rng.random((4, 14)),
        rng.integers(0, 2, (20, 14)).astype(float),
    )
    return {
        "lse, n 2500": (log_sum_exp, (0,), (rng.random(2500),), _hand_lse),
        "llsq, n 256, m 32": (
            least_squares,
            (0,),
            (rng.random(32), np.vander(t, 32, increasing=True), np.sign(t)),
            _hand_least_squares,
        ),
        "ode, n 30, s 10": (partial(_last, 10), (0,), (0.5 + rng.random(30),), None),
        "det, ell 6": (expansion, (0,), (rng.random((6, 6)),), _hand_determinant),
        "kmeans, k 10, n 1000, d 8": (cost, (0,), (points[-10:], points), _hand_clusters),
        "gmm, k 10, d 10, n 200": (_mixture, (1, 2, 3, 4), mixture, None),
        "lstm, l 2, c 20": (loss, (0, 1), network, None),
    }


def _candidates(f: Function, wrt: tuple[int, ...], args: tuple[Any, ...]) -> dict[str, Function]:
    gradient = autodiff.grad(f, wrt)
    found: dict[str, Function] = {
        "eager": lambda: gradient(*args),
        "plan": partial(autodiff.compile(gradient), *args),
    }
    for name, made in (("jax", _in_jax), ("torch", _in_torch), ("autograd", _in_autograd)):
        if find_spec(name):
            try:
                found[name] = made(f, wrt, args)
                found[name]()
            except Exception:  # it refuses the function: no cell
                found.pop(name, None)
    return found


def print_table() -> None:
    """Print the time of each gradient in times of our plan's, medians of samples in turn."""
    console = Console()
    names = ("eager", "plan", "jax", "torch", "autograd", "by hand")
    table = Table("eval", *names, title="gradient, in times of the plan (medians of 11 in turn)")
    with threadpool_limits(1), fair_collector():
        for name, (f, wrt, args, hand) in _rows().items():
            candidates = _candidates(f, wrt, args)
            if hand is not None:
                candidates["by hand"] = partial(hand, *args)
            _check(name, candidates)
            samples, _ = take_turns(
                {each: sampler(run, _SAMPLE_S) for each, run in candidates.items()}, _ROUNDS
            )
            cells = [
                f"{ratio(samples[each], samples['plan']).median:.2f}" if each in samples else "–"
                for each in names
            ]
            table.add_row(name, *cells)
            console.print(f"{name}: {', '.join(cells)}", style="dim")
    console.print(table)


def _check(name: str, candidates: dict[str, Function]) -> None:
    """Raise an error if two gradients differ in eight digits of the largest entry."""
    right = _flat(candidates["eager"]())
    for each, run in candidates.items():
        error = np.max(np.abs(_flat(run()) - right)) / np.max(np.abs(right))
        if not error < 1e-8:
            raise ValueError(f"{name}: {each} differs from eager by {error:.1e} of the largest")


def _flat(gradients: Any) -> Any:
    parts = gradients if isinstance(gradients, tuple | list) else [gradients]
    return np.concatenate([np.ravel(np.asarray(part)) for part in parts])
