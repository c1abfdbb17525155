"""Who computes value and gradient: one entry a contender; libraries that are absent stay out."""

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import peers
from compare.problems.problem import Gradients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.workloads import Workload

__all__ = [
    "BASELINE",
    "CHECKPOINT",
    "COMPILED",
    "EAGER",
    "Contender",
    "Prepared",
    "compiled",
    "ready",
]


@dataclass(frozen=True)
class Prepared:
    """A gradient function that is ready for the clock.

    Parameters
    ----------
    run : callable
        ``run()`` computes value and gradients once, as arrays of the contender's own library.
    read : callable
        ``read(result)`` turns what `run` returned into the value and the gradients by name of
        argument, as NumPy arrays. It is not timed.
    """

    run: Callable[[], Any]
    read: Callable[[Any], tuple[Any, Gradients]]


@contextmanager
def _plain(module: str) -> "Iterator[Any]":
    """Import a library that needs no settings."""
    yield importlib.import_module(module)


@dataclass(frozen=True)
class Contender:
    """A way to compute value and gradient.

    Parameters
    ----------
    name : str
        Unique name, as typed on the command line.
    meaning : str
        One line for a reader.
    module : str
        Library it needs, by the name of its module and its distribution.
    prepare : callable
        ``prepare(library, workload)`` returns a `Prepared`: the work done once per shape.
    session : callable
        ``session(module)`` is a context that yields the imported library, set to float64 and
        one thread, and puts the settings back at its end.
    """

    name: str
    meaning: str
    module: str
    prepare: "Callable[[Any, Workload], Prepared]"
    session: Callable[[str], AbstractContextManager[Any]] = _plain

    @property
    def version(self) -> str:
        """The version of its library; that of the modules of this project is not known."""
        try:
            return version(self.module)
        except PackageNotFoundError:
            return ""


def _read(workload: "Workload", result: tuple[Any, Any]) -> tuple[Any, Gradients]:
    """Return value and gradients of a contender as arrays of NumPy."""
    value, gradients = result
    named = workload.by_name(gradients)
    return np.asarray(value), {name: np.asarray(x_bar) for name, x_bar in named.items()}


def _read_rows(workload: "Workload", result: tuple[Any, Any]) -> tuple[Any, Gradients]:
    """Return value and gradients of a contender whose vectors are rows."""
    value, gradients = _read(workload, result)
    return value, {n: g.reshape(np.shape(workload.inputs[n])) for n, g in gradients.items()}


def ready(workload: "Workload", run: Callable[[], Any]) -> Prepared:
    """Return a call that gives value and gradients as arrays or numbers, ready for the clock."""
    return Prepared(run, partial(_read, workload))


def _by_hand(numpy: Any, workload: "Workload") -> Prepared:
    return ready(workload, partial(workload.hand, *workload.inputs.values()))


def _by_best_hand(numpy: Any, workload: "Workload") -> Prepared:
    if workload.best is None:
        raise NotImplementedError("nothing is faster than what is by hand")
    inputs = workload.inputs.values()
    return ready(workload, partial(workload.best(*inputs), *inputs))


def _eager(autodiff: Any, workload: "Workload") -> Prepared:
    return _differentiated(autodiff, workload, partial(workload.function, np))


def _in_parts(autodiff: Any, workload: "Workload") -> Prepared:
    return _differentiated(autodiff, workload, partial(workload.idioms["autodiff"], autodiff))


def _differentiated(autodiff: Any, workload: "Workload", function: Callable[..., Any]) -> Prepared:
    both = autodiff.value_and_grad(function, workload.argnums)
    return ready(workload, partial(both, *workload.inputs.values()))


@contextmanager
def _compiler(module: str) -> "Iterator[Any]":
    """Import a library that plans need, and yield the engine if it makes plans."""
    importlib.import_module(module)
    autodiff = importlib.import_module("autodiff")
    if not hasattr(autodiff, "compile"):
        raise ModuleNotFoundError("autodiff has no compile", name=module)
    yield autodiff


def compiled(autodiff: Any, workload: "Workload", **options: Any) -> Any:
    """Return the function that computes value and gradients by a plan."""
    both = autodiff.value_and_grad(partial(workload.function, np), workload.argnums)
    return autodiff.compile(both, **options)


