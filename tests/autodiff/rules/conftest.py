"""Runs the ``CALLS`` of a test module: for each NumPy function, calls with the shapes they take."""

import pytest


def pytest_generate_tests(metafunc):
    """Give a test that asks for ``numpy_call`` each of the calls of its module."""
    if "numpy_call" in metafunc.fixturenames:
        calls = [
            (f"{f.__name__}-{i}", call, shapes)
            for f, listed in metafunc.module.CALLS.items()
            for i, (call, shapes) in enumerate(listed)
        ]
        metafunc.parametrize(
            ("numpy_call", "shapes"),
            [(call, shapes) for _, call, shapes in calls],
            ids=[name for name, _, _ in calls],
        )


@pytest.fixture
def strided(rng):
    """Return a function that draws an array whose elements lie apart and backwards."""

    def draw(shape):
        x = rng.normal(size=tuple(2 * n for n in shape))
        return x[tuple(slice(None, None, -2) for _ in shape)]

    return draw
