"""Every entry of the rule table, walked: a rule without a passing check cannot exist."""

import contextlib
import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import autodiff
import autodiff.rules.sparse  # these rules are imported only where SciPy is
import autodiff.rules.special
import autodiff.scipy
from autodiff import grad, jvp
from autodiff.core.primitive import PRIMITIVES, discrete
from autodiff.core.tensor import record
from autodiff.rules.elementwise_rules import unbroadcast

LATE = [getattr(autodiff.scipy, name) for name in autodiff.scipy.__all__]

UNARY = [((),), ((0,),), ((3,),), ((2, 1, 3),)]
BINARY = [
    ((), ()),
    ((3,), (2, 3)),
    ((2, 3), ()),
    ((), (2, 3)),
    ((2, 1), (1, 3)),
    ((0, 3), (3,)),
    ((1,), (0,)),
    ((1, 1), (4,)),
]
DIFFERENTIABLE = [p for p in PRIMITIVES.values() if p.differentiable]
#: Steps of the Taylor test: small enough to stay off kinks, and large against rounding.
STEPS = 2.0 ** -np.arange(8, 15)
ELEMENTWISE = [p for p in DIFFERENTIABLE if p.kind == "elementwise"]


def examples(primitive):
    if primitive.kind == "elementwise":
        arguments = len(primitive.vjps)
        all_shapes = UNARY if arguments == 1 else BINARY
        return [((*shapes, *[()] * (arguments - len(shapes))), {}) for shapes in all_shapes]
    return primitive.examples


def not_elementwise(case):
    return case.values[0].kind != "elementwise"


CASES = [
    pytest.param(primitive, shapes, params, id=f"{primitive.name}-{i}")
    for primitive in DIFFERENTIABLE
    for i, (shapes, params) in enumerate(examples(primitive))
]
#: Without axes, with, and broadcast: Hypothesis draws the other shapes of elementwise functions.
TAYLOR = [case for case in CASES if case.id.endswith(("-0", "-2", "-4")) or not_elementwise(case)]
OTHERS = [case for case in CASES if not_elementwise(case)]


def draw(rng, primitive, shapes, dtype=float):
    if primitive.draw is not None:
        return list(primitive.draw(rng, *shapes))
    domain = primitive.domain or ((-2.0, 2.0),) * len(shapes)
    return [
        # An interval between integers is one of integers.
        rng.integers(low, high, size=shape, endpoint=True)[()]
        if isinstance(low, int)
        else rng.uniform(low, high, size=shape).astype(dtype)[()]
        for (low, high), shape in zip(domain, shapes, strict=True)
    ]


def direction(rng, x):
    x_dot = rng.normal(size=np.shape(x))
    return (x_dot + 1j * rng.normal(size=np.shape(x)) if np.iscomplexobj(x) else x_dot)[()]


def wanted(primitive, xs, params):
    """Return the numbers of the arguments that have a rule: orders and the like refuse."""
    out = primitive.function(*xs, **params)
    numbers = []
    for argnum in range(len(xs)):
        with contextlib.suppress(autodiff.Undifferentiable):
            primitive.vjp(argnum)(out, out, *xs, **params)
            numbers.append(argnum)
    return numbers


def completed(xs, numbers, free):
    """Return the operands, those of the given numbers replaced."""
    operands = list(xs)
    for number, x in zip(numbers, free, strict=True):
        operands[number] = x
    return operands


