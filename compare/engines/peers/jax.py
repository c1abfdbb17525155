"""JAX: compiled by XLA once a shape, or run operation by operation."""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from compare.engines.calling import Call, by_position, guarded, plain, unsupported
from compare.engines.engine import Engine, Prepared
from compare.engines.rebound import Library
from compare.problems.problem import Case

__all__ = ["JAX", "JAX_EAGER", "SETTINGS", "XLA_FLAGS"]

#: XLA reads them when it starts, to stay on one thread; threadpoolctl does not see its threads.
XLA_FLAGS = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

#: float64, on the processor. Who waits for each result gains nothing from a thread that computes
#: it, and small programs take twice as long.
SETTINGS: dict[str, Any] = {
    "jax_enable_x64": True,
    "jax_platforms": "cpu",
    "jax_cpu_enable_async_dispatch": False,
}


def _jax() -> Any:
    """Return JAX, set to float64 on the processor."""
    jax: Any = importlib.import_module("jax")

    for name, value in SETTINGS.items():
        if jax.config.values[name] != value:
            jax.config.update(name, value)
    return jax


def _environment(threads: int) -> Mapping[str, str]:
    # XLA takes as many threads as NPROC says; the flags keep one program on one of them.
    return {"NPROC": str(threads)} | ({"XLA_FLAGS": XLA_FLAGS} if threads == 1 else {})


def _configure(threads: int) -> int | None:
    """Start XLA and return how many threads it computes with, counted by their names."""
    _jax().devices()
    if not sys.platform.startswith("linux"):
        return None
    names = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    return sum(name.startswith("tf_XLAEigen") for name in names) or None


def _gradient(jax: Any, case: Case) -> Any:
    """Return JAX's function of value and gradients."""
    function = plain(case, Library(jax.numpy))
    return jax.value_and_grad(by_position(case, function), tuple(range(len(case.wrt))))


def _answered(both: Any, call: Call) -> Any:
    """Return the function that runs it: arrays of NumPy in and out, results awaited."""

    def run(inputs: Mapping[str, Any]) -> Any:
        value, gradients = both(*call.values(inputs))
        return float(value), call.named([np.asarray(x_bar) for x_bar in gradients])

    return run


def _prepare(case: Case) -> Prepared:
    jax, call = _jax(), Call(case)
    with unsupported("JAX"):
        # Tracing and lowering is the build; what XLA makes of it is the compilation.
        lowered = jax.jit(_gradient(jax, case)).lower(*call.values(case.inputs))
    programs: list[Any] = []

    def compile_() -> Any:
        if not programs:
            programs.append(_answered(lowered.compile(), call))
        return programs[0]

    return Prepared(lambda inputs: compile_()(inputs), compile=compile_)


def _prepare_eager(case: Case) -> Prepared:
    jax = _jax()
    return Prepared(guarded("JAX", _answered(_gradient(jax, case), Call(case))))


JAX = Engine(
    name="jax",
    meaning="JAX: value_and_grad, compiled by jit",
    imports=("jax",),
    prepare=_prepare,
    configure=_configure,
    environment=_environment,
)
JAX_EAGER = Engine(
    name="jax-eager",
    meaning="JAX: value_and_grad without jit",
    imports=("jax",),
    prepare=_prepare_eager,
    configure=_configure,
    environment=_environment,
)
