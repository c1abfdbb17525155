"""Inputs that are drawn, of the sizes that are asked: cameras, letters, a hand."""

from typing import Any

import numpy as np

__all__ = ["cameras", "hand", "letters"]

#: Bones of the hand: a wrist, five fingers of four, an arm.
_PARENTS = [-1, *(0 if i % 4 == 1 else i - 1 for i in range(1, 21)), 0]


def cameras(n: int, m: int, p: int, rng: np.random.Generator) -> tuple[Any, ...]:
    """Return the arguments of ba: cameras, points, weights, features, and who sees what."""
    view = np.array([0.1, -0.2, 0.3, 0.5, -0.4, -3.0, 7.0, 1.0, 2.0, 0.01, -0.02])
    return (
        view + 0.01 * rng.normal(size=(n, 11)),
        rng.random((m, 3)),
        rng.random(p),
        rng.normal(size=(p, 2)),
        rng.integers(0, n, p),
        rng.integers(0, m, p),
    )


def letters(layers: int, count: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return the arguments of lstm by name, for letters of 14 bits."""
    return {
        "main": rng.random((2 * layers, 56)),
        "extra": rng.random((3, 14)),
        "state": rng.random((2 * layers, 14)),
        "sequence": rng.integers(0, 2, (count, 14)).astype(float),
    }


def hand(count: int, moved: bool, vertices: int = 544) -> tuple[Any, Any, dict[str, Any]]:
    """Return the arguments of ht: angles, places on triangles (none if not `moved`), the hand."""
    rng = np.random.default_rng(0)

    def matrices() -> Any:
        found = np.tile(np.eye(4), (len(_PARENTS), 1, 1))
        found[:, :3] += 0.2 * rng.normal(size=(len(_PARENTS), 3, 4))
        return found

    data = {
        "parents": _PARENTS,
        "base_relatives": matrices(),
        "inverse_base_absolutes": matrices(),
        "base_positions": np.column_stack([rng.normal(size=(vertices, 3)), np.ones(vertices)]),
        "weights": rng.random((vertices, len(_PARENTS))),
        "triangles": rng.integers(0, vertices, (2 * vertices, 3)),
        "is_mirrored": False,
        "correspondences": rng.integers(0, vertices, count),
        "points": rng.normal(size=(count, 3)),
    }
    us = rng.random((count, 2)) / 2 if moved else np.zeros((0, 2))
    return 0.3 * rng.normal(size=26), us, data
