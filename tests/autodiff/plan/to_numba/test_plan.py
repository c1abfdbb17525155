"""Plans that Numba compiles, held against the plans for NumPy and the eager graph."""

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

import autodiff

numba_math = pytest.importorskip(
    "autodiff.plan.to_numba.math", reason="Numba is not installed", exc_type=ImportError
)

from autodiff.plan.operations import OPERATIONS  # noqa: E402
from benchmarks.workloads import WORKLOADS  # noqa: E402
from benchmarks.workloads.networks import deep  # noqa: E402

CLOSE = {"rtol": 1e-12, "atol": 1e-14}
#: An operand for each operation of a loop; of whole numbers and masks where these are wanted.
OPERANDS = {
    "arccosh": (1.5, 3.0),
    "arcsin": (-0.9, 0.9),
    "arccos": (-0.9, 0.9),
    "arctanh": (-0.9, 0.9),
    "sqrt": (0.1, 3.0),
    "log": (0.1, 3.0),
    "log1p": (-0.9, 3.0),
    "log2": (0.1, 3.0),
    "log10": (0.1, 3.0),
    "power": (0.1, 3.0),
    "float_power": (0.1, 3.0),
}


def numba_plan(f, *args):
    """Return a compiled function and its plan, which is asserted to be Numba's."""
    compiled = autodiff.compile(f, backend="numba")
    compiled(*args)
    plan = compiled.plan(*args)
    assert plan.backend == "numba", plan.note
    return compiled, plan


def check(f, *args, others=None):
    """Hold a plan against the eager function and NumPy's plan, for arguments and for others.

    Sums are in another order: where they cancel, only digits of the largest element are the same.
    """
    compiled, _ = numba_plan(f, *args)
    plain = autodiff.compile(f)
    for xs in (args, others or [x * 1.01 for x in args]):
        found, wanted, eager = (
            autodiff.core.pytrees.flatten(g(*xs))[0] for g in (compiled, plain, f)
        )
        for x, y, z in zip(found, wanted, eager, strict=True):
            assert np.shape(x) == np.shape(y)
            assert np.result_type(x) == np.result_type(y)
            assert isinstance(x, np.ndarray) == isinstance(y, np.ndarray)
            for expected in (y, z):
                scale = float(np.max(np.abs(expected), initial=0.0))
                np.testing.assert_allclose(x, expected, rtol=1e-12, atol=1e-14 + 1e-13 * scale)
    return compiled


UFUNCS = [
    name
    for name, row in OPERATIONS.items()
    if row.numba and isinstance(getattr(np, name, None), np.ufunc)
]


@pytest.mark.exhaustive
@pytest.mark.parametrize("arity", [1, 2])
def test_every_universal_function_of_a_loop(arity, rng):
    # All in a few loops, since each takes a second to compile.
    names = [n for n in UFUNCS if getattr(np, n).nin == arity and "bitwise" not in n]
    names = [n for n in names if n not in ("invert", "float_power")]
    assert len(names) > 15
    for part in range(0, len(names), 12):
        chosen = names[part : part + 12]
        operands = [
            rng.uniform(*OPERANDS.get(name, (-2.0, 2.0)), size=(arity, 7)) for name in chosen
        ]

        def together(xs, chosen=chosen):
            return [1.0 * getattr(np, n)(*x) for n, x in zip(chosen, xs, strict=True)]

        compiled, _ = numba_plan(together, operands)
        plain = autodiff.compile(together)
        for name, x, y in zip(chosen, compiled(operands), plain(operands), strict=True):
            np.testing.assert_allclose(x, y, **CLOSE, err_msg=name)


