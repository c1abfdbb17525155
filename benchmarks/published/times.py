"""Time of a derivative to that of its function: ADBench's and cmpad's problems at their sizes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.gradbench.engines import ENGINES
from benchmarks.gradbench.evals import EVALS
from benchmarks.gradbench.evals.inputs import cameras, hand, letters
from benchmarks.turns import fair_collector, ratio, sampler, take_turns

__all__ = ["ADBENCH", "CMPAD", "Timed", "own_ratios"]

_ROUNDS, _SAMPLE_S = 5, 5e-3


@dataclass(frozen=True)
class Timed:
    """A function at one size, with the ratios that others published."""

    #: Its size, for a reader.
    what: str
    #: The eval of GradBench that it is, and its names for the function and the derivative.
    eval: str
    function: str
    derivative: str
    arguments: Callable[[], tuple[Any, ...]]
    #: By tool: of those that record as the function runs, and of those that compiled it before.
    tapes: Mapping[str, float]
    compiled: Mapping[str, float]


def own_ratios(timed: Timed) -> dict[str, float]:
    """Return the ratios of our eager engine and of its plans, medians of samples taken in turn."""
    functions, arguments = EVALS[timed.eval].functions, timed.arguments()
    runs = {"function": partial(functions[timed.function](ENGINES["autodiff"](False)), *arguments)}
    for name, compiled in (("eager", False), ("plan", True)):
        derivative = functions[timed.derivative](ENGINES["autodiff"](compiled))
        runs[name] = partial(derivative, *arguments)
    _check(timed, runs["eager"](), runs["plan"]())
    with threadpool_limits(1), fair_collector():
        samplers = {name: sampler(run, _SAMPLE_S) for name, run in runs.items()}
        samples, lost = take_turns(samplers, _ROUNDS)
    if lost:
        raise ValueError(f"{timed.what}: {lost}")
    return {
        name: ratio(samples[name], samples["function"]).median
        for name in runs.keys() - {"function"}
    }


def _check(timed: Timed, eager: Any, plan: Any) -> None:
    """Raise an error if the two differ in eight digits of the largest entry."""
    left, right = _numbers(eager), _numbers(plan)
    error = np.max(np.abs(left - right)) / (np.max(np.abs(left)) or 1.0)  # an_ode has only zeros
    if not error < 1e-8:
        raise ValueError(f"{timed.what}: eager and plan differ by {error:.1e} of the largest entry")


def _numbers(result: Any) -> Any:
    parts = result.values() if isinstance(result, dict) else [result]
    return np.concatenate([np.ravel(part) for part in parts])


def _mixture(n: int, d: int, k: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    return (
        rng.normal(size=k),
        rng.random((k, d)),
        0.1 * rng.normal(size=(k, d)),
        0.1 * rng.normal(size=(k, d * (d - 1) // 2)),
        rng.normal(size=(n, d)),
        0,
        1.0,
    )


def _views(n: int, m: int, p: int) -> tuple[Any, ...]:
    return cameras(n, m, p, np.random.default_rng(0))


def _letters(layers: int, count: int) -> tuple[Any, ...]:
    return tuple(letters(layers, count, np.random.default_rng(0)).values())


def _objective(what: str, name: str, arguments: Any, tapes: Any, compiled: Any) -> Timed:
    return Timed(what, name, "objective", "jacobian", arguments, tapes, compiled)


#: Release builds of 2018, from the data of the interactive graphs "[Jacobian ÷ objective]".
ADBENCH: tuple[Timed, ...] = (
    _objective(
        "gmm, n 1,000, d 10, k 50", "gmm", partial(_mixture, 1000, 10, 50),
        {"Autograd": 333.8, "ADOL-C": 35.96, "Adept": 13.20},
        {"Theano": 9.089, "by hand in C++": 2.388},
    ),
    _objective(
        "gmm, n 10,000, d 10, k 50", "gmm", partial(_mixture, 10_000, 10, 50),
        {"ADOL-C": 29.04, "Adept": 15.51, "PyTorch": 9.351},
        {"Theano": 13.30, "by hand in C++": 2.894},
    ),
    _objective(
        "ba 1: n 49, m 7,776, p 31,843", "ba", partial(_views, 49, 7776, 31843),
        {"ADOL-C": 1542, "Autograd": 44.45, "Adept": 28.15},
        {"Theano": 14.23, "by hand in C++": 11.42},
    ),
    _objective(
        "lstm, l 2, c 1,024", "lstm", partial(_letters, 2, 1024), {"PyTorch": 3.199}, {}
    ),
    _objective(
        "hand 1, simple: 26 angles, 100 points", "ht", partial(hand, 100, False),
        {"PyTorch": 281.4, "ADOL-C": 18.08},
        {"Theano": 752.0, "by hand in C++": 3.007},
    ),
    _objective(
        "hand 1, complicated: 26 angles, 100 points on triangles", "ht", partial(hand, 100, True),
        {"Adept": 71.23, "ADOL-C": 52.18},
        {"by hand in C++": 3.047},
    ),
)  # fmt: skip


def _rates(function: float, **gradients: float) -> dict[str, float]:
    """Return ratios of times, from calls in a second."""
    return {name: function / rate for name, rate in gradients.items()}


def _gradient(what: str, name: str, arguments: Any, tapes: Any, compiled: Any) -> Timed:
    return Timed(what, name, "primal", "gradient", arguments, tapes, compiled)


#: Without the time to set up (``time_setup`` false): rates of the function in Python beside
#: packages of Python, in C++ beside those of C++.
CMPAD: tuple[Timed, ...] = (
    _gradient(
        "det_by_minor, 3 × 3", "det",
        lambda: (np.random.default_rng(0).random((3, 3)),),
        _rates(1.7e5, autograd=1.9e3, torch=2.7e3) | _rates(7.0e6, adolc=4.9e5),
        _rates(1.7e5, cppad_py=3.3e4) | _rates(7.0e6, cppad=2.8e6, cppad_jit=9.0e6),
    ),
    _gradient(
        "an_ode, n 100, 9 steps", "ode",
        lambda: (0.5 + np.random.default_rng(0).random(100), 9),
        _rates(3.8e2, autograd=2.3, torch=6.5) | _rates(2.3e5, adolc=8.8e3),
        _rates(3.8e2, cppad_py=6.6e3) | _rates(2.3e5, cppad=5.5e5, cppad_jit=8.6e5),
    ),
    _gradient(
        "llsq_obj, 9 parameters, 100 points", "llsq",
        lambda: EVALS["llsq"].read({"x": np.random.default_rng(0).random(9), "n": 100}),
        _rates(4.0e4, autograd=1.2e3, torch=1.4e3) | _rates(1.9e6, adolc=7.3e4),
        _rates(4.0e4, cppad_py=1.2e4) | _rates(1.9e6, cppad=7.8e4, cppad_jit=1.4e6),
    ),
)  # fmt: skip
