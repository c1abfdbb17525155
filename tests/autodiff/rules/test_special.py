"""Derivatives of scipy.special against 40 digits, its limits, and what is refused."""

import subprocess
import sys

import mpmath
import numpy as np
import pytest
import scipy.special as sp

import autodiff
import autodiff.rules.special
import autodiff.special
from autodiff import grad, value_and_grad
from autodiff.core.primitive import REFUSED, TUPLES, UFUNCS

#: Of SciPy's own functions, in terms of which the derivatives are, the error is a few times this.
DIGITS = 1e-14

mpf = mpmath.mpf


def by(f):
    """Return the exact derivative of a function of one argument."""
    return lambda x: mpmath.diff(f, x)


def density(x):
    return mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi)


def exprel(x):
    return (mpmath.exp(x) - 1) / x


ARGUMENTS = [
    (sp.gamma, lambda x: mpmath.gamma(x) * mpmath.psi(0, x), [0.1, 1.7, 20.0, -0.5, -3.3]),
    (sp.gammaln, lambda x: mpmath.psi(0, x), [1e-10, 0.5, 3.0, 1e10]),
    (sp.rgamma, by(mpmath.rgamma), [0.0, -1.0, -4.0, -2.5, 0.5, 0.2, 3.7, -20.3]),
    (sp.psi, lambda x: mpmath.psi(1, x), [1e-5, 0.5, 3.0, 1e8, -0.5, -4.3]),
    (sp.erf, lambda x: 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x), [0.0, 0.5, -3.0, 6.0]),
    (sp.erfc, lambda x: -2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x), [0.0, 0.5, 6.0]),
    (
        sp.erfcx,
        lambda x: mpmath.diff(lambda t: mpmath.exp(t * t) * mpmath.erfc(t), x),
        [-3.0, 0.0, 2.0, 7.9, 8.1, 30.0, 1e5],
    ),
    (
        sp.dawsn,
        lambda x: 1 - 2 * x * mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(-x * x) * mpmath.erfi(x),
        [0.0, 0.5, 3.0, 7.9, 8.1, 30.0, -30.0],
    ),
    (sp.erfi, lambda x: 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(x * x), [0.0, 2.0, -5.0]),
    (sp.erfinv, by(mpmath.erfinv), [0.0, 0.5, -0.999]),
    (sp.ndtr, density, [-6.0, 0.0, 3.0]),
    (
        sp.log_ndtr,
        lambda x: density(x) / mpmath.ncdf(x),
        [-1e4, -100.0, -10.0, -1.0, 0.0, 5.0, 20.0, 35.0],
    ),
    (
        sp.expit,
        lambda x: 1 / (2 + mpmath.exp(x) + mpmath.exp(-x)),
        [-700.0, -1.0, 0.0, 40.0, 700.0],
    ),
    (sp.logit, lambda x: 1 / (x * (1 - x)), [1e-200, 0.3, 1 - 2.0**-50]),
    (sp.log_expit, lambda x: 1 / (1 + mpmath.exp(x)), [-700.0, -1.0, 0.0, 40.0, 700.0]),
    (sp.exprel, by(exprel), [-100.0, -1.0, 1e-4, 1.0, 100.0]),
    (sp.cosm1, lambda x: -mpmath.sin(x), [1e-9, 2.0]),
    (sp.entr, lambda x: -mpmath.log(x) - 1, [1e-9, 0.5, 10.0]),
    (sp.j0, by(lambda x: mpmath.besselj(0, x)), [1e-9, 1.0, 20.0, -3.0]),
    (sp.j1, by(lambda x: mpmath.besselj(1, x)), [0.0, 1e-9, 1.0, 20.0, -3.0]),
    (sp.y0, by(lambda x: mpmath.bessely(0, x)), [1e-5, 1.0, 20.0]),
    (sp.y1, by(lambda x: mpmath.bessely(1, x)), [1e-5, 1.0, 20.0]),
    (sp.i0, by(lambda x: mpmath.besseli(0, x)), [1e-9, 1.0, 20.0, -3.0]),
    (sp.i1, by(lambda x: mpmath.besseli(1, x)), [0.0, 1e-9, 1.0, 20.0, -3.0]),
    (sp.k0, by(lambda x: mpmath.besselk(0, x)), [1e-5, 1.0, 20.0]),
    (sp.k1, by(lambda x: mpmath.besselk(1, x)), [1e-5, 1.0, 20.0]),
    (sp.ellipk, by(mpmath.ellipk), [-100.0, -0.5, 1e-9, 0.5, 0.999]),
    (sp.ellipe, by(mpmath.ellipe), [-100.0, -0.5, 1e-9, 0.5, 0.999]),
    (
        sp.ellipkm1,
        lambda p: -mpmath.diff(mpmath.ellipk, 1 - p, h=p * mpf(10) ** -15),
        [1e-9, 0.3, 0.7, 1.5],
    ),
    (sp.spence, lambda x: mpmath.log(x) / (1 - x), [1e-9, 0.4, 0.5, 0.999, 1.1, 1.6, 1e5]),
    (sp.expi, lambda x: mpmath.exp(x) / x, [-3.0, 1e-9, 3.0]),
    (sp.exp1, lambda x: -mpmath.exp(-x) / x, [1e-9, 3.0]),
    (
        sp.wrightomega,
        lambda x: mpmath.diff(lambda t: mpmath.lambertw(mpmath.exp(t)), x),
        [-3.0, 1.0, 50.0],
    ),
    (
        lambda x: np.real(sp.lambertw(x)),
        by(lambda x: mpmath.lambertw(x).real),
        [-0.3, 0.0, 1e-9, 1.0, 1e9],
    ),
    (lambda x: sp.jv(2.5, x), by(lambda x: mpmath.besselj(2.5, x)), [0.1, 3.0]),
    (lambda x: sp.kv(0.3, x), by(lambda x: mpmath.besselk(0.3, x)), [0.1, 3.0]),
    (
        lambda x: sp.gammainc(2.5, x),
        by(lambda x: mpmath.gammainc(2.5, 0, x, regularized=True)),
        [1e-9, 2.0, 30.0],
    ),
    (
        lambda x: sp.betainc(2.5, 0.7, x),
        by(lambda x: mpmath.betainc(2.5, 0.7, 0, x, regularized=True)),
        [1e-9, 0.5, 0.999],
    ),
    (lambda x: sp.eval_legendre(5, x), by(lambda x: mpmath.legendre(5, x)), [-1.0, 0.0, 0.3, 1.0]),
    (lambda x: sp.eval_chebyu(5, x), by(lambda x: mpmath.chebyu(5, x)), [-1.0, 0.3, 1.0]),
    (
        lambda x: sp.hyp2f1(0.5, 1.5, 2.5, x),
        by(lambda x: mpmath.hyp2f1(0.5, 1.5, 2.5, x)),
        [-3.0, 0.0, 0.7],
    ),
    (lambda x: autodiff.special.polygamma(2, x), lambda x: mpmath.psi(3, x), [0.1, 3.0, -0.5]),
    (
        lambda x: autodiff.special.spherical_jn(2, x),
        by(lambda x: mpmath.sqrt(mpmath.pi / 2 / x) * mpmath.besselj(2.5, x)),
        [0.3, 3.0],
    ),
]


