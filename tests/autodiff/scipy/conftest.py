"""Runs the ``CASES`` of a test module: for functions of SciPy, calls that stand for it.

A case is ``(name, call, args)``: ``call(f, *args)`` is a number or an array that is made with the
function of that name, of floating-point arguments. A fourth item may be a set of words: "rough" (a
solver's tolerance), "first" (no second derivative), "alone" (not in batches).
"""

import importlib

import numpy as np
import pytest

import autodiff
import autodiff.scipy
from autodiff.scipy.entries import TABLE

#: Importing the modules fills the table.
MODULES = [getattr(autodiff.scipy, name) for name in autodiff.scipy.__all__]


def pytest_generate_tests(metafunc):
    """Give a test that asks for ``case`` each of the cases of its module."""
    if "case" in metafunc.fixturenames:
        cases = [
            pytest.param(case, id=f"{case[0].removeprefix('scipy.')}-{i}")
            for i, case in enumerate(metafunc.module.CASES)
        ]
        metafunc.definition.add_marker(pytest.mark.each("case", cases))


def found(name):
    """Return SciPy's function of a dotted name."""
    module, _, function = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), function)
    except ModuleNotFoundError:
        return getattr(found(module), function)


def answered(name):
    """Return the stand-in for it."""
    if name in TABLE:
        return TABLE[name].answer
    module, _, method = name.rpartition(".")
    return getattr(TABLE[module].answer, method)


def _close(found, expected, words, **tolerance):
    if "rough" in words:
        tolerance = {"rtol": 2e-4, "atol": 2e-5}
    np.testing.assert_allclose(found, expected, **tolerance)


@pytest.fixture
def holds(rng):
    """Return the check of a case: value, both modes, second order, batches."""

    def check(case):
        name, call, args, *more = case
        words = more[0] if more else set()
        theirs, ours = found(name), answered(name)
        args = tuple(np.asarray(x, float) if np.ndim(x) else float(x) for x in args)
        plain = call(theirs, *args)
        np.testing.assert_array_equal(call(ours, *args), plain)

        weights = rng.normal(size=np.shape(plain))

        def loss(*xs):
            return np.sum(weights * call(ours, *xs))

        def reference(*xs):
            return float(np.sum(weights * call(theirs, *xs)))

        numbers = tuple(range(len(args)))
        value, gradients = autodiff.value_and_grad(loss, numbers)(*args)
        np.testing.assert_allclose(value, reference(*args), rtol=1e-9, atol=1e-9)
        recorded = autodiff.jvp(lambda *xs: call(ours, *xs), args, [np.zeros_like(x) for x in args])
        np.testing.assert_allclose(recorded[0], plain, rtol=1e-10, atol=1e-11)
        assert np.shape(recorded[0]) == np.shape(plain)
        steps = [rng.normal(size=np.shape(x))[()] for x in args]
        h = 1e-3 if "rough" in words else 1e-5
        ends = [
            reference(*(x + sign * h * d for x, d in zip(args, steps, strict=True)))
            for sign in (1, -1)
        ]
        slope = (ends[0] - ends[1]) / (2 * h)
        pulled = sum(np.sum(g * d) for g, d in zip(gradients, steps, strict=True))
        pushed = np.sum(weights * autodiff.jvp(lambda *xs: call(ours, *xs), args, steps)[1])
        _close(pulled, slope, words, rtol=2e-6, atol=2e-7)
        _close(pushed, pulled, words, rtol=1e-9, atol=1e-9)
        if "first" not in words:
            product = autodiff.hvp(loss, args, steps)
            product = product if len(args) > 1 else (product,)
            sides = [
                autodiff.grad(loss, numbers)(
                    *(x + sign * h * d for x, d in zip(args, steps, strict=True))
                )
                for sign in (1, -1)
            ]
            for got, up, down in zip(product, *sides, strict=True):
                _close(got, (up - down) / (2 * h), words, rtol=5e-6, atol=5e-6)
        if "alone" not in words:
            stacked = [np.stack([x, x + 1e-3 * d]) for x, d in zip(args, steps, strict=True)]
            both = autodiff.vmap(autodiff.grad(loss, numbers))(*stacked)
            for got, x_bar in zip(both, gradients, strict=True):
                _close(got[0], x_bar, words, rtol=1e-8, atol=1e-9)

    return check
