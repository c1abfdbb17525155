"""Every entry of the rule table on a batch: each argument batched or not, against a loop."""

import itertools

import numpy as np
import pytest

import autodiff.rules.special  # noqa: F401 (its rules are imported only where SciPy is)
from autodiff import grad, jvp, vmap
from autodiff.core.batching import loop, rule_of
from autodiff.core.primitive import PRIMITIVES
from autodiff.core.tensor import record
from tests.autodiff.rules.test_table import TAYLOR, draw, wanted

SIZE = 3
RNG = np.random.default_rng(12)
REAL, MASK, INTS = (
    RNG.normal(size=(SIZE, 2, 4)),
    RNG.random((SIZE, 2, 4)) > 0.4,
    RNG.integers(0, 4, (SIZE, 2, 4)),
)
ROWS = np.sort(RNG.normal(size=(SIZE, 5)), axis=-1)
WITH_NAN = np.where(MASK, REAL, np.nan)
WITH_NAN[..., 0] = 0.5
#: For discrete entries of their own functions the operands, batched, and parameters.
DISCRETE = {
    "sign": [((REAL,), {})],
    "angle": [((REAL,), {})],
    "argmax": [((REAL,), {"axis": a, "keepdims": k}) for a in (None, 0, -1) for k in (True, False)],
    "nanargmax": [((WITH_NAN,), {"axis": a, "keepdims": False}) for a in (None, 1)],
    "any": [((MASK,), {"axis": None, "keepdims": False}), ((MASK, ~MASK), {"axis": 0})],
    "count_nonzero": [((INTS,), {"axis": (0, 1), "keepdims": True})],
    "round": [((REAL,), {"decimals": 1})],
    "fix": [((REAL,), {})],
    "isclose": [((REAL, REAL, 1e-3, 0.5), {"equal_nan": False})],
    "allclose": [((REAL, REAL, 1e-3, 0.5), {"equal_nan": False})],
    "array_equal": [((REAL, REAL), {"equal_nan": False})],
    "array_equiv": [((REAL, REAL[:, 0]), {})],
    "isin": [((INTS, INTS[:, 0]), {"assume_unique": False, "invert": True, "kind": None})],
    "unravel_index": [((INTS,), {"shape": (2, 3), "order": "C"})],
    "ravel_multi_index": [((INTS, INTS), {"dims": (4, 5), "mode": "raise", "order": "C"})],
    "knots": [((REAL, ROWS), {})],
    "memory order": [((REAL,), {"order": "K"})],
    "unique": [((np.stack([INTS[0]] * SIZE),), {"part": "index", "axis": None, "equal_nan": True})],
    "intersect1d": [((ROWS, ROWS[:, :3]), {"part": 1, "assume_unique": False})],
    "extent": [((MASK,), {})],
    "argsort": [((REAL,), {"axis": a, "kind": "stable", "stable": None}) for a in (None, 0, -1)],
    "argpartition": [((REAL,), {"kth": 1, "axis": -1})],
    "lexsort": [((REAL, REAL), {"axis": -1})],
    "digitize": [((REAL, ROWS), {"right": False})],
    "searchsorted": [((ROWS, REAL), {"side": "left"})],
    "nonzero": [((np.stack([MASK[0]] * SIZE),), {})],
    "coincide": [((ROWS,), {"relative": 0.1})],
    "equal in a row": [((INTS * 1.0,), {})],
    "real elements": [((REAL + 0j,), {"rows": None})],
    "rank of": [((ROWS,), {})],
    "without a basis": [((np.stack([np.eye(3), np.ones((3, 3))]),), {"least": 1e-8})],
    "matrix_rank": [((REAL,), {"tol": None, "hermitian": False})],
    "ranks_of_quantiles": [((MASK[:, 0] * 0.3, np.full((SIZE, 1), 5)), {"method": "linear"})],
    "halves_of_quantiles": [((MASK[:, 0] * 0.3, np.full((SIZE, 1), 5)), {"method": "midpoint"})],
    "positions_of_ranks": [((REAL, np.stack([np.arange(2)] * SIZE)), {"skip_nan": False})],
    "positions_of_weighted_ranks": [
        ((REAL, np.abs(REAL), np.full((SIZE, 1), 0.3)), {"skip_nan": False})
    ],
    "ranks_of_median": [((INTS[..., :1] + 1,), {})],
    "position_of_running_extremum": [((REAL,), {"axis": 0, "largest": True})],
    "cast": [((MASK,), {"dtype": np.dtype(int)})],
    "stop_gradient": [((REAL,), {})],
    "near": [((np.round(ROWS),), {"relative": 1e-5})],
    "turn": [((np.round(ROWS),), {"relative": 1e-5})],
    "special.largest": [((REAL,), {"axis": a}) for a in (None, 1)],
    "special.sign_of_sum": [((REAL, REAL), {"axis": None, "keepdims": False})],
}
DISCRETE["argmin"], DISCRETE["nanargmin"], DISCRETE["all"] = (
    DISCRETE[name] for name in ("argmax", "nanargmax", "any")
)
for _name in ("isneginf", "isposinf", "iscomplex", "isreal"):
    DISCRETE[_name] = [((REAL,), {})]
for _name in ("logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or"):
    DISCRETE[f"{_name}.reduce"] = [
        ((MASK,), {"params": {"axis": None}}),
        ((MASK,), {"params": {"axis": 1, "keepdims": True}}),
    ]
    DISCRETE[f"{_name}.accumulate"] = [((MASK,), {"params": {"axis": 1}})]
for _method in ("reduce", "accumulate"):
    DISCRETE[f"bitwise_xor.{_method}"] = DISCRETE[f"bitwise_or.{_method}"]
