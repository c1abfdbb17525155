"""The ten functions from real uses, as plans."""

import importlib

import numpy as np
import pytest

import autodiff
from autodiff.core.pytrees import flatten

NAMES = [
    *("attention", "black_scholes", "camera_reprojection", "gaussian_process", "k_means"),
    *("kalman_filter", "logistic_regression", "lstm", "ode_rk4", "spring_network"),
]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_compiles(name):
    f, args = importlib.import_module(f"examples.{name}").case()[:2]
    args = args if isinstance(args, tuple) else (args,)
    transform = autodiff.jacobian if np.ndim(f(*args)) else autodiff.value_and_grad
    plan = autodiff.compile(transform(f))
    plan(*args)
    found, expected = flatten(plan(*args))[0], flatten(transform(f)(*args))[0]
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-12 * np.max(np.abs(y)))
