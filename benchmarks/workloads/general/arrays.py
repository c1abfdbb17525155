"""Single operations on large arrays: rows of a table, a ring of tensors, windows, 10⁷ elements."""

from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.workloads.workload import Workload
from compare.problems.problem import Gradients, Inputs

__all__ = ["embedding", "large", "ring", "windows"]


def _embedding(places: Any, xp: Any, table: Any, w: Any) -> Any:
    # A sum, not a mean: PyTorch's takes the axis under another name.
    bags = table[places].sum(1) / places.shape[1]
    return xp.sum(xp.tanh(bags @ w) ** 2)


def _embedding_by_hand(places: Any, table: Any, w: Any) -> tuple[float, Gradients]:
    length = places.shape[1]
    bags = table[places].sum(axis=1) / length
    t = np.tanh(bags @ w)
    z_bar = 2.0 * t * (1.0 - t * t)
    bags_bar = (z_bar @ w.T) / length
    table_bar = np.zeros_like(table)
    np.add.at(table_bar, places, bags_bar[:, None, :])
    return np.sum(t * t), {"table": table_bar, "w": bags.T @ z_bar}


def _draw_embedding(rows: int, width: int, rng: np.random.Generator) -> Inputs:
    table = rng.standard_normal((rows, width))
    return {"table": table, "w": rng.standard_normal((width, width)) / width**0.5}


def embedding(rows: int = 10_000, width: int = 32, bags: int = 200, length: int = 20) -> Workload:
    """Return means of rows of a table, some rows of which repeat."""
    # Squares: small numbers come more often, as frequent words do.
    places = (rows * np.random.default_rng(1).random((bags, length)) ** 2).astype(int)
    return Workload(
        name="embedding",
        meaning=f"{bags} bags of {length} rows of a table of {rows}×{width}, with repeated rows",
        operations=0,
        group="general",
        function=partial(_embedding, places),
        hand=partial(_embedding_by_hand, places),
        draw=partial(_draw_embedding, rows, width),
        wrt=("table", "w"),
    )


_RING = "aib,bjc,ckd,dla->ijkl"


def _ring(xp: Any, target: Any, g1: Any, g2: Any, g3: Any, g4: Any) -> Any:
    whole = xp.einsum(_RING, g1, g2, g3, g4, optimize=True)
    return xp.sum((whole - target) ** 2)


def _ring_in_torch(torch: Any, target: Any, g1: Any, g2: Any, g3: Any, g4: Any) -> Any:
    return torch.sum((torch.einsum(_RING, g1, g2, g3, g4) - target) ** 2)


def _halves(left: Any, right: Any) -> Any:
    """Return two cores joined, with the ends of the ring in front: (a, c, i, j)."""
    return np.tensordot(left, right, (2, 0)).transpose(0, 3, 1, 2)


def _ring_by_hand(target: Any, g1: Any, g2: Any, g3: Any, g4: Any) -> tuple[float, Gradients]:
    rank, n, _ = g1.shape
    first = _halves(g1, g2).reshape(rank * rank, n * n)
    second = _halves(g3, g4).transpose(1, 0, 2, 3).reshape(rank * rank, n * n)
    residual = first.T @ second - target.reshape(n * n, n * n)
    whole_bar = 2.0 * residual
    shape = (rank, rank, n, n)
    first_bar = (second @ whole_bar.T).reshape(shape)
    second_bar = (first @ whole_bar).reshape(shape).transpose(1, 0, 2, 3)
    gradients = {}
    pairs = (("g1", "g2", g1, g2, first_bar), ("g3", "g4", g3, g4, second_bar))
    for left_name, right_name, left, right, bar in pairs:
        gradients[left_name] = np.tensordot(bar, right, ((1, 3), (2, 1)))
        gradients[right_name] = np.tensordot(left, bar, ((0, 1), (0, 2))).transpose(0, 2, 1)
    return np.sum(residual**2), gradients


