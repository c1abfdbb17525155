"""Every elementwise rule on all of the real line, not where random tests draw from alone."""

import itertools

import numpy as np
import pytest

import autodiff
import autodiff.rules.special  # its rules are imported only where SciPy is
from autodiff.core.primitive import PRIMITIVES
from autodiff.core.tensor import record

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

#: Signs, zero, integers, halves, ends of domains, small and large numbers, by number of arguments.
GRIDS = {
    1: [
        *(-1e3, -30.3, -8.75, -3.0, -2.5, -2.0, -1.7, -1.2, -1.0, -0.7, -0.5, -0.157, -1e-3, -0.0),
        *(
            0.0,
            1e-3,
            0.157,
            0.38,
            0.5,
            0.66,
            0.93,
            1.0,
            1.2,
            1.7,
            2.0,
            2.5,
            3.0,
            8.75,
            17.4,
            30.3,
            1e3,
        ),
    ],
    2: [-8.75, -3.0, -1.2, -1.0, -0.5, -0.0, 0.0, 0.157, 0.5, 0.9, 1.0, 1.2, 2.0, 2.5, 8.75, 113.9],
    3: [-3.0, -1.2, -0.5, 0.0, 0.3, 0.5, 1.0, 1.7, 3.0, 8.75],
    4: [-1.2, 0.0, 0.5, 1.0, 2.5],
}
#: What is left out, by name and argument, and why.
LEFT_OUT = {
    ("itstruve0", 0): "SciPy's values lose all digits beyond 20",
    ("lambertw", 0): "the third argument of the grid is the tolerance of the value",
}
#: Where NaN stands for a derivative that exists, at some points of the grid.
NAN = {
    ("struve", 1): "the infinite parts of two terms cancel at 0 for order -1",
    ("modstruve", 1): "the infinite parts of two terms cancel at 0 for order -1",
    ("gammaincinv", 1): "SciPy has values below the probability 0",
    ("gammainccinv", 1): "SciPy has values of the shape -0",
    ("gdtrix", 2): "SciPy has values below the probability 0",
    ("gdtria", 0): "SciPy has values below the probability 0",
    ("chndtrix", 0): "the inverse is 0 beyond the probabilities",
    ("chndtrix", 2): "the inverse is 0 beyond the probabilities",
    ("hyp2f1", 3): "c is 0 and so is a or b",
    ("agm", 0): "both arguments are 0",
    ("agm", 1): "both arguments are 0",
    ("voigt_profile", 0): "the limit of no Gaussian",
    ("voigt_profile", 1): "the limit of no Gaussian",
    ("voigt_profile", 2): "the limit of no Gaussian",
    ("elliprd", 0): "the difference of two symmetric integrals is 0/0",
    ("elliprd", 1): "the difference of two symmetric integrals is 0/0",
    ("elliprd", 2): "the difference of two symmetric integrals is 0/0",
    ("elliprg", 0): "two arguments are 0",
    ("elliprg", 1): "two arguments are 0",
    ("elliprg", 2): "two arguments are 0",
}
NAMES = [p.name for p in PRIMITIVES.values() if p.kind == "elementwise" and p.differentiable]


def operands_of(primitive):
    """Return the points of the grid, an array for each argument."""
    count = len(primitive.vjps)
    points = np.array(list(itertools.product(GRIDS[count], repeat=count))).T
    integer = [isinstance(low, int) for low, _ in primitive.domain]
    points = list(points)
    for i, whole in enumerate(integer):
        if whole:
            kept = points[i] % 1 == 0
            points = [xs[kept] for xs in points]
            points[i] = points[i].astype(int)
    return points


def central(f, x):
    """Return central differences of fourth order and how far they can be trusted; NaN if not."""
    scale = np.maximum(np.abs(x), 1e-2)
    found = []
    for h in (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5):
        step = h * scale
        far, near, back, beyond = (f(x + k * step) for k in (2, 1, -1, -2))
        found.append((8 * (near - back) - (far - beyond)) / (12 * step))
    found = np.array(found)
    errors = np.abs(np.diff(found, axis=0))
    errors[~np.isfinite(errors)] = np.inf
    best = np.argmin(errors, axis=0)
    places = np.arange(len(x))
    slope, error = found[best, places], errors[best, places]
    step = 1e-6 * scale
    here = f(x)
    right, left = (f(x + step) - here) / step, (here - f(x - step)) / step
    smooth = np.abs(right - left) <= 1e-2 * (np.abs(slope) + 1)
    trusted = smooth & np.isfinite(here) & (error <= 1e-5 * (np.abs(slope) + 1e-6))
    return np.where(trusted, slope, np.nan), np.where(trusted, error, 0.0)


def check(found, f, x, where, lenient=False):
    slope, error = central(f, x)
    known = np.isfinite(slope) & ~(np.isnan(found) & lenient)
    wrong = known & ~(np.abs(found - slope) <= 1e-4 * np.abs(slope) + 30 * error + 1e-7)
    assert not wrong.any(), [
        (*(float(xs[i]) for xs in where), float(found[i]), float(slope[i]))
        for i in np.flatnonzero(wrong)[:5]
    ]