@pytest.mark.each(
    ("f", "derivative", "x"),
    [
        pytest.param(f, derivative, x, id=f"{getattr(f, '__name__', i)}-{x:.4g}")
        for i, (f, derivative, points) in enumerate(ARGUMENTS)
        for x in points
    ],
)
def test_derivatives_keep_their_digits(f, derivative, x):
    with mpmath.workdps(40):
        exact = derivative(mpf(x))
        found = mpf(float(grad(f)(x)))
        # An exponent of the size of x² or x brings that many roundings; SciPy's own near its zeros.
        allowed = DIGITS * max(1.0, x * x / 15 if abs(x) < 40 else 1.0)
        assert abs(found - exact) <= allowed * max(abs(exact), mpf("1e-300"))


PAIRS = [
    (sp.xlogy, (0.3, 2.0), (lambda x, y: mpmath.log(y), lambda x, y: x / y)),
    (sp.xlog1py, (0.3, 1e-10), (lambda x, y: mpmath.log(1 + y), lambda x, y: x / (1 + y))),
    (sp.rel_entr, (0.3, 0.4), (lambda x, y: mpmath.log(x / y) + 1, lambda x, y: -x / y)),
    (sp.kl_div, (0.3, 0.30001), (lambda x, y: mpmath.log(x / y), lambda x, y: 1 - x / y)),
    (
        sp.boxcox,
        (1.7, 1e-12),
        (lambda x, k: x ** (k - 1), lambda x, k: mpmath.diff(lambda k: (x**k - 1) / k, k)),
    ),
    (
        sp.inv_boxcox,
        (0.7, 1e-5),
        (
            lambda y, k: (k * y + 1) ** (1 / k - 1),
            lambda y, k: mpmath.diff(lambda k: (k * y + 1) ** (1 / k), k),
        ),
    ),
    (
        sp.pseudo_huber,
        (2.0, 1e-5),
        (
            lambda d, r: mpmath.diff(lambda d: d**2 * (mpmath.sqrt(1 + (r / d) ** 2) - 1), d),
            lambda d, r: r / mpmath.sqrt(1 + (r / d) ** 2),
        ),
    ),
    (
        sp.ellipkinc,
        (5.3, 1e-6),
        (
            lambda phi, m: 1 / mpmath.sqrt(1 - m * mpmath.sin(phi) ** 2),
            lambda phi, m: mpmath.diff(lambda m: mpmath.ellipf(phi, m), m),
        ),
    ),
    (
        sp.ellipeinc,
        (-5.3, 0.99),
        (
            lambda phi, m: mpmath.sqrt(1 - m * mpmath.sin(phi) ** 2),
            lambda phi, m: mpmath.diff(lambda m: mpmath.ellipe(phi, m), m),
        ),
    ),
    (
        sp.agm,
        (1.0, 1e-12),
        (
            lambda a, b: mpmath.diff(lambda a: mpmath.agm(a, b), a),
            lambda a, b: mpmath.diff(lambda b: mpmath.agm(a, b), b, h=mpf(10) ** -30),
        ),
    ),
    (
        sp.agm,
        (2.0, 2.0),
        (lambda a, b: mpf(1) / 2, lambda a, b: mpf(1) / 2),
    ),
]


