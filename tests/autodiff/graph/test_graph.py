import gc
import pickle
import weakref

import numpy as np
import pytest

from autodiff import BranchChanged, Graph, WrongOrder, grad, trace

X = np.array([0.5, 1.5, -0.75])


def circuit(x, y, z):
    q = x + y
    return q * z


def sigmoid_neuron(w0, x0, w1, x1, w2):
    return 1 / (1 + np.exp(-(w0 * x0 + w1 * x1 + w2)))


def gates(x, y, z, w):
    return 2 * (x * y + np.maximum(z, w))


def squared_norm(W, x):
    q = W @ x
    return np.sum(q**2)


W, V = np.array([[0.1, 0.5], [-0.3, 0.8]]), np.array([0.2, 0.4])

GOLDEN = [
    pytest.param(
        circuit, (-2.0, 5.0, -4.0), -12.0, (-4.0, -4.0, 3.0), {"q": (3.0, -4.0)}, id="circuit"
    ),
    pytest.param(
        sigmoid_neuron,
        (2.0, -1.0, -3.0, -2.0, -3.0),
        0.7310585786300049,
        (
            -0.19661193324148185,
            0.3932238664829637,
            -0.3932238664829637,
            -0.5898357997244456,
            0.19661193324148185,
        ),
        {},
        id="neuron",
    ),
    pytest.param(gates, (3.0, -4.0, 2.0, -1.0), -20.0, (-8.0, 6.0, 2.0, 0.0), {}, id="gates"),
    pytest.param(
        squared_norm,
        (W, V),
        0.116,
        ([[0.088, 0.176], [0.104, 0.208]], [-0.112, 0.636]),
        {"q": ([0.22, 0.26], [0.44, 0.52])},
        id="squared-norm",
    ),
]


@pytest.mark.parametrize(("f", "args", "value", "gradient", "intermediates"), GOLDEN)
def test_golden_values(f, args, value, gradient, intermediates):
    # Worked out by hand in the teaching notes; exact values, not rounded ones.
    graph = trace(f, *args)
    np.testing.assert_allclose(graph.forward(*args), value, rtol=1e-15)
    for found, expected in zip(graph.backward().values(), gradient, strict=True):
        np.testing.assert_allclose(found, expected, rtol=3e-15)
    for name, (primal, adjoint) in intermediates.items():
        np.testing.assert_allclose(graph[name].value, primal, rtol=1e-15)
        np.testing.assert_allclose(graph[name].adjoint, adjoint, rtol=1e-15)
    for found, expected in zip(grad(f, tuple(range(len(args))))(*args), gradient, strict=True):
        np.testing.assert_allclose(found, expected, rtol=3e-15)


@pytest.mark.parametrize(
    ("n", "coefficients"),
    [
        (1, [1]),
        (2, [4, -8]),
        (3, [16, -160, 384, -256]),
        (4, [64, -2688, 32256, -168960, 450560, -638976, 458752, -131072]),
    ],
)
def test_logistic_map(n, coefficients):
    # Baydin et al., JMLR 18(153), 2018, Table 1.
    def logistic(x):
        for _ in range(n - 1):
            x = 4 * x * (1 - x)
        return x

    graph = trace(logistic, 0.3)
    for x in np.linspace(0.0, 1.0, 21):
        graph.forward(x)
        expected = np.polynomial.polynomial.polyval(x, coefficients)
        np.testing.assert_allclose(graph.backward()["x"], expected, rtol=1e-11, atol=1e-11)


def test_nodes_are_in_topological_order():
    graph = trace(lambda x, y: np.sum(np.exp(x * y) + x @ y) * x[0], X, X)
    seen = set()
    for node in graph:
        assert all(id(x) in seen for x in node.operands if hasattr(x, "tape"))
        seen.add(id(node))
    assert len(graph) == len(graph.nodes) == len(seen) == graph.operations + 2
    assert graph.output is graph.nodes[-1]


def test_reused_values_accumulate():
    def diamond(x):
        left, right = np.sin(x), np.cos(x)
        return left * right * x + x

    for f, slope in [
        (lambda x: x * x, 6.0),
        (lambda x: x + x + x, 3.0),
        (lambda x: x * x * x, 27.0),
        (diamond, np.cos(6.0) * 3 + np.sin(6.0) / 2 + 1),
    ]:
        graph = trace(f, 3.0)
        graph.forward(3.0)
        np.testing.assert_allclose(graph.backward()["x"], slope, rtol=1e-14)