def check_rules(primitive, shapes, params, rng, step=1e-5, as_complex=False):
    """Hold VJP and JVP of each argument against a central difference and against each other."""
    xs = draw(rng, primitive, shapes)
    numbers = wanted(primitive, xs, params)
    if as_complex:
        xs = completed(xs, numbers, [xs[i] + 0.3j * direction(rng, xs[i]) for i in numbers])
    out = primitive.function(*xs, **params)
    g = direction(rng, out)
    for argnum in numbers:
        x = xs[argnum]
        x_dot = direction(rng, x)
        x_bar = primitive.vjp(argnum)(g, out, *xs, **params)
        out_dot = primitive.jvp(argnum)(x_dot, out, *xs, **params)
        assert np.shape(x_bar) == np.shape(x)
        assert np.shape(out_dot) == np.shape(out)
        assert not any(np.shares_memory(x_bar, operand) for operand in xs)
        moved = [[*xs[:argnum], x + h * x_dot, *xs[argnum + 1 :]] for h in (step, -step)]
        ahead, behind = (primitive.function(*operands, **params) for operands in moved)
        np.testing.assert_allclose(out_dot, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-7)
        # The convention for complex numbers: real parts of products without conjugation.
        paired, expected = np.sum(x_bar * x_dot).real, np.sum(g * out_dot).real
        np.testing.assert_allclose(paired, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.each("primitive", DIFFERENTIABLE)
def test_every_differentiable_primitive_has_cases_and_both_modes(primitive):
    assert examples(primitive), f"{primitive.name} has no examples: its rule is unchecked"
    assert len(primitive.vjps) == len(primitive.jvps) > 0
    assert len(primitive.domain) in (
        (0,) if primitive.kind == "linear" else (0, len(primitive.vjps))
    )


@pytest.mark.sampled(8)
@pytest.mark.each(("primitive", "shapes", "params"), CASES)
def test_vjp_and_jvp_agree_with_central_differences(primitive, shapes, params, rng):
    check_rules(primitive, shapes, params, rng)


@pytest.mark.sampled(8)
@pytest.mark.each(
    ("primitive", "shapes", "params"), [case for case in CASES if case.values[0].complex]
)
def test_complex_vjp_and_jvp_agree_with_central_differences(primitive, shapes, params, rng):
    check_rules(primitive, shapes, params, rng, as_complex=primitive.draw is None)


@pytest.mark.sampled(8)
@pytest.mark.each(("primitive", "shapes", "params"), TAYLOR)
def test_second_order(primitive, shapes, params, rng, slope):
    operands = draw(rng, primitive, shapes)
    numbers = wanted(primitive, operands, params)
    xs = [operands[number] for number in numbers]
    everything = tuple(range(len(xs)))
    weights = rng.normal(size=np.shape(primitive.function(*operands, **params)))[()]
    directions = [rng.normal(size=np.shape(x))[()] for x in xs]

    def loss(*xs):
        # The square makes the second derivative of linear functions other than zero.
        all_operands = tuple(completed(operands, numbers, xs))
        return np.sum(weights * np.real(record(primitive, all_operands, params)) ** 2)

    def projected(*xs):
        gradients = autodiff.grad(loss, everything)(*xs)
        return sum(np.sum(d * g) for d, g in zip(directions, gradients, strict=True))

    value, second = autodiff.value_and_grad(projected, everything)(*xs)
    np.testing.assert_allclose(value, projected(*xs), rtol=1e-14)
    moves, expected = slope(projected, xs)
    found = sum(np.sum(g * d) for g, d in zip(second, moves, strict=True))
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-6)
    # The same as a graph that runs again: masks and positions in the rules are nodes of it.
    graph = autodiff.trace(projected, *xs)
    fresh = [draw(rng, primitive, shapes)[number] for number in numbers]
    if primitive.kind != "elementwise":
        fresh = xs
    np.testing.assert_allclose(graph.forward(*fresh), projected(*fresh), rtol=1e-12)
    for x_bar, expected in zip(
        graph.backward().values(), autodiff.grad(projected, everything)(*fresh), strict=True
    ):
        np.testing.assert_allclose(x_bar, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.each("primitive", ELEMENTWISE)
@pytest.mark.each("strided", [False, True])
def test_float32_stays_float32(primitive, strided, rng):
    shapes = ((4, 6),) * len(primitive.vjps)
    exact = draw(rng, primitive, shapes, np.float32)
    operands = [x[::2, ::-3] if strided else x for x in exact]
    numbers = wanted(primitive, operands, {})
    xs = [operands[number] for number in numbers]
    everything = tuple(range(len(xs)))

    def loss(*xs):
        return np.sum(np.real(record(primitive, tuple(completed(operands, numbers, xs)))))

    gradients = autodiff.grad(loss, everything)(*xs)
    wide = autodiff.grad(loss, everything)(*(x.astype(float) for x in xs))
    for x_bar, expected in zip(gradients, wide, strict=True):
        assert x_bar.dtype == np.float32
        np.testing.assert_allclose(x_bar, expected, rtol=5e-5, atol=5e-6)


@pytest.mark.each("primitive", ELEMENTWISE)
def test_arrays_of_any_layout(primitive, rng, slope):
    shapes = ((6, 4),) * len(primitive.vjps)
    operands = [x[::-2, 1::2].T for x in draw(rng, primitive, shapes)]
    numbers = wanted(primitive, operands, {})
    xs = [operands[number] for number in numbers]
    everything = tuple(range(len(xs)))

    def loss(*xs):
        return np.sum(np.real(record(primitive, tuple(completed(operands, numbers, xs)))))

    directions, expected = slope(loss, xs)
    gradients = autodiff.grad(loss, everything)(*xs)
    found = sum(np.sum(g * d) for g, d in zip(gradients, directions, strict=True))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def slope_of(remainders, floor):
    """Return by which power of the step remainders fall, infinity if they are rounding alone."""
    clear = remainders > floor
    if np.count_nonzero(clear) < 3:
        return np.inf
    powers = np.polyfit(np.log2(STEPS[clear]), np.log2(remainders[clear]), 1)
    return float(powers[0])


def check_taylor(primitive, shapes, params, rng):
    """Hold each rule against f(x + hd) = f(x) + h f'(x) d + O(h²), in both modes."""
    xs = draw(rng, primitive, shapes)
    out = primitive.function(*xs, **params)
    g = direction(rng, out)
    for argnum in wanted(primitive, xs, params):
        d = rng.uniform(-1.0, 1.0, size=np.shape(xs[argnum]))[()]
        forward = np.sum(g * primitive.jvp(argnum)(d, out, *xs, **params)).real
        backward = np.sum(primitive.vjp(argnum)(g, out, *xs, **params) * d).real

        def value(h, argnum=argnum, d=d):
            return primitive.function(*completed(xs, [argnum], [xs[argnum] + h * d]), **params)

        for derivative in (forward, backward):
            first = np.sum(g * out).real
            values = [np.sum(g * value(h)).real for h in STEPS]
            remainders = np.array(
                [abs(v - first - h * derivative) for h, v in zip(STEPS, values, strict=True)]
            )
            # What is added up bounds the rounding of the sums.
            floor = 1e-14 * (np.sum(np.abs(g * out)) + abs(derivative)) + 1e-15
            assert slope_of(remainders, 30 * floor) > 1.8, (primitive.name, argnum, remainders)


@pytest.mark.sampled(8)
@pytest.mark.each(("primitive", "shapes", "params"), TAYLOR)
def test_remainders_fall_with_the_square_of_the_step(primitive, shapes, params, rng):
    check_taylor(primitive, shapes, params, rng)


@pytest.mark.sampled(8)
@pytest.mark.each(("primitive", "shapes", "params"), TAYLOR)
def test_second_order_remainders_fall_with_the_square_of_the_step(primitive, shapes, params, rng):
    operands = draw(rng, primitive, shapes)
    numbers = wanted(primitive, operands, params)
    xs = tuple(operands[number] for number in numbers)
    everything = tuple(range(len(xs)))
    weights = rng.normal(size=np.shape(primitive.function(*operands, **params)))[()]
    ds, es = ([rng.uniform(-1.0, 1.0, size=np.shape(x))[()] for x in xs] for _ in range(2))

    def along(*xs):
        """Return the derivative along one direction, by reverse mode."""

        def loss(*xs):
            out = record(primitive, tuple(completed(operands, numbers, xs)), params)
            return np.sum(weights * np.real(out) ** 2)

        found = grad(loss, everything)(*xs)
        return sum(np.sum(d * x_bar) for d, x_bar in zip(ds, found, strict=True))

    first, derivative = jvp(along, xs, tuple(es))
    terms = [abs(first), abs(derivative), 1.0]
    values = [along(*(x + h * e for x, e in zip(xs, es, strict=True))) for h in STEPS]
    remainders = np.array(
        [abs(v - first - h * derivative) for h, v in zip(STEPS, values, strict=True)]
    )
    assert slope_of(remainders, 1e-12 * sum(terms)) > 1.8, (primitive.name, remainders)


LAYOUTS = {
    "C": lambda x: x,
    "F": lambda x: np.array(x, order="F"),
    "reversed": lambda x: x[::-1].copy()[::-1] if x.ndim else x,
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x,
    "broadcast": lambda x: np.broadcast_to(x[:1], x.shape) if x.ndim else x,
}


@pytest.mark.sampled(8)
@pytest.mark.each("primitive", ELEMENTWISE)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data())
def test_elementwise_rules_at_any_shape(primitive, data):
    count = len(primitive.vjps)
    shapes = data.draw(
        mutually_broadcastable_shapes(num_shapes=count, max_dims=3, min_side=0, max_side=3)
    ).input_shapes
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    xs = [
        LAYOUTS[data.draw(st.sampled_from(sorted(LAYOUTS)))](np.asarray(x))
        for x in draw(rng, primitive, shapes)
    ]
    out = primitive.function(*xs)
    g = rng.normal(size=np.shape(out))[()]
    numbers = wanted(primitive, xs, {})
    for argnum in numbers:
        d = rng.normal(size=xs[argnum].shape)[()]
        x_bar = primitive.vjp(argnum)(g, out, *xs)
        out_dot = primitive.jvp(argnum)(d, out, *xs)
        assert np.shape(x_bar) == xs[argnum].shape
        assert np.shape(out_dot) == np.shape(out)
        np.testing.assert_allclose(np.sum(x_bar * d), np.sum(g * out_dot), rtol=1e-10, atol=1e-11)
        ahead, behind = (
            primitive.function(*completed(xs, [argnum], [xs[argnum] + h * d]))
            for h in (1e-5, -1e-5)
        )
        np.testing.assert_allclose(out_dot, (ahead - behind) / 2e-5, rtol=1e-5, atol=1e-6)
    # The engine gives gradients of the shapes and types of single precision.
    narrow = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in xs]
    free = [narrow[number] for number in numbers]

    def loss(*free):
        return np.sum(np.real(record(primitive, tuple(completed(narrow, numbers, free)))))

    everything = tuple(range(len(numbers)))
    gradients = grad(loss, everything)(*free)
    # At the same numbers, as those before rounding are another place.
    wide = [np.asarray(x, float) if x.dtype == np.float32 else x for x in narrow]
    exact = grad(
        lambda *free: np.sum(np.real(record(primitive, tuple(completed(wide, numbers, free))))),
        everything,
    )(*(wide[number] for number in numbers))
    for x_bar, expected, x in zip(gradients, exact, free, strict=True):
        assert (x_bar.shape, x_bar.dtype) == (x.shape, np.float32)
        np.testing.assert_allclose(x_bar, expected, rtol=2e-4, atol=2e-5)