@pytest.mark.parametrize(
    ("name", "reference", "inputs"),
    [
        ("exp", np.exp, np.r_[-745.0:709.0:9001j, 1e-300, -1e-20]),
        ("expm1", np.expm1, np.r_[-50.0:709.0:9001j, -1e-3:1e-3:101j, 1e-300]),
        ("log", np.log, np.r_[np.logspace(-307, 308, 9001), 0.5:2.0:9001j, 5e-324]),
        ("log1p", np.log1p, np.r_[-0.999:3.0:9001j, np.logspace(-300, 300, 900)]),
        ("tanh", np.tanh, np.r_[-22.0:22.0:9001j, np.logspace(-300, 1, 900)]),
        ("sin", np.sin, np.r_[-8e5:8e5:9001j, -7.0:7.0:9001j, np.arange(900) * np.pi]),
        ("cos", np.cos, np.r_[-8e5:8e5:9001j, -7.0:7.0:9001j, np.arange(900) * np.pi]),
    ],
)
def test_vector_functions_are_within_two_units_in_the_last_place(name, reference, inputs):
    function = getattr(numba_math, name)

    @numba_math.compiled
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    out = np.empty_like(inputs)
    loop(inputs, out)
    if np.finfo(np.longdouble).nmant > np.finfo(float).nmant:
        exact = reference(inputs.astype(np.longdouble))
        most = 2.0
    else:
        # Where long numbers are no longer: NumPy's own are off by up to one unit.
        exact, most = reference(inputs), 3.0
    units = np.abs(out - exact) / np.spacing(np.abs(exact.astype(float)))
    assert float(np.max(units)) <= most
    special = np.array([0.0, -0.0, np.nan, 5e-324, -1e-310])
    if name not in ("sin", "cos"):
        special = np.r_[special, np.inf, -np.inf, -1.0, -2.0, 1e308, -800.0, 710.0]
    out = np.empty_like(special)
    loop(special, out)
    with np.errstate(all="ignore"):
        expected = reference(special)
    np.testing.assert_allclose(out, expected, rtol=4e-16, atol=0.0)
    known = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(out[known]), np.signbit(expected[known]))