def _plan(autodiff: Any, workload: "Workload", **options: Any) -> Prepared:
    run = compiled(autodiff, workload, **options)
    return ready(workload, partial(run, *workload.inputs.values()))


def _donating_plan(autodiff: Any, workload: "Workload") -> Prepared:
    if workload.scalar:
        raise NotImplementedError("numbers are always new")
    return _plan(autodiff, workload, donate=True)


def _numba_plan(autodiff: Any, workload: "Workload") -> Prepared:
    try:
        return _plan(autodiff, workload, backend="numba")
    except ValueError as error:
        raise NotImplementedError(str(error)) from error


def _fast_plan(autodiff: Any, workload: "Workload") -> Prepared:
    if workload.name not in ("elementwise", "mixture"):
        raise NotImplementedError("its functions of few elements stay as they are")
    return _plan(autodiff, workload, fast_math=True)


def _graph(autodiff: Any, workload: "Workload") -> Prepared:
    inputs = workload.inputs.values()
    graph = autodiff.trace(partial(workload.function, np), *inputs, wrt=workload.wrt)
    return ready(workload, partial(graph.value_and_gradient, *inputs))


def _peer(
    name: str,
    meaning: str,
    module: str,
    session: Callable[[str], AbstractContextManager[Any]] = _plain,
    read: "Callable[[Workload, Any], tuple[Any, Gradients]]" = _read,
) -> Contender:
    """Return another library as a contender."""

    def prepare(library: Any, workload: "Workload") -> Prepared:
        return Prepared(peers.RUNS[name](library, workload), partial(read, workload))

    return Contender(name, meaning, module, prepare, session)


#: The contender that all others are compared with.
BASELINE = Contender("by-hand", "NumPy, the gradient written by a person", "numpy", _by_hand)

#: Contenders that differentiate a function as it runs; a graph or program that this leaves too.
EAGER: dict[str, Contender] = {
    contender.name: contender
    for contender in (
        BASELINE,
        Contender("autodiff", "value_and_grad", "autodiff", _eager),
        Contender("autodiff-graph", "trace once, then the graph", "autodiff", _graph),
        _peer("autograd", "HIPS autograd", "autograd"),
        _peer("mygrad", "MyGrad", "mygrad"),
        _peer("torch", "PyTorch, eager", "torch", peers.torch_session),
        _peer("jax", "without jit", "jax", peers.jax_session),
        _peer("jax-jit", "compiled by jit", "jax", peers.jax_session),
    )
}

#: Contenders that may prepare a program first, and those that users have otherwise.
COMPILED: dict[str, Contender] = {
    contender.name: contender
    for contender in (
        BASELINE,
        Contender(
            "by-hand-out",
            "the fastest by hand: into buffers, which the next call writes over",
            "numpy",
            _by_best_hand,
        ),
        EAGER["autodiff"],
        Contender("autodiff-plan", "compile(value_and_grad)", "autodiff", _plan, _compiler),
        Contender(
            "autodiff-plan-out",
            "with donate=True: the next call writes over the gradients, as by-hand-out does",
            "autodiff",
            _donating_plan,
            _compiler,
        ),
        Contender("autodiff-plan-fast", "with fast_math=True", "autodiff", _fast_plan, _compiler),
        Contender(
            "autodiff-plan-numba",
            'with backend="numba"',
            "numba",
            _numba_plan,
            _compiler,
        ),
        EAGER["jax-jit"],
        EAGER["torch"],
        EAGER["autograd"],
        EAGER["mygrad"],
        _peer("micrograd", "micrograd", "micrograd"),
        _peer("casadi", "CasADi, scalar expressions", "casadi", read=_read_rows),
    )
}

#: CasADi as it is called with arrays of NumPy, which it returns.
CASADI_ARRAYS = _peer(
    "casadi-arrays", "CasADi, arrays of NumPy in and out", "casadi", read=_read_rows
)

#: A contender that computes parts of a function again instead of keeping them.
CHECKPOINT = Contender(
    "autodiff-checkpoint", "value_and_grad, parts under checkpoint", "autodiff", _in_parts
)
