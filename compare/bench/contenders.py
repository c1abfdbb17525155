"""Who computes value and gradient: one entry a contender; libraries that are absent stay out."""

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from compare.bench import peers
from compare.problems.problem import Gradients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compare.bench.workloads import Workload

__all__ = ["BASELINE", "EAGER", "Contender", "Prepared"]


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
    judged : bool
        Whether the goals of the workloads are meant for it.
    """

    name: str
    meaning: str
    module: str
    prepare: "Callable[[Any, Workload], Prepared]"
    session: Callable[[str], AbstractContextManager[Any]] = _plain
    judged: bool = False

    @property
    def version(self) -> str:
        """The version of its library; that of the modules of this project is not known."""
        try:
            return version(self.module)
        except PackageNotFoundError:
            return ""


def _as_they_are(result: Any) -> tuple[Any, Gradients]:
    return result  # type: ignore[no-any-return]


def _by_hand(numpy: Any, workload: "Workload") -> Prepared:
    return Prepared(partial(workload.hand, **workload.inputs), _as_they_are)


def _read(workload: "Workload", result: tuple[Any, Any]) -> tuple[Any, Gradients]:
    """Return value and gradients of a contender that returns the gradients in order."""
    value, gradients = result
    return np.asarray(value), workload.by_name([np.asarray(x_bar) for x_bar in gradients])


def _eager(autodiff: Any, workload: "Workload") -> Prepared:
    function = partial(workload.function, np)
    both = autodiff.value_and_grad(function, workload.argnums)
    return Prepared(partial(both, *workload.inputs.values()), partial(_read, workload))


def _graph(autodiff: Any, workload: "Workload") -> Prepared:
    inputs = workload.inputs.values()
    graph = autodiff.trace(partial(workload.function, np), *inputs, wrt=workload.wrt)
    return Prepared(partial(graph.value_and_gradient, *inputs), _as_they_are)


def _autograd(autograd: Any, workload: "Workload") -> Prepared:
    function = partial(workload.function, importlib.import_module("autograd.numpy"))
    both = autograd.value_and_grad(function, workload.argnums)
    return Prepared(partial(both, *workload.inputs.values()), partial(_read, workload))


def _mygrad(mygrad: Any, workload: "Workload") -> Prepared:
    return Prepared(peers.mygrad_run(mygrad, workload), partial(_read, workload))


def _torch(torch: Any, workload: "Workload") -> Prepared:
    return Prepared(peers.torch_run(torch, workload), partial(_read, workload))


def _jax(jax: Any, workload: "Workload") -> Prepared:
    return Prepared(peers.jax_run(jax, workload, jit=False), partial(_read, workload))


def _jax_jit(jax: Any, workload: "Workload") -> Prepared:
    return Prepared(peers.jax_run(jax, workload, jit=True), partial(_read, workload))


#: The contender that all others are compared with.
BASELINE = Contender("by-hand", "NumPy, the gradient written by a person", "numpy", _by_hand)

#: Contenders that differentiate a function as it runs; a graph or program that this leaves too.
EAGER: dict[str, Contender] = {
    contender.name: contender
    for contender in (
        BASELINE,
        Contender("autodiff", "value_and_grad", "autodiff", _eager, judged=True),
        Contender("autodiff-graph", "trace once, then the graph", "autodiff", _graph),
        Contender("autograd", "HIPS autograd", "autograd", _autograd),
        Contender("mygrad", "MyGrad", "mygrad", _mygrad),
        Contender("torch", "PyTorch, eager", "torch", _torch, peers.torch_session),
        Contender("jax", "without jit", "jax", _jax, peers.jax_session),
        Contender("jax-jit", "compiled by jit", "jax", _jax_jit, peers.jax_session),
    )
}
