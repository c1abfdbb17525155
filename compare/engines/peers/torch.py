"""PyTorch: its tape, its functional transforms, and its compiler."""

import importlib
import shutil
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from compare.engines.calling import Call, by_position, guarded, plain
from compare.engines.engine import Engine, Prepared
from compare.engines.peers.torch_numpy import TorchNumPy
from compare.engines.rebound import Library
from compare.problems.problem import Case

__all__ = ["TORCH", "TORCH_COMPILE", "TORCH_FUNC"]


def _configure(threads: int) -> int:
    torch: Any = importlib.import_module("torch")

    torch.set_num_threads(threads)
    return int(torch.get_num_threads())


def _function(case: Case) -> Callable[..., Any]:
    """Return the function on tensors, arguments in the order of `Call`."""
    library = TorchNumPy()
    return by_position(case, plain(case, Library(library, library.constant)))


def _tensors(torch: Any, call: Call, inputs: Mapping[str, Any]) -> list[Any]:
    """Return the arguments as tensors of float64 that share the memory of their arrays."""
    return [
        torch.from_numpy(x) if isinstance(x, np.ndarray) else torch.tensor(x, dtype=torch.float64)
        for x in call.values(inputs)
    ]


def _numbers(value: Any, gradients: Any, call: Call) -> Any:
    """Return value and gradients as NumPy has them, sharing the memory of the tensors."""
    return value.item(), call.named([x_bar.numpy() for x_bar in gradients])


def _on_tape(case: Case, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that runs another and its tape."""
    torch: Any = importlib.import_module("torch")

    call, count = Call(case), len(case.wrt)

    def run(inputs: Mapping[str, Any]) -> Any:
        tensors = _tensors(torch, call, inputs)
        wrt = tensors[:count]
        for x in wrt:
            x.requires_grad_()
        out = function(*tensors)
        gradients = torch.autograd.grad(out, wrt, materialize_grads=True)
        return _numbers(out, gradients, call)

    return guarded("PyTorch", run)


def _prepare(case: Case) -> Prepared:
    return Prepared(_on_tape(case, _function(case)))


def _prepare_func(case: Case) -> Prepared:
    torch: Any = importlib.import_module("torch")

    call = Call(case)
    both = torch.func.grad_and_value(_function(case), tuple(range(len(case.wrt))))

    def run(inputs: Mapping[str, Any]) -> Any:
        gradients, value = both(*_tensors(torch, call, inputs))
        return _numbers(value, gradients, call)

    return Prepared(guarded("PyTorch", run))


def _prepare_compile(case: Case) -> Prepared:
    torch: Any = importlib.import_module("torch")

    # Programs that were compiled for other problems count against a limit.
    torch._dynamo.reset()
    run = _on_tape(case, torch.compile(_function(case), dynamic=False))

    def compile_() -> None:
        """Call it once, which compiles it: the time of one gradient is a part of this."""
        with warnings.catch_warnings():
            # It warns of caches that are off on purpose, and of functions that it looks through.
            warnings.simplefilter("ignore")
            run(case.inputs)

    return Prepared(run, compile=compile_)


def _refuses_compile(case: Case) -> str:
    if any(map(shutil.which, ("g++", "c++", "clang++", "cl"))):
        return ""
    return "torch.compile needs a C++ compiler, and there is none on the path"


def _own_compiler(threads: int) -> Mapping[str, str]:
    # Programs of an earlier run are not taken over, and no further processes compile.
    return {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1", "TORCHINDUCTOR_COMPILE_THREADS": "1"}


TORCH = Engine(
    name="torch",
    meaning="PyTorch: the tape of torch.autograd.grad, eager",
    imports=("torch",),
    prepare=_prepare,
    configure=_configure,
)
TORCH_FUNC = Engine(
    name="torch-func",
    meaning="PyTorch: torch.func.grad_and_value",
    imports=("torch",),
    prepare=_prepare_func,
    configure=_configure,
)
TORCH_COMPILE = Engine(
    name="torch-compile",
    meaning="PyTorch: torch.compile, forward and backward pass compiled by its inductor",
    imports=("torch",),
    prepare=_prepare_compile,
    refuses=_refuses_compile,
    configure=_configure,
    environment=_own_compiler,
)