@pytest.mark.sampled(8)
@pytest.mark.each(("primitive", "shapes", "params"), OTHERS)
def test_other_rules_at_any_layout(primitive, shapes, params, rng):
    xs = draw(rng, primitive, shapes)
    out = primitive.function(*xs, **params)
    g, ds = direction(rng, out), [direction(rng, x) for x in xs]
    for layout in ("F", "reversed", "strided"):
        laid = [LAYOUTS[layout](np.asarray(x))[()] for x in xs]
        out_laid = primitive.function(*laid, **params)
        for argnum in wanted(primitive, xs, params):
            for rule, moved in ((primitive.vjp(argnum), g), (primitive.jvp(argnum), ds[argnum])):
                np.testing.assert_allclose(
                    rule(moved, out_laid, *laid, **params),
                    rule(moved, out, *xs, **params),
                    rtol=1e-9,
                    atol=1e-11,
                    err_msg=layout,
                )


@pytest.mark.each(("primitive", "shapes", "params"), OTHERS)
def test_other_rules_in_single_precision(primitive, shapes, params, rng):
    wide = draw(rng, primitive, shapes)
    numbers = wanted(primitive, wide, params)
    narrow = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in map(np.asarray, wide)]
    everything = tuple(range(len(numbers)))
    weights = rng.normal(size=np.shape(primitive.function(*wide, **params)))[()]

    def gradients(operands):
        def loss(*free):
            out = record(primitive, tuple(completed(operands, numbers, free)), params)
            return np.sum(weights.astype(np.float32) * np.real(out))

        return grad(loss, everything)(*(operands[number] for number in numbers))

    exact = gradients([x.astype(float) if x.dtype == np.float32 else x for x in narrow])
    for x_bar, expected, number in zip(gradients(narrow), exact, numbers, strict=True):
        assert x_bar.dtype == narrow[number].dtype
        scale = float(np.max(np.abs(expected), initial=0.0))
        np.testing.assert_allclose(x_bar, expected, rtol=2e-3, atol=2e-3 * scale + 1e-5)