DISCRETE |= {f"logical_xor.{m}": DISCRETE[f"logical_or.{m}"] for m in ("reduce", "accumulate")}


def called(primitive, params):
    return lambda *xs: record(primitive, xs, params or None)


def by_loop(f, operands, on):
    size = next(len(x) for x, mine in zip(operands, on, strict=True) if mine)
    results = [
        f(*[x[i] if mine else x for x, mine in zip(operands, on, strict=True)]) for i in range(size)
    ]
    return np.stack(results)


def masks(count):
    """Return which arguments are batched, in every way if they are few."""
    if count > 3:
        return [(True,) * count, (True, *(False,) * (count - 1)), (False,) * (count - 1) + (True,)]
    return [on for on in itertools.product((True, False), repeat=count) if any(on)]


def check(f, batched, single, on, rtol=1e-11):
    operands = [b if mine else s for b, s, mine in zip(batched, single, on, strict=True)]
    found = vmap(f, in_axes=tuple(0 if mine else None for mine in on))(*operands)
    expected = by_loop(f, operands, on)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-12)


def test_every_discrete_entry_has_a_case():
    own = [
        p.name
        for p in PRIMITIVES.values()
        if not p.differentiable
        and not isinstance(p.function, np.ufunc)
        and not p.name.startswith("scipy.")  # in tests/autodiff/scipy, by the functions they serve
    ]
    assert sorted(DISCRETE) == sorted(own)


@pytest.mark.each("name", DISCRETE)
def test_discrete(name):
    for operands, params in DISCRETE[name]:
        arrays = [isinstance(x, np.ndarray) for x in operands]
        single = [x[0] if mine else x for x, mine in zip(operands, arrays, strict=True)]
        for on in masks(sum(arrays))[: 1 if name == "intersect1d" else None]:
            full = [*on, *[False] * (len(operands) - len(on))]
            check(called(PRIMITIVES[name], params), operands, single, full)


@pytest.mark.each(
    "primitive",
    [p for p in PRIMITIVES.values() if not p.differentiable and isinstance(p.function, np.ufunc)],
)
def test_discrete_universal_functions(primitive):
    kinds = {t[: primitive.function.nin] for t in primitive.function.types}
    values = REAL if any(set(k) <= {"d"} for k in kinds) else INTS
    if primitive.name == "isnat":
        values = INTS.astype("M8[s]")
    batched = [values, values[:, 0] + np.ones((), values.dtype) if values.dtype.kind != "M" else 0]
    batched = batched[: primitive.function.nin]
    for on in masks(len(batched)):
        f = called(primitive, {})
        operands = [b if mine else b[0] for b, mine in zip(batched, on, strict=True)]
        if values.dtype.kind == "M":
            continue
        found = vmap(f, in_axes=tuple(0 if mine else None for mine in on))(*operands)
        np.testing.assert_array_equal(found, by_loop(f, operands, on))


def drawn(primitive, shapes, params):
    """Return operands of some calls, alike in shape, and of them those that all may share."""
    each = [draw(np.random.default_rng(i), primitive, shapes) for i in range(SIZE)]
    return [np.stack(xs) for xs in zip(*each, strict=True)], each[0]


@pytest.mark.sampled(8)
@pytest.mark.each(("primitive", "shapes", "params"), TAYLOR)
def test_value_and_derivatives(primitive, shapes, params):
    """Batches of values and gradients, gradients of batches, tangents of them: against the loop."""
    batched, single = drawn(primitive, shapes, params)
    for on in masks(len(single)):
        check(called(primitive, params), batched, single, on)
    numbers = wanted(primitive, single, params)
    out = primitive.function(*single, **params)
    weights = np.random.default_rng(5).normal(size=np.shape(out))[()]
    f = called(primitive, params)
    for argnum in numbers:
        for on in masks(len(single)):
            operands = [b if mine else s for b, s, mine in zip(batched, single, on, strict=True)]
            axes = tuple(0 if mine else None for mine in on)

            def number(x, *others, argnum=argnum):
                xs = [*others[:argnum], x, *others[argnum:]]
                return np.sum(np.real(f(*xs)) * weights)

            def ordered(xs, argnum=argnum):
                return [xs[argnum], *xs[:argnum], *xs[argnum + 1 :]]

            slope = grad(number)
            expected = by_loop(slope, ordered(operands), ordered(on))
            own = tuple(ordered(axes))
            found = vmap(slope, in_axes=own)(*ordered(operands))
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)
            total = grad(lambda *xs, own=own: np.sum(vmap(number, in_axes=own)(*xs)))
            found = total(*ordered(operands))
            expected = expected if on[argnum] else np.sum(expected, axis=0)
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)
        # Tangents in a batch at one point, as the columns of a Jacobian are.
        x_dots = np.random.default_rng(6).normal(size=(SIZE, *np.shape(single[argnum])))

        def along(x_dot, argnum=argnum):
            def moved(x):
                return f(*single[:argnum], x, *single[argnum + 1 :])

            return jvp(moved, (single[argnum],), (x_dot,))[1]

        found, expected = vmap(along)(x_dots), by_loop(along, [x_dots], [True])
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


def test_the_loops_are_few():
    looped = {p.name for p in PRIMITIVES.values() if rule_of(p) is loop}
    # Those of SciPy are listed on its own page.
    looped = {name for name in looped if not name.startswith(("scipy.", "sparse"))}
    assert looped <= {
        *("allclose", "array_equal", "array_equiv", "extent", "halves_of_quantiles"),
        *("intersect1d", "lexsort", "lstsq", "matrix_rank", "memory order", "nonzero"),
        *("positions_of_weighted_ranks", "rank of", "ranks_of_quantiles", "unique"),
    }
