"""The engine of a GPU, with PyTorch's arrays on this processor, and without a GPU."""

import dataclasses

import pytest

from compare.engines import ENGINES
from compare.engines.gpu import GRAPH_CUDA, prepare_on
from compare.problems import PROBLEMS
from compare.run.verify import verify_cases

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
NAMES = ("neuron", "two-layer-relu", "embedding", "ties", "mlp-depth")
CASES = [PROBLEMS[name].case(PROBLEMS[name].verify_size, 0) for name in NAMES]


def test_its_gradients_are_those_of_the_reference():
    refuses = ENGINES["graph"].refuses
    here = dataclasses.replace(GRAPH_CUDA, prepare=prepare_on("cpu"), refuses=refuses)
    frame = verify_cases(CASES, [here], budget_s=60.0, budget_bytes=4 * 2**30)
    assert frame["status"].tolist() == ["ok"] * len(NAMES), frame["message"].tolist()


def test_without_a_gpu_its_cells_say_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert GRAPH_CUDA.device == "cuda"
    assert GRAPH_CUDA.refuses(CASES[0]) == "this machine has no GPU that PyTorch can use"
