"""The graph engine on a GPU: PyTorch's arrays by the adapter, there and back within the clock."""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

from compare.engines.calling import Call, by_position, guarded
from compare.engines.engine import Engine, Prepared
from compare.problems.problem import Case

__all__ = ["GRAPH_CUDA", "prepare_on"]


def prepare_on(device: str) -> Callable[[Case], Prepared]:
    """Return the preparation of value and gradients on a device of PyTorch's."""

    def prepare(case: Case) -> Prepared:
        import autodiff

        torch: Any = importlib.import_module("torch")
        autodiff.wrap(torch)
        call, wrt = Call(case), tuple(range(len(case.wrt)))
        both = autodiff.value_and_grad(by_position(case, case.problem.function), argnums=wrt)

        def moved(x: Any) -> Any:
            kind = torch.float64 if isinstance(x, float) else None
            return torch.as_tensor(x, dtype=kind, device=device)

        def run(inputs: Mapping[str, Any]) -> Any:
            value, gradients = both(*map(moved, call.values(inputs)))
            if device == "cuda":
                torch.cuda.synchronize()
            return value.item(), call.named([x_bar.cpu().numpy() for x_bar in gradients])

        return Prepared(guarded("PyTorch", run))

    return prepare


def _refuses(case: Case) -> str:
    if importlib.util.find_spec("torch") is None:
        return "arrays on a GPU are PyTorch's, which is not installed: pip install torch"
    if not importlib.import_module("torch").cuda.is_available():
        return "this machine has no GPU that PyTorch can use"
    return ""


GRAPH_CUDA = Engine(
    name="graph-cuda",
    meaning="autodiff: value_and_grad of PyTorch's arrays on a GPU, moved there and back",
    imports=("autodiff", "torch"),
    prepare=prepare_on("cuda"),
    refuses=_refuses,
    device="cuda",
)
