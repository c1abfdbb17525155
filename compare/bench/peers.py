"""The other libraries: how each computes value and gradient, in float64 and on one thread."""

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compare.bench.workloads import Workload

__all__ = ["jax_run", "jax_session", "mygrad_run", "torch_run", "torch_session"]

#: JAX reads this when it starts, and threadpoolctl does not see its threads.
_XLA_FLAGS = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def mygrad_run(mygrad: Any, workload: "Workload") -> Callable[[], Any]:
    """Return a call that computes value and gradients with MyGrad.

    Parameters
    ----------
    mygrad : module
        The library.
    workload : Workload
        What is differentiated.

    Returns
    -------
    callable
        Returns the value and a list of gradients.
    """
    arguments = [
        mygrad.tensor(x) if name in workload.wrt else x for name, x in workload.inputs.items()
    ]
    wanted = [arguments[i] for i in workload.argnums]

    def run() -> Any:
        out = workload.function(mygrad, *arguments)
        out.backward()
        return out.data, [x.grad for x in wanted]

    return run


def torch_run(torch: Any, workload: "Workload") -> Callable[[], Any]:
    """Return a call that computes value and gradients with PyTorch.

    Parameters
    ----------
    torch : module
        The library.
    workload : Workload
        What is differentiated.

    Returns
    -------
    callable
        Returns the value and a tuple of gradients.
    """
    arguments = [
        torch.tensor(x).requires_grad_(name in workload.wrt) for name, x in workload.inputs.items()
    ]
    wanted = [arguments[i] for i in workload.argnums]

    def run() -> Any:
        out = workload.torch_function(torch, *arguments)
        return out.detach(), torch.autograd.grad(out, wanted)

    return run


@contextmanager
def torch_session(module: str) -> Iterator[Any]:
    """Import PyTorch and keep it to one thread.

    Parameters
    ----------
    module : str
        Its name.

    Yields
    ------
    module
        The library.

    Raises
    ------
    OSError
        If it does not report one thread.
    """
    torch = importlib.import_module(module)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        if torch.get_num_threads() != 1:
            raise OSError(f"torch uses {torch.get_num_threads()} threads, told to use one")
        yield torch
    finally:
        torch.set_num_threads(before)


def jax_run(jax: Any, workload: "Workload", jit: bool) -> Callable[[], Any]:
    """Return a call that computes value and gradients with JAX, and waits for them.

    Parameters
    ----------
    jax : module
        The library.
    workload : Workload
        What is differentiated.
    jit : bool
        Whether value and gradient are compiled into one program.

    Returns
    -------
    callable
        Returns the value and a tuple of gradients.
    """
    function = partial(workload.function, jax.numpy)
    both = jax.value_and_grad(function, workload.argnums)
    if jit:
        both = jax.jit(both)
    arguments = [jax.numpy.asarray(x) for x in workload.inputs.values()]

    def run() -> Any:
        return jax.block_until_ready(both(*arguments))

    return run


@contextmanager
def jax_session(module: str) -> Iterator[Any]:
    """Import JAX and set it to float64, the processor and one thread.

    Parameters
    ----------
    module : str
        Its name.

    Yields
    ------
    module
        The library.
    """
    flags = os.environ.get("XLA_FLAGS")
    os.environ["XLA_FLAGS"] = f"{flags or ''} {_XLA_FLAGS}".strip()
    try:
        jax = importlib.import_module(module)
        wanted = {"jax_enable_x64": True, "jax_platforms": "cpu"}
        before = {name: getattr(jax.config, name) for name in wanted}
        for name, value in wanted.items():
            jax.config.update(name, value)
        try:
            jax.devices()  # starts it, under the flags above
            yield jax
        finally:
            for name, value in before.items():
                jax.config.update(name, value)
    finally:
        if flags is None:
            os.environ.pop("XLA_FLAGS", None)
        else:
            os.environ["XLA_FLAGS"] = flags
