import sys

import numpy as np
import pytest

import autodiff
from autodiff import grad, trace, value_and_grad, vjp
from autodiff.core.tensor import Tensor

X = np.array([0.5, 1.5, -0.75])

REFUSED = [
    (True, "is a bool; a derivative needs a floating-point number, such as 1.0"),
    (np.int64(3), "is an array of dtype int64; .* close over it: lambda w: f"),
    (np.arange(3), "is an array of dtype int64; .* convert it with .astype.float."),
    (np.ones(3, np.uint8), "is an array of dtype uint8; .* close over it: lambda w: f"),
    (np.ones(3, bool), "is an array of dtype bool; .* lambda w: f.w, mask"),
    (np.array([1.0, None]), "is an array of dtype object; .* convert it with .astype.float."),
    (np.array(["a"]), "is an array of dtype <U1; .* close over it"),
    (np.array(["2020-01-01"], "M8[D]"), "is an array of dtype datetime64"),
    ([1.0, 2], "is an int; "),
    ({"w": "abc"}, "is a str; "),
    ("abc", "is a str; "),
    (None, "is a NoneType; "),
    (np.ma.array([1.0], mask=[True]), "is a MaskedArray; .* convert it with np.array"),
]


@pytest.mark.each(("x", "message"), REFUSED)
def test_arguments_without_a_derivative_are_refused(x, message):
    for what, run in [
        ("grad: argument 0 ", grad(np.sum)),
        ("grad: argument 0 ", value_and_grad(np.sum)),
        ("vjp: argument 0 ", lambda x: vjp(np.sum, x)),
        ("trace: argument 'x' ", lambda x: trace(lambda x: np.sum(x), x)),
        ("forward: argument 'x' ", trace(lambda x: x, np.float64(1.0)).forward),
    ]:
        # The path of a part of a structure stands behind the argument.
        named = what.rstrip("' ").replace("'", "['\"]") + r"\S* "
        with pytest.raises(TypeError, match=f"{named}({message}|has the parts)"):
            run(x)


RESULTS = [
    (lambda x: None, TypeError, "returned a NoneType"),
    (lambda x: "x", TypeError, "returned a str"),
    (lambda x: {1.0, 2.0}, TypeError, "returned a set; expected one number or array: join"),
    (lambda x: np.array([None]), TypeError, "array of objects that holds a NoneType"),
]


@pytest.mark.parametrize(("f", "error", "message"), RESULTS)
def test_results_without_a_derivative_are_refused(f, error, message):
    for run in (grad(f), lambda x: vjp(f, x), lambda x: trace(f, x)):
        with pytest.raises(error, match=message):
            run(X)


@pytest.mark.parametrize("f", [lambda x: [x[0]], lambda x: (x, x), lambda x: {"x": x}])
def test_structures_have_no_gradient(f):
    with pytest.raises(TypeError, match=r"returned \d values in a nested structure; .* jacobian"):
        grad(f)(X)
    with pytest.raises(TypeError, match="expected one number or array: join"):
        trace(f, X)


def test_arguments_of_every_kind():
    def f(a, /, b, *rest, c=1.0, d=2.0, **more):
        return np.sum(a) * b + sum(rest) * c * d + more["e"]

    args, kwargs = (X, 2.0, 3.0, 4.0), {"d": 5.0, "e": 6.0}
    graph = trace(f, *args, **kwargs)
    assert list(graph.inputs) == ["a", "b", "rest[0]", "rest[1]", "d", "e"]
    assert graph.forward(*args, **kwargs) == f(*args, **kwargs)
    gradients = graph.backward()
    np.testing.assert_array_equal(gradients.pop("a"), np.full(3, 2.0))
    assert gradients == {"b": np.sum(X), "rest[0]": 5.0, "rest[1]": 5.0, "d": 7.0, "e": 1.0}
    for wrong in (args[:3], (*args, 5.0)):
        with pytest.raises(TypeError, match="the graph was traced with"):
            graph.forward(*wrong, **kwargs)
    with pytest.raises(TypeError, match=r"trace: f\(a, /, b.*missing a required argument: 'b'"):
        trace(f, X)


def test_functions_without_a_signature():
    graph = trace(np.hypot, 3.0, 4.0)
    assert graph.forward(3.0, 4.0) == 5.0
    assert list(graph.backward().values()) == [0.6, 0.8]


def test_wrt():
    def f(weights, x):
        return np.sum(weights * x)

    assert list(trace(f, X, X, wrt="x").wrt) == ["x"]
    assert list(trace(f, X, X, wrt=["x", "weights"]).wrt) == ["x", "weights"]
    with pytest.raises(ValueError, match=r"wrt names 'weigths', .*; did you mean 'weights'\?"):
        trace(f, X, X, wrt="weigths")


def test_local_variables_name_nodes():
    def layer(x):
        h = np.tanh(x)
        unrelated = 3
        return np.sum(h) * unrelated

    def f(x):
        h = layer(x) + 1.0
        x = x * 2.0
        return h + x[0]

    graph = trace(f, X)
    graph.forward(X)
    assert graph["h"].primitive.name == "add"
    assert graph["x"] is graph.inputs["x"]
    with pytest.raises(KeyError):
        graph["unrelated"]


def test_tensors_of_an_outer_trace_name_no_nodes():
    def f(x):
        y = x * 2.0

        def g(z):
            w = y * z
            return w * 1.0

        names.append(trace(g, 3.0).names)
        return y

    names = []
    grad(f)(1.0)
    assert set(names[0]) == {"z", "w"}


@pytest.mark.parametrize("run", [lambda f: grad(f)(X), lambda f: trace(f, X)])
def test_an_exception_restores_everything(run):
    tapes = []

    def fails(x):
        y = np.exp(x)
        tapes.append(y.tape)
        raise ZeroDivisionError("mine")

    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="mine"):
            run(fails)
        assert sys.getprofile() is None
        assert all(tape.ended and not tape.nodes for tape in tapes)
        np.testing.assert_array_equal(grad(np.sum)(X), np.ones(3))
        graph = trace(lambda x: np.sum(x**2), X)
        graph.forward(X)
        np.testing.assert_array_equal(graph.backward()["x"], 2 * X)


def test_a_profiler_is_left_alone():
    def profiler(frame, event, arg):
        pass

    sys.setprofile(profiler)
    try:
        graph = trace(lambda x: x * 2.0, 1.0)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert list(graph.names) == ["x"]


def test_arguments_are_left_alone():
    x = X.copy()
    x.flags.writeable = False
    w = np.ones(3)
    grad(lambda x: np.sum(x * w))(x)
    trace(lambda x: np.sum(x * w), x)
    np.testing.assert_array_equal(x, X)
    assert w.flags.writeable

    def in_place(x):
        x += 1.0
        return np.sum(x**2)

    np.testing.assert_array_equal(grad(in_place)(x), 2 * (X + 1))
    np.testing.assert_array_equal(x, X)


def test_tracing_twice_gives_the_same_graph():
    def f(x):
        return np.sum(np.where(x > 0, np.exp(x), x @ x))

    first, second = trace(f, X), trace(f, X)
    names = [[n.primitive and n.primitive.name for n in g] for g in (first, second)]
    assert names[0] == names[1]
    assert names[0] == [None, "greater", "exp", "matmul", "where", "sum"]
    assert type(first.output) is Tensor
    assert autodiff.trace is trace