def test_angles_beyond_the_reduction_are_left_to_the_c_library(rng):
    x = rng.uniform(-1e15, 1e15, 50)
    x[:4] = 1e22, -1e300, 3.0, np.nan
    compiled, _ = numba_plan(lambda x: (np.sin(x) * 2.0, np.cos(x), np.tan(x)), np.ones(50))
    for found, expected in zip(compiled(x), (2 * np.sin(x), np.cos(x), np.tan(x)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", ["notes", "mlp", "elementwise", "single", "chain", "mixture"])
def test_workloads(name):
    workload = WORKLOADS[name]
    both = autodiff.value_and_grad(partial(workload.function, np), workload.argnums)
    inputs = list(workload.inputs.values())
    check(both, *inputs, others=[x + 0.01 * np.cos(x) for x in inputs])


@pytest.mark.exhaustive
def test_a_deep_network_shares_its_kernels():
    workload = deep(15)
    both = autodiff.value_and_grad(partial(workload.function, np), workload.argnums)
    inputs = list(workload.inputs.values())
    compiled = check(both, *inputs)
    source = compiled.plan(*inputs).source
    # As many kernels as for few layers.
    assert source.count("def loop_") + source.count("def product_") < 20


def test_ties_and_what_is_not_a_number():
    def loss(x, y):
        return np.sum(np.maximum(x, 0.0) * y) + np.sum(np.minimum(x, y)) + np.sum(np.sqrt(x * x))

    both = autodiff.value_and_grad(loss, (0, 1))
    x = np.array([0.0, -0.0, 1.0, -1.0, np.nan, np.inf, 2.0])
    y = np.array([0.0, 1.0, 1.0, -1.0, 1.0, np.inf, np.nan])
    compiled, _ = numba_plan(both, np.ones(7), np.ones(7))
    plain = autodiff.compile(both)
    plain(np.ones(7), np.ones(7))
    with np.errstate(all="ignore"):
        found, wanted = compiled(x, y), plain(x, y)
    np.testing.assert_array_equal(found[0], wanted[0])
    for a, b in zip(found[1], wanted[1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.exhaustive
def test_shapes_views_and_reductions(rng):
    def f(x, v, c, a):
        h = np.tanh(x + v) * c
        first = np.sum(h, axis=0) + np.sum(x[::-1, ::2].T, axis=(0, 1))
        second = np.sum(np.exp(np.transpose(a, (2, 0, 1))), axis=1, keepdims=True)
        third = np.max(a, axis=2) - np.min(a, axis=(0, 1))[:1]
        fourth = np.reshape(x.T, (-1,)) * 2.0
        fifth = a @ np.transpose(a, (0, 2, 1)) + np.matmul(a[:, :, 0], a[0, :3, :])[0, 0]
        return first, second, third, fourth, fifth, x.T, x[1, 2], np.broadcast_to(v, x.shape)

    x, v, c, a = (rng.normal(size=s) for s in ((4, 6), (6,), (4, 1), (3, 3, 3)))
    check(f, x, v, c, a)


@pytest.fixture(scope="module")
def mlp():
    """A network: its value and gradients, its inputs, and the compiled function."""
    workload = WORKLOADS["mlp"]
    both = autodiff.value_and_grad(partial(workload.function, np), workload.argnums)
    inputs = list(workload.inputs.values())
    return both, inputs, numba_plan(both, *inputs)[0]


def test_arrays_in_any_order_are_accepted(mlp):
    both, inputs, compiled = mlp
    odd = [np.asfortranarray(x) for x in inputs]
    odd[0] = np.repeat(inputs[0], 2, axis=1)[:, ::2]
    odd[4] = inputs[4].copy()[::-1][::-1]
    value, gradients = compiled(*odd)
    expected, expected_gradients = both(*inputs)
    np.testing.assert_allclose(value, expected, **CLOSE)
    for x, y in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(x, y, **CLOSE)


@pytest.mark.exhaustive
def test_float32_stays_float32(rng):
    def loss(x, w):
        return np.sum(np.tanh(x @ w) * np.sin(x[0, 0]) + 0.5 * np.maximum(x @ w, 0.0))

    x, w = (rng.normal(size=s).astype(np.float32) for s in ((5, 4), (4, 3)))
    both = autodiff.value_and_grad(loss, (0, 1))
    compiled, _ = numba_plan(both, x, w)
    value, gradients = compiled(x, w)
    expected, expected_gradients = both(x, w)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    for g, wanted in zip(gradients, expected_gradients, strict=True):
        assert g.dtype == wanted.dtype == np.float32
        np.testing.assert_allclose(g, wanted, rtol=1e-5, atol=1e-6)


def test_empty_arrays():
    def loss(x, w):
        return np.sum(np.exp(x) @ w) + np.sum(x * 2.0)

    both = autodiff.value_and_grad(loss, (0, 1))
    check(both, np.ones((0, 3)), np.ones((3, 2)))


def test_branches_are_decided_again(rng):
    def f(x):
        if np.sum(x) > 0.0:
            return np.sum(np.sin(x) * x)
        return np.sum(np.cos(x) - x)

    both = autodiff.value_and_grad(f)
    compiled = autodiff.compile(both, backend="numba")
    x = np.array([1.0, 2.0, -0.5])
    for _ in range(2):
        for point in (x, -x):
            value, x_bar = compiled(point)
            expected, expected_bar = both(point)
            np.testing.assert_allclose(value, expected, **CLOSE)
            np.testing.assert_allclose(x_bar, expected_bar, **CLOSE)
    assert compiled.plan(x).backend == "numba"


@pytest.mark.exhaustive
def test_pieces_that_numba_cannot_do_run_in_numpy(rng):
    def loss(a, x):
        b = np.exp(-(x**2)) * np.sin(x) + x * 3.0
        return np.sum(np.linalg.inv(a) @ b * np.tanh(b)) + np.sum(np.sort(x))

    a, x = 3.0 * np.eye(4) + rng.normal(size=(4, 4)), rng.normal(size=4)
    compiled = check(autodiff.value_and_grad(loss, (0, 1)), a, x)
    source = compiled.plan(a, x).source
    assert "steps_2(" in source


def test_what_is_not_for_numba_gets_a_plan_for_numpy(rng):
    z = rng.normal(size=3) + 1j
    for f, x in ((lambda z: z / z, z), (lambda x: np.sort(np.linalg.inv(x)), np.eye(2))):
        compiled = autodiff.compile(f, backend="numba")
        np.testing.assert_allclose(compiled(x), f(x))
        plan = compiled.plan(x)
        assert plan.backend == "numpy"
        assert plan.note


def test_threads_have_memory_of_their_own(mlp):
    _, inputs, compiled = mlp
    calls = [[x + 0.1 * k for x in inputs] for k in range(8)]
    expected = [compiled(*args) for args in calls]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: compiled(*calls[k % 8]), range(400)))
    for k, (value, gradients) in enumerate(found):
        assert value == expected[k % 8][0]
        for x, y in zip(gradients, expected[k % 8][1], strict=True):
            np.testing.assert_array_equal(x, y)


def test_results_are_the_callers_own_unless_donated(rng):
    def f(x):
        return np.exp(x) * 2.0, x

    x = rng.normal(size=5)
    compiled, _ = numba_plan(f, x)
    first, same = compiled(x)
    kept = first.copy()
    same[:] = 0.0
    assert np.any(x)
    compiled(x + 1.0)
    np.testing.assert_array_equal(first, kept)
    donated = autodiff.compile(f, backend="numba", donate=True)
    donated(x)
    assert donated(x)[0] is donated(x + 1.0)[0]


def test_a_plan_is_pickled_and_its_source_runs_on_its_own(rng):
    def loss(x):
        return np.sum(np.tanh(x) ** 2)

    x = rng.normal(size=9)
    compiled, plan = numba_plan(autodiff.value_and_grad(loss), x)
    value, x_bar = compiled(x)
    for run in (pickle.loads(pickle.dumps(plan)), _pasted(plan.source)):
        again, again_bar = run(x)
        assert again == value
        np.testing.assert_array_equal(again_bar, x_bar)


def _pasted(source):
    namespace = {}
    exec(source, namespace)
    return namespace["run"]


def test_numbers(rng):
    def f(x, y):
        for _ in range(20):
            x = np.sin(x * y) + y
        return x

    both = autodiff.value_and_grad(f, (0, 1))
    compiled, _ = numba_plan(both, 0.5, 0.25)
    value, gradients = compiled(0.75, 0.5)
    expected, expected_gradients = both(0.75, 0.5)
    assert type(value) is type(expected)
    np.testing.assert_allclose(value, expected, **CLOSE)
    np.testing.assert_allclose(gradients, expected_gradients, **CLOSE)


def _neighbours(x):
    total = 0.0
    for i in range(len(x) - 1):
        total = total + (x[i + 1] - x[i] ** 2) ** 2
    return total


def _reciprocals(x):
    total = 0.0
    for i in range(700):
        total = total * 0.5 + 1.0 / (1.0 / x + i)
    return total


def test_loops_on_numbers(rng):
    both = autodiff.value_and_grad(_neighbours)
    step, x = autodiff.compile(both, backend="numba"), rng.normal(size=600)
    assert step.plan(x).backend == "numba"
    # Elements that are put together in a row are a loop too.
    assert step.plan(x).source.count("\n") < 100
    for y in (x, 2.0 * x, x[::-1], np.repeat(x, 2)[::2]):
        (value, x_bar), (wanted, expected) = step(y), both(y)
        assert type(value) is type(wanted)
        np.testing.assert_allclose(value, wanted, rtol=1e-9)
        np.testing.assert_allclose(x_bar, expected, rtol=1e-9, atol=1e-12)
    single = autodiff.compile(_reciprocals, backend="numba")
    assert single(2.0) == pytest.approx(_reciprocals(2.0))
    assert single.plan(2.0).backend == "numba"
    with pytest.raises(ZeroDivisionError):
        single(0.0)


def test_without_numba_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install \"gradscale\[fast\]\""):
        autodiff.compile(np.sum, backend="numba")


def test_a_value_of_which_only_the_shape_is_needed_has_no_memory():
    def f(a):
        d = np.diag(a, 1)
        return np.sum(np.exp2(np.piecewise(d, [d < 0, d >= 0], [lambda t: t**2, lambda t: t**3])))

    x = np.outer([0.3, -0.7, 1.2], [0.3, -0.7, 1.2])
    step = autodiff.compile(autodiff.value_and_grad(f), backend="numba")
    for y in (x, 1.1 * x):
        value, gradient = autodiff.value_and_grad(f)(y)
        found, slopes = step(y)
        np.testing.assert_allclose(found, value, rtol=1e-13)
        np.testing.assert_allclose(slopes, gradient, rtol=1e-13)


@pytest.mark.exhaustive
def test_the_cotangents_of_a_summed_product_are_sums_in_each_row(rng):
    product = autodiff.grad(lambda x, y: np.sum(np.tanh(x) @ y), (0, 1))
    for m, k, n in ((3, 2, 3), (1, 3, 2), (2, 3, 1), (2, 0, 3)):
        x, y = rng.normal(size=(m, k)), rng.normal(size=(k, n))
        found = autodiff.compile(product, backend="numba")(x, y)
        for x_bar, expected in zip(found, product(x, y), strict=True):
            np.testing.assert_allclose(x_bar, expected, rtol=1e-13)