@pytest.mark.parametrize(("f", "xs", "exact"), PAIRS, ids=lambda p: getattr(p, "__name__", ""))
def test_partial_derivatives_keep_their_digits(f, xs, exact):
    with mpmath.workdps(60):
        for found, partial in zip(grad(f, (0, 1))(*xs), exact, strict=True):
            truth = partial(*map(mpf, xs))
            assert abs(mpf(float(found)) - truth) <= 2 * DIGITS * abs(truth)


@pytest.mark.each(
    ("f", "x", "expected"),
    [
        (lambda x: sp.xlogy(0.0, x), 0.0, 0.0),
        (lambda x: sp.xlog1py(0.0, x), -1.0, 0.0),
        (lambda x: sp.rel_entr(0.0, x), 0.0, 0.0),
        (lambda x: sp.pseudo_huber(0.0, x), 0.0, 0.0),
        (lambda x: sp.huber(1.0, x), 1.0, 1.0),
        (lambda x: sp.huber(1.0, x), -5.0, -1.0),
        (lambda x: sp.gammainc(1.0, x), 0.0, 1.0),
        (lambda x: sp.jv(0, x), 0.0, 0.0),
        (lambda x: sp.jv(1, x), 0.0, 0.5),
        (lambda x: sp.jv(2, x), 0.0, 0.0),
        (lambda x: sp.expn(0, x), 2.0, -1.5 * sp.expn(0, 2.0)),
        (lambda x: sp.eval_chebyt(0, x), 0.3, 0.0),
        (lambda x: sp.eval_chebyu(0, x), 0.3, 0.0),
        (lambda x: sp.eval_jacobi(0, 1.0, 2.0, x), 0.3, 0.0),
        (lambda x: sp.eval_genlaguerre(0, 1.0, x), 0.3, 0.0),
        (lambda x: sp.eval_hermite(0, x), 0.3, 0.0),
        (lambda x: sp.eval_legendre(0, x), 0.3, 0.0),
        (lambda x: autodiff.special.spherical_jn(0, x), 0.0, 0.0),
        (lambda x: autodiff.special.spherical_jn(1, x), 0.0, 1 / 3),
        (lambda x: autodiff.special.spherical_jn(1, x, derivative=True), 0.0, 0.0),
        (sp.round, 1.5, 0.0),
        (lambda x: x * sp.gammasgn(x), -0.5, -1.0),
        (sp.ndtri_exp, -1e6, 1 / grad(sp.log_ndtr)(sp.ndtri_exp(-1e6))),
    ],
)
def test_limits(f, x, expected):
    np.testing.assert_allclose(grad(f)(x), expected, rtol=1e-13, atol=1e-300)


