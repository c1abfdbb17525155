"""Fixtures of all tests: one seed, one central difference."""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

# A verdict must be the same when it is asked for again; new examples are for people at work.
settings.register_profile("CI", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("CI")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as exhaustive what is left out by default of the cases of a test that is sampled."""
    met: Counter[str] = Counter()
    for item in items:
        sampled = item.get_closest_marker("sampled")
        if sampled is not None:
            test = item.nodeid.partition("[")[0]
            if met[test] % sampled.args[0]:
                item.add_marker("exhaustive")
            met[test] += 1


@pytest.fixture
def rng():
    """The one source of randomness of the tests."""
    return np.random.default_rng(20260)


STEP = 1e-6
TOLERANCE = 2e-7  # a central difference with this step is good to about 1e-9 of the value


def check_against_differences(
    f: Callable[..., Any], found: dict[str, Any], point: dict[str, Any]
) -> None:
    """Hold a gradient against central differences, entry by entry."""
    for name, gradient in found.items():
        base = np.asarray(point[name], dtype=float)
        gradient = np.asarray(gradient)
        assert gradient.shape == base.shape
        for index in np.ndindex(base.shape):
            ends = []
            for sign in (1, -1):
                moved = base.copy()
                moved[index] += sign * STEP
                ends.append(float(f(**{**point, name: moved})))
            expected = (ends[0] - ends[1]) / (2 * STEP)
            np.testing.assert_allclose(
                gradient[index], expected, rtol=TOLERANCE, atol=TOLERANCE, err_msg=f"{name}{index}"
            )


@pytest.fixture(name="differences")
def _differences() -> Callable[..., None]:
    return check_against_differences
