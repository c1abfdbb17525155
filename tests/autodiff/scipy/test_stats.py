"""Distributions of scipy.stats on tensors."""

import numpy as np
import pytest
import scipy.stats as st

import autodiff
from autodiff.scipy import stats

R = np.random.default_rng(11)
#: For each distribution shapes, and arguments within its support.
CONTINUOUS = {
    "norm": ((), [-1.2, 0.4, 2.0]),
    "t": ((4.5,), [-1.2, 0.4, 2.0]),
    "gamma": ((2.3,), [0.4, 1.1, 3.0]),
    "beta": ((2.3, 1.4), [0.2, 0.5, 0.9]),
    "expon": ((), [0.4, 1.1, 3.0]),
    "laplace": ((), [-1.2, 0.4, 2.0]),
    "lognorm": ((0.7,), [0.4, 1.1, 3.0]),
    "uniform": ((), [0.2, 0.5, 0.9]),
    "cauchy": ((), [-1.2, 0.4, 2.0]),
    "logistic": ((), [-1.2, 0.4, 2.0]),
    "chi2": ((3.5,), [0.4, 1.1, 3.0]),
    "weibull_min": ((1.6,), [0.4, 1.1, 3.0]),
    "pareto": ((1.6,), [1.4, 1.9, 3.0]),
    "halfnorm": ((), [0.4, 1.1, 2.0]),
    "rayleigh": ((), [0.4, 1.1, 2.0]),
    "invgamma": ((2.3,), [0.4, 1.1, 3.0]),
    "gumbel_r": ((), [-0.8, 0.4, 2.0]),
    "f": ((3.5, 5.0), [0.4, 1.1, 3.0]),
    "skewnorm": ((1.5,), [-1.2, 0.4, 2.0]),
    "vonmises": ((1.5,), [-1.2, 0.4, 2.0]),
}
COUNTS = {
    "poisson": (2.3,),
    "binom": (7.0, 0.3),
    "nbinom": (3.5, 0.4),
    "bernoulli": (0.3,),
    "geom": (0.3,),
}


def _cases():
    for name, (shapes, x) in CONTINUOUS.items():
        answer = getattr(stats, name)
        for method in answer._formulas:
            x_, shapes_ = np.array(x), shapes
            if method in ("ppf", "isf"):
                x_ = np.array([0.2, 0.6, 0.9])
            full = method in ("pdf", "logpdf")
            label = f"scipy.stats.{name}.{method}"
            if full:

                def call(f, x, loc, scale, *shapes):
                    return f(x * scale + loc, *shapes, loc=loc + 0.01, scale=scale)

                yield label, call, (x_, 0.5, 1.3, *shapes_)
            elif method in ("ppf", "isf"):
                yield (
                    label,
                    lambda f, q, loc, scale, s=shapes: f(q, *s, loc, scale),
                    (x_, 0.5, 1.3),
                )
            else:
                yield (
                    label,
                    lambda f, x, loc, scale, s=shapes: f(x, *s, loc=loc, scale=scale),
                    (x_, 0.01, 0.97),
                )
    k = np.arange(0, 5)
    for name, shapes in COUNTS.items():
        for method in getattr(stats, name)._formulas:
            constants = shapes[:-1] if method not in ("pmf", "logpmf") or name == "binom" else ()

            def call(f, *args, c=constants, k=k):
                return f(np.minimum(k, 1) if len(args) + len(c) == 1 else k, *c, *args)

            if method.startswith("log"):

                def call(f, *args, c=constants, method=method, name=name):
                    k = 0 if name == "bernoulli" else 2
                    return f(k, *c, *args)

            yield f"scipy.stats.{name}.{method}", call, shapes[len(constants) :]


S = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, -0.2], [0.1, -0.2, 1.0]])
CASES = [
    *_cases(),
    (
        "scipy.stats.multivariate_normal.logpdf",
        lambda f, x, m, c: f(x, m, c + c.T),
        (R.normal(size=(4, 3)), R.normal(size=3), S),
    ),
    (
        "scipy.stats.multivariate_normal.pdf",
        lambda f, x, c: f(x, np.zeros(3), c),
        (R.normal(size=3), [1.0, 2.0, 0.5]),
    ),
    ("scipy.stats.multivariate_normal.logpdf", lambda f, x, c: f(x, 0.3, c), (0.7, 1.4)),
    (
        "scipy.stats.dirichlet.logpdf",
        lambda f, x, a: f(x, a),
        ([0.2, 0.3], [1.5, 2.0, 0.7]),
    ),
    ("scipy.stats.dirichlet.pdf", lambda f, a: f([[0.2], [0.3], [0.5]], a), ([1.5, 2.0, 0.7],)),
]