def twice(rule):
    return lambda *args, **params: 2 * rule(*args, **params)


MULTIPLY, MATMUL, SUM = (PRIMITIVES[name] for name in ("multiply", "matmul", "sum"))
BROADCAST = ((2, 3), (3,))
SQUARE = ((2, 2), (2, 2))


@pytest.mark.parametrize(
    ("primitive", "shapes", "params", "change"),
    [
        (MULTIPLY, BROADCAST, {}, {"vjps": (twice(MULTIPLY.vjps[0]), MULTIPLY.vjps[1])}),
        (MULTIPLY, BROADCAST, {}, {"vjps": (MULTIPLY.vjps[0], lambda g, out, x, y: -g[0] * x[0])}),
        (MULTIPLY, BROADCAST, {}, {"vjps": (MULTIPLY.vjps[0], lambda g, out, x, y: (g * x)[0])}),
        (MULTIPLY, BROADCAST, {}, {"vjps": (MULTIPLY.vjps[0], lambda g, out, x, y: g * x)}),
        (MULTIPLY, BROADCAST, {}, {"jvps": (MULTIPLY.jvps[0], twice(MULTIPLY.jvps[1]))}),
        (MATMUL, SQUARE, {}, {"vjps": (lambda g, out, x, y: g @ y, MATMUL.vjps[1])}),
        (MATMUL, SQUARE, {}, {"vjps": (lambda g, out, x, y: np.zeros((2, 2)), MATMUL.vjps[1])}),
        (MATMUL, SQUARE, {}, {"vjps": (MATMUL.vjps[0], lambda g, out, x, y: y)}),
        (
            SUM,
            ((3,),),
            {"axis": 0, "keepdims": False},
            {"vjps": (lambda g, out, x, **params: x,)},
        ),
    ],
    ids=[
        *("factor", "sign", "dropped-sum", "unreduced", "jvp"),
        *("transpose", "zero", "operand", "input"),
    ],
)
def test_a_wrong_rule_is_caught(primitive, shapes, params, change, rng):
    check_rules(primitive, shapes, params, rng)
    with pytest.raises(AssertionError):
        check_rules(dataclasses.replace(primitive, **change), shapes, params, rng)