def test_a_chain_of_100_000_nodes():
    def chain(x):
        for _ in range(50_000):
            x = x * 1.0001 + 1e-6
        return x

    graph = trace(chain, 0.5)
    assert graph.operations == 100_000
    graph.forward(0.5)
    np.testing.assert_allclose(graph.backward()["x"], 1.0001**50_000, rtol=1e-9)
    last = weakref.ref(_Witness(graph))
    del graph
    assert last() is None
    np.testing.assert_allclose(grad(chain)(0.5), 1.0001**50_000, rtol=1e-9)


class _Witness:
    """Lives as long as nothing but a local name refers to it."""

    def __init__(self, held):
        self.held = held


@pytest.mark.parametrize("use", ["grad", "graph", "vjp", "guarded"])
def test_no_reference_cycle_keeps_arrays_alive(use):
    import autodiff

    def f(x):
        y = np.exp(x)
        alive.append(weakref.ref(y.value))
        return np.sum(y * y) if use != "guarded" or y[0] > 0 else np.sum(y)

    alive = []
    gc.collect()
    gc.disable()
    try:
        if use == "grad":
            grad(f)(X)
        elif use == "vjp":
            out, pullback = autodiff.vjp(f, X)
            pullback(1.0)
            del out, pullback
        else:
            graph = trace(f, X)
            graph.forward(X)
            graph.backward()
            alive.append(weakref.ref(graph.nodes[1].value))
            del graph
        assert alive
        assert all(reference() is None for reference in alive)
    finally:
        gc.enable()


def test_backward_before_forward():
    graph = trace(circuit, 1.0, 2.0, 3.0)
    with pytest.raises(WrongOrder, match=r"call graph.forward\(\.\.\.\) with the inputs first"):
        graph.backward()
    graph.forward(1.0, 2.0, 3.0)
    graph.backward()
    graph.forget()
    assert all(node.value is None and node.adjoint is None for node in graph)
    with pytest.raises(WrongOrder):
        graph.backward()


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((np.ones(4), 1.0), ValueError, r"'x' has shape \(4,\); the graph was traced with \(3,\)"),
        ((X, "a"), TypeError, "argument 'k' is a str"),
        ((X,), TypeError, "the graph was traced with x, k"),
        ((X, 1.0, 2.0), TypeError, "too many positional"),
        ((X, True), TypeError, "'k' is a bool"),
        ((), TypeError, "missing a required argument"),
    ],
)
def test_a_failed_forward_leaves_nothing_to_go_backward_from(args, error, message):
    graph = trace(lambda x, k=2.0: np.sum(x * k), X, 2.0)
    graph.forward(X, 2.0)
    with pytest.raises(error, match=message):
        graph.forward(*args)
    with pytest.raises(WrongOrder):
        graph.backward()
    graph.forward(X, 3.0)
    np.testing.assert_array_equal(graph.backward()["x"], [3, 3, 3])


def test_an_argument_that_was_left_out_stays_a_constant():
    graph = trace(lambda x, k=2.0: np.sum(x * k), X)
    with pytest.raises(TypeError, match="the arguments are x, k; the graph was traced with x"):
        graph.forward(X, 3.0)
    graph.forward(X)
    np.testing.assert_array_equal(graph.backward()["x"], [2, 2, 2])


def test_backward_twice_gives_the_same():
    graph = trace(squared_norm, W, V)
    graph.forward(W, V)
    first, second = graph.backward(), graph.backward()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], strict=True)
    np.testing.assert_array_equal(graph["q"].adjoint, 2 * W @ V)
    np.testing.assert_array_equal(graph.backward(2.0)["x"], 2 * first["x"])
    np.testing.assert_array_equal(graph.gradients()["x"], 2 * first["x"])
    value, third = graph.value_and_gradient(W, V)
    assert value == graph.output.value
    np.testing.assert_array_equal(third["W"], first["W"])


def test_unused_arguments_have_gradient_zero():
    graph = trace(lambda x, unused, number: np.sum(x), X, np.ones((2, 1), np.float32), 1.0)
    graph.forward(X, np.ones((2, 1), np.float32), 1.0)
    gradients = graph.backward()
    np.testing.assert_array_equal(gradients["unused"], np.zeros((2, 1), np.float32), strict=True)
    assert gradients["number"] == 0.0
    np.testing.assert_array_equal(graph["unused"].adjoint, np.zeros((2, 1)))


@pytest.mark.parametrize("f", [lambda x: 3.0, lambda x: 3, lambda x: np.sum(np.ones(3))])
def test_constant_functions(f):
    graph = trace(f, X)
    assert graph.forward(X) == 3.0
    np.testing.assert_array_equal(graph.backward()["x"], np.zeros(3))
    np.testing.assert_array_equal(grad(f)(X), np.zeros(3))


def test_functions_without_a_slope():
    graph = trace(lambda x: np.sum(np.floor(x) + (x > 0) + np.argmax(x)), X)
    graph.forward(X)
    np.testing.assert_array_equal(graph.backward()["x"], np.zeros(3))