@pytest.mark.sampled(3)
@pytest.mark.each("name", NAMES)
def test_first_derivatives(name):
    primitive = PRIMITIVES[name]
    xs = operands_of(primitive)
    out = primitive.function(*xs)
    ones = np.ones(out.shape)
    for argnum in range(len(xs)):
        if isinstance(primitive.domain[argnum][0], int) or (name, argnum) in LEFT_OUT:
            continue
        try:
            found = primitive.vjps[argnum](ones, out, *xs)
        except autodiff.Undifferentiable:
            continue
        pushed = np.broadcast_to(primitive.jvps[argnum](ones, out, *xs), out.shape)
        np.testing.assert_array_equal(pushed, found)

        def f(x, argnum=argnum):
            return primitive.function(*xs[:argnum], x, *xs[argnum + 1 :])

        for part in (np.real, np.imag) if np.iscomplexobj(out) else (np.real,):
            check(part(found), lambda x, p=part: p(f(x)), xs[argnum], xs, (name, argnum) in NAN)
        # Where there is no value there is no derivative.
        stray = np.isnan(out) & np.isfinite(found)
        assert not stray.any(), [
            (*(float(x[i]) for x in xs), float(found[i])) for i in np.flatnonzero(stray)[:5]
        ]


@pytest.mark.sampled(3)
@pytest.mark.each("name", NAMES)
def test_second_derivatives(name):
    """NaN may stand for one that exists, no other number."""
    primitive = PRIMITIVES[name]
    xs = operands_of(primitive)
    for argnum in range(len(xs)):
        if isinstance(primitive.domain[argnum][0], int) or (name, argnum) in LEFT_OUT:
            continue

        def first(x, argnum=argnum):
            def value(t):
                operands = (*xs[:argnum], t, *xs[argnum + 1 :])
                return np.sum(np.real(record(primitive, operands)))

            return autodiff.grad(value)(x)

        try:
            found = autodiff.grad(lambda x, first=first: np.sum(first(x)))(xs[argnum])
        except autodiff.Undifferentiable:
            continue
        check(found, first, xs[argnum], xs, lenient=True)


COMPLEX = [n for n in NAMES if PRIMITIVES[n].complex]
PLANE = [a + 1j * b for a in (-3.0, -1.2, -0.5, 0.0, 0.4, 1.7) for b in (-2.0, -0.3, 0.0, 0.7)]


@pytest.mark.each("name", COMPLEX)
def test_on_the_complex_plane(name):
    primitive = PRIMITIVES[name]
    numbers = [i for i in range(len(primitive.vjps)) if not isinstance(primitive.domain[i][0], int)]
    for argnum in numbers:
        for others in [0.7, -1.3]:
            xs = [np.full(len(PLANE), others) for _ in primitive.vjps]
            if name == "lambertw":
                xs = [np.array(PLANE), np.zeros(len(PLANE), int), np.full(len(PLANE), 1e-8)]
            xs[argnum] = z = np.array(PLANE)

            def f(z, xs=xs, argnum=argnum):
                return primitive.function(*xs[:argnum], z, *xs[argnum + 1 :])

            try:
                out = f(z)
                found = primitive.vjps[argnum](np.ones(len(z), complex), out, *xs)
            except (TypeError, autodiff.Undifferentiable):
                continue
            h = 1e-5
            along, across = (
                (f(z + h) - f(z - h)) / (2 * h),
                (f(z + 1j * h) - f(z - 1j * h)) / (2j * h),
            )
            # Where the two agree it is holomorphic: not on branch cuts and at poles.
            known = np.isfinite(out) & (np.abs(along - across) <= 1e-6 * (1 + np.abs(along)))
            wrong = known & ~(np.abs(found - along) <= 1e-5 * (1 + np.abs(along)))
            wrong &= ~(np.isnan(found) & ((name, argnum) in NAN))
            assert not wrong.any(), [
                (argnum, others, z[i], found[i], along[i]) for i in np.flatnonzero(wrong)[:4]
            ]


@pytest.mark.filterwarnings("ignore")
def test_counts_and_orders_are_cut_as_scipy_does():
    x = np.array([0.3, 0.8])
    for name in ("yn", "kn", "expn", "bdtr", "bdtrc", "nbdtr", "nbdtrc", "bdtri", "nbdtri"):
        f = PRIMITIVES[name].function
        counts = (1.5, 3.7)[: f.nin - 1]
        found = autodiff.grad(lambda x, f=f, counts=counts: np.sum(f(*counts, x)))(x)
        slope = (f(*counts, x + 1e-6) - f(*counts, x - 1e-6)) / 2e-6
        np.testing.assert_allclose(found, slope, rtol=1e-6, err_msg=name)
    # The value is 0 where n - k + 1 is 0 but for rounding, and the slope is not.
    binom = PRIMITIVES["binom"].function
    assert autodiff.grad(lambda n: binom(n, 1.001))(0.001) == pytest.approx(0.999000999)
