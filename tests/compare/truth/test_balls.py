"""Balls: what they enclose is the derivative, and what they do not decide they leave."""

import mpmath
import numpy as np
import pytest

from compare.truth import NoTruth, gradient, true_gradient
from compare.truth.balls import Ball, working_digits

pytest.importorskip("flint")

#: Functions of one number, or of two, with a point inside the domain of all of them.
UNARY = "exp expm1 exp2 log log1p log2 log10 sqrt cbrt sin cos tan arcsin arccos arctan sinh cosh"
UNARY += " tanh arcsinh arctanh degrees radians deg2rad rad2deg fabs negative square reciprocal"
BINARY = "add subtract multiply divide power arctan2 hypot maximum minimum logaddexp fmax"


def _both(monkeypatch, f, inputs):
    """Return the truth by balls, and the one by differences alone."""
    enclosed = true_gradient(f, inputs, seconds=60)
    monkeypatch.setattr(gradient, "INSTALLED", False)
    return enclosed, true_gradient(f, inputs, seconds=60)


def _agree(one, two):
    with mpmath.workdps(60):
        for name, entries in one.gradients.items():
            for a, b in zip(entries.flat, two.gradients[name].flat, strict=True):
                assert abs(a - b) <= abs(b) * mpmath.mpf(10) ** -50, (name, a, b)


def test_every_function_is_enclosed_and_agrees_with_differences(monkeypatch):
    def f(x, y):
        unary = sum(getattr(np, name)(x) for name in UNARY.split())
        binary = sum(getattr(np, name)(x + 2.0, y) for name in BINARY.split())
        steps = x * (np.floor(y) + np.ceil(y) + np.trunc(y) + np.rint(y))
        return unary + np.arccosh(y) + binary + steps + y**3 + np.arctan2(x, -y) + np.arctan2(-y, x)

    enclosed, differences = _both(monkeypatch, f, {"x": 0.3, "y": 1.7})
    assert enclosed.enclosed == enclosed.entries == 2
    assert differences.enclosed == 0
    _agree(enclosed, differences)


def test_matrices_and_a_network_are_enclosed(monkeypatch, rng):
    a, w = rng.normal(size=(3, 3)) + 4.0 * np.eye(3), rng.normal(size=3)

    def f(a, w):
        return np.linalg.slogdet(a)[1] + np.sum(np.tanh(a @ w) * np.linalg.solve(a, w))

    enclosed, differences = _both(monkeypatch, f, {"a": a, "w": w})
    assert enclosed.enclosed == enclosed.entries == 12
    _agree(enclosed, differences)


@pytest.mark.parametrize(
    ("f", "x", "slopes"),
    [
        (lambda x: np.maximum(x, 0.0), 0.0, (0, 1)),
        (lambda x: abs(x - 1.0), 1.0, (-1, 1)),
        (lambda x: np.sqrt(x * x), 0.0, (-1, 1)),
        (lambda x: np.where(x > 2.0, 3 * x, 2 * x + 2), 2.0, (2, 3)),
        (lambda x: np.max(np.stack([x, 2 * x - 1])), 1.0, (1, 2)),
    ],
)
def test_a_kink_is_left_to_differences(f, x, slopes):
    truth = true_gradient(f, {"x": x})
    assert truth.enclosed == 0
    assert sorted(map(float, truth.slopes["x", ()])) == pytest.approx(slopes)


@pytest.mark.parametrize(("f", "expected"), [(lambda x: np.maximum(x, 0.0) ** 2, 0.0)])
def test_a_slope_that_vanishes_with_the_step_is_zero(f, expected):
    assert float(true_gradient(f, {"x": 0.0}).gradients["x"][()]) == expected


def test_where_terms_cancel_the_ball_is_too_wide():
    truth = true_gradient(lambda x: (np.sin(x) ** 2 + np.cos(x) ** 2) * 3.0, {"x": 0.7})
    assert (truth.enclosed, float(truth.gradients["x"][()])) == (0, 0.0)


def test_balls_refuse_what_they_do_not_decide_or_would_round():
    with working_digits(60):
        x = Ball.moving(2.0)
        for undecided in (lambda: x > 2.0, lambda: abs(x - 2), x.floor, lambda: bool(x - 2.0)):
            with pytest.raises(NoTruth):
                undecided()
        with pytest.raises(NoTruth, match="rounds its arguments"):
            float(x)
        assert (x > 1.0, x == Ball.of(3), Ball.of(2) == 2) == (True, False, True)
        # A wrong rule would be seen: the slope of a product is no product of slopes.
        assert float((x * x).enclosed_slope(50)) == 4.0