def test_seeds():
    graph = trace(lambda x: x**2, X)
    out = graph.forward(X)
    assert out.shape == (3,)
    with pytest.raises(ValueError, match=r"the output has shape \(3,\); a gradient needs a scalar"):
        graph.backward()
    with pytest.raises(ValueError, match=r"the seed has shape \(2,\), the output \(3,\)"):
        graph.backward(np.ones(2))
    with pytest.raises(ValueError, match=r"the seed has shape \(\)"):
        graph.backward(1.0)
    seed = np.array([1.0, 0.0, 2.0])
    np.testing.assert_array_equal(graph.backward(seed)["x"], 2 * X * seed)
    np.testing.assert_array_equal(graph.backward([1, 0, 2])["x"], 2 * X * seed)
    np.testing.assert_array_equal(seed, [1.0, 0.0, 2.0])
    scalar = trace(np.sum, X)
    scalar.forward(X)
    with pytest.raises(ValueError, match="must be the same"):
        scalar.backward(np.ones(1))


def test_branches_are_guarded():
    def f(x):
        return x**2 if x > 0 else -x

    graph = trace(f, 2.0)
    graph.forward(3.0)
    assert graph.backward()["x"] == 6.0
    with pytest.raises(BranchChanged, match="the bool of 'greater', which was True and is now Fa"):
        graph.forward(-1.0)
    with pytest.raises(WrongOrder):
        graph.backward()
    assert grad(f)(3.0) == 6.0
    assert grad(f)(-3.0) == -1.0


def test_every_decision_is_guarded():
    def bounded(x):
        return sum(x[i] for i in range(np.argmax(x) + 1))

    graph = trace(bounded, X)
    graph.forward(X + 1)
    with pytest.raises(BranchChanged, match="index"):
        graph.forward(np.roll(X, 1))
    for f in (
        lambda x: x[0] if x.any() and np.all(x > 0) else x[1],
        lambda x: max(x),
        lambda x: x[0] if x[0] else x[1],
        lambda x: np.array([1.0, 2.0, 3.0])[np.argmax(x)] * x[0],
    ):
        graph = trace(f, np.array([3.0, 1.0, 2.0]))
        with pytest.raises(BranchChanged):
            graph.forward(np.array([0.0, 1.0, 2.0]))


def test_a_branch_that_changed_is_told_before_the_error_it_causes():
    def f(x):
        return np.sum(x[: np.argmax(x)] * np.ones(2)) + np.sum(x[x > 0] * np.ones(2))

    graph = trace(f, np.array([1.0, -2.0, 3.0]))
    with pytest.raises(BranchChanged, match="shape"):
        graph.forward(np.array([1.0, 2.0, 3.0]))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.where(x > 0, x**2, -x)),
        lambda x: np.sum(x[x > 0] ** 2),
        lambda x: np.mean(x[(x > 0) & (x < 10)]),
        lambda x: x[np.argmax(x)] ** 2,
        lambda x: np.sum(x[np.argmax(np.stack([x, -x]), axis=1)]),
        lambda x: np.sum(x[np.argmin(x), None] * x),
        lambda x: np.max(x) - np.min(x) + np.sum(np.maximum(x, 0.1)),
        lambda x: np.sum(x * np.sign(x) * np.floor(x)),
        lambda x: np.sum(np.sum(x > 0) * x + np.mean(x > 0) * x),
        lambda x: np.sum((x > 0).astype(int) * x + np.abs(x) ** (x > 0)),
    ],
)
def test_masks_and_positions_are_computed_anew(f):
    x = np.array([1.5, -0.5, 2.25])
    graph = trace(f, x)
    for fresh in (x, x[::-1], np.array([-1.5, 3.5, 0.75])):
        np.testing.assert_allclose(graph.forward(fresh), f(fresh), rtol=1e-15)
        np.testing.assert_allclose(graph.backward()["x"], grad(f)(fresh), rtol=1e-14)


def test_a_mask_that_takes_another_number_of_elements_raises():
    # The mean would divide by the number of elements that the trace saw.
    graph = trace(lambda x: np.mean(x[x > 0]), np.array([1.0, -1.0, 2.0]))
    with pytest.raises(BranchChanged, match=r"shape of 'getitem', which was \(2,\) and is now \(3"):
        graph.forward(np.ones(3))


def test_captured_arrays_are_those_of_the_trace():
    w = np.ones(3)
    graph = trace(lambda x: np.sum(x * w), X)
    w[:] = 7.0
    assert graph.forward(X) == np.sum(X)
    np.testing.assert_array_equal(graph.backward()["x"], np.ones(3))
    rows = np.array([0, 1])
    graph = trace(lambda x: np.sum(x[rows] ** 2), X)
    rows[:] = 2
    graph.forward(X)
    np.testing.assert_array_equal(graph.backward()["x"], [1.0, 3.0, 0.0])