def off(rule):
    """Return a rule that is off by a part in a thousand."""
    return lambda *args, **params: 1.001 * rule(*args, **params)


@pytest.mark.each("kind", ["vjps", "jvps"])
@pytest.mark.each("name", ["exp", "multiply", "matmul", "sum", "power", "cumsum"])
def test_a_rule_that_is_off_by_a_part_in_a_thousand_is_caught(name, kind, rng):
    primitive = PRIMITIVES[name]
    shapes, params = next((c.values[1:]) for c in CASES if c.values[0] is primitive)
    check_taylor(primitive, shapes, params, rng)
    rules = tuple(off(rule) for rule in getattr(primitive, kind))
    with pytest.raises(AssertionError):
        check_taylor(dataclasses.replace(primitive, **{kind: rules}), shapes, params, rng)


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="'floor' is registered twice"):
        discrete(np.floor)


def test_unbroadcast_is_the_transpose_of_broadcasting(rng):
    for small, large in [((), (2, 3)), ((3,), (2, 3)), ((2, 1), (4, 2, 3)), ((1, 3), (0, 3))]:
        x, g = rng.normal(size=small), rng.normal(size=large)
        x_bar = unbroadcast(g, small)
        assert x_bar.shape == small
        np.testing.assert_allclose(np.sum(x_bar * x), np.sum(g * np.broadcast_to(x, large)))


def test_primitives_are_pickled_by_name():
    import pickle

    assert pickle.loads(pickle.dumps(MULTIPLY)) is MULTIPLY
    assert repr(MULTIPLY) == "<primitive multiply>"