def _draw_ring(rank: int, n: int, rng: np.random.Generator) -> Inputs:
    cores = {f"g{k}": rng.standard_normal((rank, n, rank)) / rank**0.5 for k in range(1, 5)}
    return {"target": rng.standard_normal((n, n, n, n)), **cores}


def ring(rank: int = 8, n: int = 10) -> Workload:
    """Return the misfit of a ring of four tensors."""
    return Workload(
        name="ring",
        meaning=f"ring of four tensors of rank {rank} and length {n}, by einsum(optimize=True)",
        operations=0,
        group="general",
        function=_ring,
        idioms={"torch": _ring_in_torch},
        hand=_ring_by_hand,
        draw=partial(_draw_ring, rank, n),
        wrt=("g1", "g2", "g3", "g4"),
    )


def _windows(xp: Any, x: Any, w: Any) -> Any:
    parts = sliding_window_view(x, w.shape[1:], (1, 2))
    return xp.sum(xp.tanh(xp.tensordot(parts, w, ((3, 4), (1, 2)))))


def _windows_in_jax(xp: Any, x: Any, w: Any) -> Any:
    from jax import lax

    return xp.sum(xp.tanh(lax.conv(x[:, None], w[:, None], (1, 1), "VALID")))


def _windows_in_torch(torch: Any, x: Any, w: Any) -> Any:
    return torch.tanh(torch.nn.functional.conv2d(x[:, None], w[:, None])).sum()


def _windows_by_hand(x: Any, w: Any) -> tuple[float, Gradients]:
    parts = sliding_window_view(x, w.shape[1:], (1, 2))
    t = np.tanh(np.tensordot(parts, w, ((3, 4), (1, 2))))
    z_bar = 1.0 - t * t
    w_bar = np.tensordot(z_bar, parts, ((0, 1, 2), (0, 1, 2)))
    parts_bar = np.tensordot(z_bar, w, (3, 0))
    x_bar = np.zeros_like(x)
    height, width = t.shape[1:3]
    for i in range(w.shape[1]):
        for j in range(w.shape[2]):
            x_bar[:, i : i + height, j : j + width] += parts_bar[..., i, j]
    return np.sum(t), {"x": x_bar, "w": w_bar}


def _draw_windows(
    images: int, size: int, filters: int, side: int, rng: np.random.Generator
) -> Inputs:
    w = rng.standard_normal((filters, side, side)) / side
    return {"x": rng.standard_normal((images, size, size)), "w": w}


def windows(images: int = 16, size: int = 28, filters: int = 8, side: int = 5) -> Workload:
    """Return a layer of convolutions, by windows that slide over images."""
    return Workload(
        name="windows",
        meaning=f"{filters} convolutions {side}×{side} of {images} images {size}×{size}, by "
        "sliding windows",
        operations=0,
        group="general",
        function=_windows,
        idioms={"jax": _windows_in_jax, "torch": _windows_in_torch},
        hand=_windows_by_hand,
        draw=partial(_draw_windows, images, size, filters, side),
        wrt=("x", "w"),
    )


def _large(xp: Any, x: Any, y: Any) -> Any:
    return xp.sum(xp.sqrt(x * x + 1.0) * y)


def _large_by_hand(x: Any, y: Any) -> tuple[float, Gradients]:
    root = np.sqrt(x * x + 1.0)
    return np.sum(root * y), {"x": y * x / root, "y": root}


def _draw_large(size: int, rng: np.random.Generator) -> Inputs:
    return {"x": rng.standard_normal(size), "y": rng.standard_normal(size)}


def large(size: int = 10**7) -> Workload:
    """Return a sum over more elements than any cache holds."""
    return Workload(
        name="large",
        meaning=f"a sum of {size:,} elements",
        operations=0,
        group="general",
        function=_large,
        hand=_large_by_hand,
        draw=partial(_draw_large, size),
        wrt=("x", "y"),
    )