def test_inverses_have_inverse_slopes(rng):
    for f, inverse, x in [
        (sp.erf, sp.erfinv, 0.7),
        (sp.erfc, sp.erfcinv, 0.7),
        (sp.ndtr, sp.ndtri, -0.7),
        (lambda x: sp.gammainc(1.5, x), lambda p: sp.gammaincinv(1.5, p), 0.7),
        (lambda x: sp.betaincc(1.5, 2.0, x), lambda p: sp.betainccinv(1.5, 2.0, p), 0.7),
        (lambda x: sp.stdtr(3.0, x), lambda p: sp.stdtrit(3.0, p), -0.7),
        (lambda x: sp.boxcox(x, 0.3), lambda y: sp.inv_boxcox(y, 0.3), 1.7),
    ]:
        there, back = grad(f)(x), grad(inverse)(float(f(x)))
        np.testing.assert_allclose(there * back, 1.0, rtol=1e-11)


def test_complex_arguments_of_the_spherical_functions():
    z = np.complex128(1.3 + 0.4j)
    for name in ("jn", "yn", "in", "kn"):
        f = getattr(autodiff.special, f"spherical_{name}")
        entry = autodiff.core.primitive.PRIMITIVES[f"special.spherical_{name}"]
        found = entry.jvp(0)(np.complex128(1), f(2, z), z, 2)
        np.testing.assert_allclose(found, f(2, z, derivative=True), rtol=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda v: sp.jv(v, 1.0),
            "scipy.special.jv: no derivative with respect to its argument v:",
        ),
        (lambda a: sp.gammainc(a, 1.0), "gammainc: .* argument a: .* respect to x only"),
        (lambda b: sp.betainc(1.0, b, 0.5), "scipy.special.betainc: .* argument b:"),
        (lambda s: sp.zeta(s, 1.5), "scipy.special.zeta: .* argument x:"),
        (lambda n: autodiff.special.polygamma(n, 1.5), "special.polygamma: .* argument n:"),
        (sp.zeta, "no derivative of it is known in closed form"),
        (sp.kolmogorov, "scipy.special.kolmogorov of a tensor: no derivative of it is known"),
        (lambda x: sp.pbdv(1.0, x)[0], "pbdv of a tensor: no derivative of it is known"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(autodiff.Undifferentiable, match=message):
        grad(call)(2.5)


def test_an_argument_is_refused_only_where_its_derivative_is_wanted():
    f = lambda v, x: sp.jv(v, x) * v  # noqa: E731
    np.testing.assert_allclose(grad(f, 1)(2.0, 1.5), 2 * sp.jvp(2, 1.5), rtol=1e-14)
    graph = autodiff.trace(lambda x: sp.jv(np.floor(x), x), 2.5)
    np.testing.assert_allclose(graph.forward(1.5), sp.jv(1, 1.5), rtol=1e-15)
    np.testing.assert_allclose(graph.backward()["x"], sp.jvp(1, 1.5), rtol=1e-14)


def test_every_ufunc_of_scipy_special_has_a_rule_or_a_reason():
    ufuncs = {f for f in vars(sp).values() if isinstance(f, np.ufunc)}
    assert not ufuncs - set(UFUNCS) - set(TUPLES) - set(REFUSED)


def test_python_functions_that_call_ufuncs_work_as_they_are(agrees, rng):
    x = rng.uniform(0.5, 2.0, size=(2, 3))
    for f in (
        lambda x: np.real(sp.lambertw(x)),
        lambda x: sp.zeta(2.5, x),
        lambda x: sp.jvp(1.5, x, 2),
        lambda x: sp.softplus(x) if hasattr(sp, "softplus") else x,
        sp.sinc,
    ):
        agrees(f, x)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("call", ["sp.zeta(2.0, x)", "sp.airy(x)[0]", "np.real(sp.lambertw(x))"])
def test_the_first_function_met_may_be_any(call):
    program = (
        "import numpy as np, autodiff, scipy.special as sp\n"
        f"print(autodiff.grad(lambda x: {call})(1.5))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert np.isfinite(float(run.stdout))


def test_nothing_of_scipy_is_imported_before_it_is_needed():
    program = (
        "import sys, numpy as np, autodiff\n"
        "autodiff.grad(lambda x: np.sum(np.tanh(x)))(np.ones(2))\n"
        "assert not any(name.split('.')[0] == 'scipy' for name in sys.modules)\n"
        "import scipy.special\n"
        "assert 'autodiff.rules.special' not in sys.modules\n"
        "print(autodiff.grad(scipy.special.erf)(0.0))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert float(run.stdout) == pytest.approx(2 / np.sqrt(np.pi), rel=1e-15)


INF = np.inf


@pytest.mark.parametrize(
    ("a", "expected"),
    [
        ([0.0, 0.0], [0.5, 0.5]),
        ([1000.0, 1000.0], [0.5, 0.5]),
        ([-1000.0, -998.0], [1 / (1 + np.exp(2.0)), 1 / (1 + np.exp(-2.0))]),
        ([-INF, 0.0], [0.0, 1.0]),
        ([-INF, -INF], [0.0, 0.0]),
        ([INF, 1000.0], [1.0, 0.0]),
        ([INF, INF, -INF], [0.5, 0.5, 0.0]),
        ([1e9, 1e9 - 3.0], [1 / (1 + np.exp(-3.0)), 1 / (1 + np.exp(3.0))]),
    ],
)
def test_logsumexp(a, expected):
    a = np.array(a)
    value, a_bar = value_and_grad(autodiff.special.logsumexp)(a)
    np.testing.assert_array_equal(value, sp.logsumexp(a))
    np.testing.assert_allclose(a_bar, expected, rtol=1e-15)
    graph = autodiff.trace(autodiff.special.logsumexp, np.zeros_like(a))
    np.testing.assert_array_equal(graph.forward(a), sp.logsumexp(a))
    np.testing.assert_allclose(graph.backward()["a"], expected, rtol=1e-15)
    again = grad(lambda a: np.sum(grad(autodiff.special.logsumexp)(a)))(a)
    np.testing.assert_allclose(again, 0.0, atol=1e-15)


def test_logsumexp_takes_what_scipys_takes(agrees, rng):
    a, b = rng.normal(size=(2, 3)), rng.uniform(0.5, 2.0, size=3)
    logsumexp = autodiff.special.logsumexp
    for call in (
        lambda a: logsumexp(a),
        lambda a: logsumexp(a, 0),
        lambda a: logsumexp(a, axis=(0, 1), keepdims=True),
        lambda a: logsumexp(a, axis=-1, b=[1, 2, 3]),
        lambda a: logsumexp(a, b=np.array([[1], [0]])),
        lambda a: logsumexp(a[0], b=np.ones((2, 1)), axis=0),
        lambda a: logsumexp(a[0, 0]),
        lambda a: logsumexp(a, axis=1, b=-b, return_sign=True)[0],
        lambda a: a * logsumexp(a, axis=1, b=b - 1, return_sign=True, keepdims=True)[1],
    ):
        agrees(call, a)
    agrees(lambda a, b: logsumexp(a, axis=1, b=b), a, b)
    agrees(lambda b: logsumexp(a, b=b), b)
    assert np.isnan(value_and_grad(lambda a: logsumexp(a, b=np.array([-1.0])))(np.zeros(1))[0])
    assert logsumexp([1.0, 2.0]) == sp.logsumexp([1.0, 2.0])
    x = a.astype(np.float32)
    assert grad(logsumexp)(x).dtype == np.float32


def test_weights_of_logsumexp():
    a, b = np.array([0.0, INF, 1.0]), np.array([1.0, 0.0, 2.0])
    f = autodiff.special.logsumexp
    a_bar = grad(lambda a: f(a, b=b))(a)
    total = 1 + 2 * np.e
    np.testing.assert_allclose(a_bar, [1 / total, 0, 2 * np.e / total], rtol=1e-15)
    b_bar = grad(lambda b: f(a[[0, 2]], b=b))(b[[0, 2]])
    np.testing.assert_allclose(b_bar, [1 / total, np.e / total], rtol=1e-15)
    # One that is 0 still has a slope.
    np.testing.assert_allclose(grad(lambda b: f(np.zeros(2), b=b))(np.array([1.0, 0.0])), [1, 1])


def test_softmax_and_its_logarithm(agrees, rng):
    x = rng.normal(size=(2, 3))
    for f in (autodiff.special.softmax, autodiff.special.log_softmax):
        agrees(f, x)
        agrees(lambda x, f=f: f(x, axis=0), x)
        agrees(lambda x, f=f: f(x, (0, 1)), x)
        assert grad(lambda x, f=f: np.sum(f(x) ** 2))(x.astype(np.float32)).dtype == np.float32
    masked = np.array([0.0, -INF, 1000.0])
    for f in (autodiff.special.softmax, lambda x: autodiff.special.log_softmax(x)[::2]):
        assert np.all(np.isfinite(grad(lambda x, f=f: np.sum(f(x) * f(x)))(masked)))
    np.testing.assert_array_equal(autodiff.special.softmax([0.0, 0.0]), [0.5, 0.5])
    np.testing.assert_array_equal(autodiff.special.log_softmax([0.0]), [0.0])


def test_polygamma_and_multigammaln(agrees, rng):
    x = rng.uniform(2.0, 4.0, size=(2, 3))
    agrees(lambda x: autodiff.special.polygamma(1, x), x)
    agrees(lambda x: autodiff.special.polygamma([0, 1, 2], x), x)
    agrees(lambda x: autodiff.special.multigammaln(x, 3), x)
    assert autodiff.special.polygamma(1, 2.0) == sp.polygamma(1, 2.0)
    assert autodiff.special.multigammaln(2.0, 2) == sp.multigammaln(2.0, 2)
    with pytest.raises(ValueError, match="one integer"):
        grad(lambda x: autodiff.special.multigammaln(x, 2.5))(3.0)
    with pytest.raises(ValueError, match=r"not greater than \(d - 1\) / 2 = 1.0"):
        grad(lambda x: autodiff.special.multigammaln(x, 3))(0.5)


@pytest.mark.parametrize("name", ["jn", "yn", "in", "kn"])
def test_spherical_bessel_functions(name, agrees, rng):
    f = getattr(autodiff.special, f"spherical_{name}")
    z = rng.uniform(0.5, 3.0, size=(2, 3))
    agrees(lambda z: f(1, z), z)
    agrees(lambda z: f(np.arange(3), z), z)
    agrees(lambda z: f(2, -z), z)
    agrees(lambda z: f(2, z, derivative=True), z)


def test_masked_branches_beside_poles():
    x = np.array([0.0, 2.0, -1.0])
    for f in (sp.gammaln, sp.gamma, sp.psi, sp.logit, sp.entr, sp.y0, sp.k1, sp.expi, sp.ndtri):
        with np.errstate(all="ignore"):
            x_bar = grad(lambda x, f=f: np.sum(np.where(np.array([True] * 3), x, f(x))))(x)
        np.testing.assert_array_equal(x_bar, np.ones(3))
