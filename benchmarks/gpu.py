"""Checks and times on a GPU, of derivatives of PyTorch arrays by the adapter; some minutes.

``python -m benchmarks.gpu``: forty rules against the host, a network at batch 4096, attention, and
10⁸ elements, beside PyTorch's own gradient, torch.compile and JAX. Without a GPU it says so.
"""

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import autodiff

__all__ = ["attention", "main", "network"]

_RULES = (
    *("exp", "log1p", "tanh", "sin", "cos", "sqrt", "square", "reciprocal", "arctan", "expm1"),
    *("sinh", "cosh", "arcsinh", "exp2", "log", "log2", "negative", "absolute", "positive"),
)
_OTHERS: dict[str, Callable[[Any], Any]] = {
    "sum": lambda x: np.sum(x, axis=0),
    "mean": lambda x: np.mean(x, axis=1),
    "max": lambda x: np.max(x, axis=1),
    "min": lambda x: np.min(x),
    "prod": lambda x: np.prod(x[:3, :3]),
    "var": np.var,
    "matmul": lambda x: x @ x,
    "transpose": lambda x: x.T * x,
    "reshape": lambda x: np.reshape(x, (-1,)) ** 3,
    "concatenate": lambda x: np.concatenate([x, x * x]),
    "stack": lambda x: np.stack([x, x * x]),
    "where": lambda x: np.where(x > 1.0, x**2, x),
    "maximum": lambda x: np.maximum(x, 1.0),
    "clip": lambda x: np.minimum(np.maximum(x, 0.8), 1.2) * x,
    "elements": lambda x: x[0, 1] * x[2, 3],
    "slices": lambda x: x[1:, :2] * x[:-1, 2:4],
    "places": lambda x: x[[0, 0, 2]] ** 2,
    "cumsum": lambda x: np.cumsum(x, axis=0) * x,
    "flip": lambda x: np.flip(x, 0) * x,
    "inv": lambda x: np.linalg.inv(x + 3.0 * np.eye(8)),
    "det": lambda x: np.linalg.det(x + 3.0 * np.eye(8)),
}


def network(parameters: Any, x: Any) -> Any:
    """Return the loss of a network of two layers."""
    w, v = parameters
    return np.mean((np.tanh(x @ w) @ v) ** 2)


def attention(q: Any, k: Any, v: Any) -> Any:
    """Return the sum of squares of what a head of attention gives."""
    scores = (q @ k.T) / q.shape[1] ** 0.5
    shares = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    return np.sum(((shares / np.sum(shares, axis=1, keepdims=True)) @ v) ** 2)


def _check(torch: Any, device: str) -> int:
    """Return how many rules give on the device what they give on the host; print the others."""
    rng, right = np.random.default_rng(0), 0
    x = rng.uniform(0.5, 1.5, size=(8, 8))
    functions = {name: getattr(np, name) for name in _RULES} | _OTHERS
    for name, function in functions.items():
        gradient = autodiff.grad(lambda x, function=function: np.sum(function(x) ** 2))
        try:
            found = gradient(torch.as_tensor(x, device=device))
            same = found.device.type == device.split(":")[0]
            right += int(same and np.allclose(found.cpu().numpy(), gradient(x), rtol=1e-9))
        except Exception as error:  # whatever a library may raise on a device: it is printed
            print(f"{name}: {type(error).__name__}: {str(error)[:90]}")
    print(f"{right} of {len(functions)} rules are right and stay on {device}")
    return right


def _median_s(call: Callable[[], Any], wait: Callable[[], Any], times: int = 9) -> float:
    """Return the median time of a call; the device is waited for before a clock is read."""
    call()
    found = []
    for _ in range(times):
        wait()
        start = time.perf_counter()
        call()
        wait()
        found.append(time.perf_counter() - start)
    return float(np.median(found))


def _times(torch: Any, device: str) -> None:
    make = torch.Generator(device=device).manual_seed(0)

    def normal(*shape: int) -> Any:
        return torch.randn(*shape, generator=make, device=device)

    cases: dict[str, tuple[Callable[..., Any], tuple[Any, ...], Callable[..., Any]]] = {
        "network, batch 4096": (
            lambda w, v, x: network((w, v), x),
            (normal(512, 1024) / 30, normal(1024, 10) / 30, normal(4096, 512)),
            lambda w, v, x: torch.mean((torch.tanh(x @ w) @ v) ** 2),
        ),
        "attention, 2048 × 64": (
            attention,
            (normal(2048, 64), normal(2048, 64), normal(2048, 64)),
            lambda q, k, v: torch.sum((torch.softmax(q @ k.T / 8.0, 1) @ v) ** 2),
        ),
        "10⁸ elements": (
            lambda x: np.sum(np.tanh(x) * x),
            (normal(10**8),),
            lambda x: torch.sum(torch.tanh(x) * x),
        ),
    }
    print("| case | adapter, ms | PyTorch, ms | torch.compile, ms |\n|---|--:|--:|--:|")
    for name, (f, args, theirs) in cases.items():
        ours = autodiff.grad(f)
        plain = torch.func.grad(theirs)
        compiled = torch.compile(plain)
        row = [
            1e3 * _median_s(functools.partial(g, *args), torch.cuda.synchronize)
            for g in (ours, plain, compiled)
        ]
        print(f"| {name} | {' | '.join(f'{ms:.2f}' for ms in row)} |", flush=True)


def main() -> None:
    """Print the checks and the table, or a sentence."""
    try:
        import torch
    except ImportError:
        print("skipped: PyTorch is not installed")
        return
    if not torch.cuda.is_available():
        print("skipped: this machine has no GPU that PyTorch can use")
        return
    autodiff.wrap(torch)
    print(torch.cuda.get_device_name())
    _check(torch, "cuda")
    _times(torch, "cuda")


if __name__ == "__main__":
    main()
