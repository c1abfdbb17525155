"""A difference quotient that is good to eleven digits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

STEP = 2e-3
# Of the sixth order: the error is STEP**6 / 140 times the seventh derivative, and 1e-16 / STEP.
STENCIL = ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))
TOLERANCE = 1e-9


def relative_error(found: Any, expected: Any) -> float:
    """Return the largest difference, relative to the largest entry or 1."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    assert found.shape == expected.shape
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    return float(np.max(np.abs(found - expected), initial=0.0)) / scale


def differences_of(f: Callable[..., Any], point: dict[str, Any], name: str) -> Any:
    """Return the derivatives by one argument, entry by entry, of the sixth order."""
    base = np.asarray(point[name], dtype=float)
    result = np.zeros(base.shape)
    for index in np.ndindex(base.shape):
        for k, weight in STENCIL:
            for sign in (1, -1):
                moved = base.copy()
                moved[index] += sign * k * STEP
                value = float(f(**{**point, name: moved}))
                result[index] += sign * weight * value / STEP
    return result


@pytest.fixture
def error() -> Callable[..., float]:
    return relative_error


@pytest.fixture
def precise() -> Callable[..., Any]:
    return differences_of
