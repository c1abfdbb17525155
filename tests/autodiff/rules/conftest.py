"""Runs the ``CALLS`` of a test module: for each NumPy function, calls with the shapes they take."""

import pytest


def pytest_generate_tests(metafunc):
    """Give a test that asks for ``numpy_call`` each of the calls of its module."""
    if "numpy_call" in metafunc.fixturenames:
        calls = [
            pytest.param(call, shapes, id=f"{f.__name__}-{i}")
            for f, listed in metafunc.module.CALLS.items()
            for i, (call, shapes) in enumerate(listed)
        ]
        metafunc.definition.add_marker(pytest.mark.each(("numpy_call", "shapes"), calls))


@pytest.fixture
def strided(rng):
    """Return a function that draws an array whose elements lie apart and backwards."""

    def draw(shape):
        x = rng.normal(size=tuple(2 * n for n in shape))
        return x[tuple(slice(None, None, -2) for _ in shape)]

    return draw