def test_cases(case, holds):
    holds(case)


@pytest.mark.each("name", CONTINUOUS)
def test_values_outside_the_support_and_of_wrong_parameters(name):
    shapes, _ = CONTINUOUS[name]
    x = np.array([-np.inf, -3.0, 0.0, 0.5, 1.0, 2.0, np.inf, np.nan])
    theirs, ours = getattr(st, name), getattr(stats, name)
    for method in ours._formulas:
        if method in ("ppf", "isf"):
            x = np.array([-0.1, 0.0, 0.3, 1.0, 1.1])
        with np.errstate(all="ignore"):
            for scale in (1.0, 0.0, -1.0):
                plain = getattr(theirs, method)(x, *shapes, scale=scale)
                (found,) = [
                    autodiff.jvp(
                        lambda s: getattr(ours, method)(x, *shapes, scale=s),  # noqa: B023
                        (scale,),
                        (1.0,),
                    )[0]
                ]
                # SciPy's own formulas are infinity minus infinity at infinity: not a number.
                lost = np.isinf(x) & np.isnan(plain)
                np.testing.assert_allclose(
                    np.where(lost, 0.0, found),
                    np.where(lost, 0.0, plain),
                    rtol=1e-9,
                    atol=1e-12,
                    err_msg=method,
                )


@pytest.mark.parametrize("name", COUNTS)
def test_counts_outside_the_support(name):
    shapes = COUNTS[name]
    k = np.array([-1.0, 0.0, 1.0, 1.5, 2.0, 7.0, 30.0])
    for method in getattr(stats, name)._formulas:
        with np.errstate(all="ignore"):
            plain = getattr(getattr(st, name), method)(k, *shapes)
            found = autodiff.jvp(
                lambda p: getattr(getattr(stats, name), method)(k, *shapes[:-1], p),  # noqa: B023
                (shapes[-1],),
                (1.0,),
            )[0]
        np.testing.assert_allclose(found, plain, rtol=1e-9, atol=1e-12, err_msg=method)


def test_no_gradient_outside_the_support():
    slope = autodiff.grad(lambda x: np.sum(stats.gamma.pdf(np.array([-1.0, 2.0]), 2.0, scale=x)))
    alone = autodiff.grad(lambda x: stats.gamma.pdf(2.0, 2.0, scale=x))
    assert slope(1.5) == alone(1.5)


def test_frozen_distributions():
    def loss(x):
        return np.sum(stats.norm(loc=x, scale=2.0).logpdf(np.arange(3.0)))

    np.testing.assert_allclose(autodiff.grad(loss)(0.5), (0.0 + 1.0 + 2.0 - 1.5) / 4.0)
    assert stats.norm(1.0, 2.0).mean() == 1.0
    assert stats.norm(0.0, 1.0).logpdf(0.3) == st.norm.logpdf(0.3)


def test_single_precision_is_computed_in_double():
    x = np.float32(0.5)
    found = autodiff.grad(lambda x: stats.norm.logpdf(x, 0.1))(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, -0.4, rtol=1e-6)


def test_what_has_no_rule_says_so():
    with pytest.raises(autodiff.Undifferentiable, match=r"scipy.stats.norm.entropy has no"):
        autodiff.grad(lambda x: stats.norm.entropy(scale=x))(1.0)
    with pytest.raises(autodiff.Undifferentiable, match="no derivative with respect to the counts"):
        autodiff.grad(lambda k: stats.poisson.pmf(k, 1.0))(1.0)
    with pytest.raises(TypeError, match="these are taken: a, loc, scale"):
        autodiff.grad(lambda x: stats.gamma.pdf(x, 1.0, shape=2.0))(1.0)
    assert stats.norm.rvs(size=2, random_state=1).shape == (2,)