def test_arguments_may_change_between_forward_and_backward():
    x = X.copy()
    graph = trace(lambda x: np.sum(x * x), x)
    graph.forward(x)
    x[:] = 100.0
    np.testing.assert_array_equal(graph.backward()["x"], 2 * X)


def aliases(arrays):
    return [
        (i, j)
        for i, a in enumerate(arrays)
        for j, b in enumerate(arrays)
        if i < j and np.shares_memory(a, b)
    ]


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y, z: np.sum(x + y + z),
        lambda x, y, z: np.sum(x - y) + np.sum(np.reshape(z, (3, 1)).T[0]),
        lambda x, y, z: x,
        lambda x, y, z: x + y,
        lambda x, y, z: np.concatenate([x, y, z]),
        lambda x, y, z: np.stack([x, y])[:, ::-1] * 1.0,
        lambda x, y, z: np.broadcast_to(x, (2, 3)),
        lambda x, y, z: np.astype(np.astype(x, np.float32), float) + y.T,
    ],
)
def test_gradients_are_arrays_of_their_own(f):
    args = [X.copy(), X.copy() + 1, X.copy() + 2]
    graph = trace(f, *args)
    out = graph.forward(*args)
    seed = np.ones(np.shape(out))
    first = graph.backward(seed)
    values = [n.value for n in graph if isinstance(n.value, np.ndarray)]
    adjoints = [n.adjoint for n in graph if isinstance(n.adjoint, np.ndarray)]
    for x_bar in first.values():
        assert type(x_bar) is np.ndarray
        assert x_bar.flags.writeable
        assert x_bar.flags.owndata
        assert not any(
            np.shares_memory(x_bar, other) for other in [*args, *values, *adjoints, seed]
        )
    assert aliases(list(first.values())) == []
    kept = {name: x_bar.copy() for name, x_bar in first.items()}
    for x_bar in first.values():
        x_bar[...] = np.nan
    for name, x_bar in graph.backward(seed).items():
        np.testing.assert_array_equal(x_bar, kept[name])
    total = trace(lambda *xs: np.sum(f(*xs)), *args)
    _, direct = total.value_and_gradient(*args)
    assert aliases([*direct.values(), *args]) == []
    assert all(x_bar.flags.writeable for x_bar in direct.values())


def test_wrt_leaves_out_the_rest():
    graph = trace(squared_norm, W, V, wrt="x")
    graph.forward(W, V)
    assert list(graph.backward()) == ["x"]
    np.testing.assert_allclose(graph.backward()["x"], [-0.112, 0.636])


def test_names_and_text():
    graph = trace(squared_norm, W, V)
    assert repr(graph) == "<Graph of (W 2×2, x 2): 3 operations>"
    assert graph["q"].primitive.name == "matmul"
    with pytest.raises(KeyError, match="no node is called 'h'; these are: W, q, x"):
        graph["h"]
    assert isinstance(graph, Graph)


def test_other_dtypes_of_the_same_shape():
    graph = trace(lambda x: np.sum(np.tanh(x) * 2.0), X)
    assert graph.forward(X.astype(np.float32)).dtype == np.float32
    assert graph.backward()["x"].dtype == np.float32
    assert graph.nodes[1].adjoint.dtype == np.float32
    graph.forward(X)
    assert graph.backward()["x"].dtype == np.float64


def test_a_graph_runs_on_tensors():
    graph = trace(lambda x: np.sum(x**3), X)
    np.testing.assert_allclose(grad(graph.forward)(X), 3 * X**2)

    def inner(x):
        graph.forward(x)
        return np.sum(graph.backward()["x"])

    np.testing.assert_allclose(grad(inner)(X), 6 * X)


def test_a_graph_can_be_pickled():
    def f(x, p):
        h = np.tanh(x * 1.5) + p["a"][:2] * np.array([1.0, 2.0])
        return np.sum(h[h > 0])

    args = (np.ones(2), {"a": np.arange(3.0)})
    graph = trace(f, *args)
    again = pickle.loads(pickle.dumps(graph))
    for g in (again, pickle.loads(pickle.dumps(again))):
        value, gradients = g.value_and_gradient(*args)
        assert value == f(*args)
        np.testing.assert_array_equal(gradients["x"], graph.value_and_gradient(*args)[1]["x"])
        np.testing.assert_array_equal(gradients["p"]["a"], [1.0, 2.0, 0.0])
        assert repr(g) == repr(graph)
    only = pickle.loads(pickle.dumps(trace(f, *args, wrt="x")))
    assert list(only.value_and_gradient(*args)[1]) == ["x"]
