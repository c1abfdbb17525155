"""The functions of Stanford's lecture notes on backpropagation, with gradients derived by hand.

The circuits, the neuron and the squared norm are the worked examples of the CS231n notes
"Backpropagation, Intuitions" (F.-F. Li, J. Johnson, A. Karpathy) and its lecture slides; the
two-layer network is the training example of the same course.
"""

from typing import Any

import numpy as np

from compare.problems.namespace import namespace
from compare.problems.problem import Gradients, Inputs, Problem

__all__ = [
    "PROBLEMS",
    "circuit",
    "circuit_gradient",
    "gates",
    "gates_gradient",
    "neuron",
    "neuron_gradient",
    "squared_norm",
    "squared_norm_gradient",
    "two_layer_relu",
    "two_layer_relu_gradient",
    "two_layer_sigmoid",
    "two_layer_sigmoid_gradient",
    "two_layer_sigmoid_inputs",
]


def circuit(x: Any, y: Any, z: Any) -> Any:
    """Return ``(x + y) z``."""
    return (x + y) * z


def circuit_gradient(x: float, y: float, z: float) -> tuple[float, Gradients]:
    """Return value and gradient of `circuit`.

    Notes
    -----
    With ``q = x + y`` and ``f = q z``: ``df/dq = z``, ``df/dz = q``, and the sum passes ``df/dq``
    on to both of its inputs.
    """
    q = x + y
    return q * z, {"x": z, "y": z, "z": q}


def neuron(w0: Any, x0: Any, w1: Any, x1: Any, w2: Any) -> Any:
    """Return the sigmoid neuron ``1 / (1 + exp(-(w0 x0 + w1 x1 + w2)))``."""
    xp = namespace(w0, x0, w1, x1, w2)
    return 1.0 / (1.0 + xp.exp(-(w0 * x0 + w1 * x1 + w2)))


def neuron_gradient(
    w0: float, x0: float, w1: float, x1: float, w2: float
) -> tuple[float, Gradients]:
    """Return value and gradient of `neuron`.

    Notes
    -----
    With ``z = w0 x0 + w1 x1 + w2`` and ``s = 1 / (1 + exp(-z))``: ``ds/dz = s (1 - s)``, and the
    derivative of ``z`` is ``x0``, ``w0``, ``x1``, ``w1``, 1 with respect to the arguments in turn.
    Where the neuron saturates, ``1 - s`` loses the digits in which ``s`` differs from 1; with
    ``e = exp(-|z|)``, ``ds/dz = e / (1 + e)**2`` keeps them, and never overflows.
    """
    z = w0 * x0 + w1 * x1 + w2
    s = float(1.0 / (1.0 + np.exp(-z)))
    e = float(np.exp(-abs(z)))
    z_bar = e / (1.0 + e) ** 2
    return s, {"w0": z_bar * x0, "x0": z_bar * w0, "w1": z_bar * x1, "x1": z_bar * w1, "w2": z_bar}


def gates(x: Any, y: Any, z: Any, w: Any) -> Any:
    """Return ``2 (x y + max(z, w))``: a product, a maximum, a sum and a doubling."""
    xp = namespace(x, y, z, w)
    return 2.0 * (x * y + xp.maximum(z, w))


def gates_gradient(x: float, y: float, z: float, w: float) -> tuple[float, Gradients]:
    """Return value and gradient of `gates`.

    Notes
    -----
    The doubling sends 2 back; the product swaps its inputs (``2 y``, ``2 x``); the maximum sends
    all of it to its larger input. At ``z = w`` there is no derivative, and `w` receives it.
    """
    value = 2.0 * (x * y + max(z, w))
    z_wins = z > w
    return value, {
        "x": 2.0 * y,
        "y": 2.0 * x,
        "z": 2.0 if z_wins else 0.0,
        "w": 0.0 if z_wins else 2.0,
    }


def squared_norm(W: Any, x: Any) -> Any:
    """Return ``|W x|^2``."""
    xp = namespace(W, x)
    return xp.sum((W @ x) ** 2)


def squared_norm_gradient(W: Any, x: Any) -> tuple[float, Gradients]:
    """Return value and gradient of `squared_norm`.

    Notes
    -----
    With ``q = W x`` and ``f = q . q``: ``q_bar = 2 q``, ``W_bar = q_bar x^T`` and
    ``x_bar = W^T q_bar``.
    """
    q = W @ x
    q_bar = 2.0 * q
    return float(q @ q), {"W": q_bar[:, None] * x, "x": q_bar @ W}


def two_layer_relu(W1: Any, W2: Any, x: Any, t: Any) -> Any:
    """Return half the squared distance of the scores ``W2 max(0, W1 x)`` from a target.

    Examples
    --------
    >>> W1, W2 = np.array([[1.0, 0.0], [0.0, -1.0]]), np.array([[2.0, 1.0]])
    >>> float(two_layer_relu(W1, W2, x=np.array([3.0, 4.0]), t=np.array([5.0])))
    0.5
    """
    xp = namespace(W1, W2, x, t)
    scores = W2 @ xp.maximum(W1 @ x, 0.0)
    return 0.5 * xp.sum((scores - t) ** 2)


def two_layer_relu_gradient(W1: Any, W2: Any, x: Any, t: Any) -> tuple[float, Gradients]:
    """Return value and gradient of `two_layer_relu`.

    Notes
    -----
    With ``z = W1 x``, ``h = max(0, z)``, ``f = W2 h`` and ``L = |f - t|^2 / 2``:
    ``f_bar = f - t``, ``W2_bar = f_bar h^T``, ``h_bar = W2^T f_bar``, ``z_bar = h_bar [z > 0]``,
    ``W1_bar = z_bar x^T``.

    Examples
    --------
    >>> W1, W2 = np.array([[1.0, 0.0], [0.0, -1.0]]), np.array([[2.0, 1.0]])
    >>> _, gradient = two_layer_relu_gradient(W1, W2, x=np.array([3.0, 4.0]), t=np.array([5.0]))
    >>> gradient["W1"]
    array([[6., 8.],
           [0., 0.]])
    """
    h = np.maximum(W1 @ x, 0.0)
    f_bar = W2 @ h - t
    z_bar = (f_bar @ W2) * (h > 0.0)
    value = 0.5 * float(f_bar @ f_bar)
    return value, {"W1": z_bar[:, None] * x, "W2": f_bar[:, None] * h}


def two_layer_sigmoid(x: Any, y: Any, w1: Any, w2: Any) -> Any:
    """Return the squared loss of a two-layer network with sigmoid units on a batch.

    Examples
    --------
    >>> x, y = np.zeros((1, 2)), np.array([[0.5]])
    >>> float(two_layer_sigmoid(x, y, w1=np.ones((2, 3)), w2=np.ones((3, 1))))
    1.0
    """
    xp = namespace(x, y, w1, w2)
    h = 1.0 / (1.0 + xp.exp(-(x @ w1)))
    y_pred = h @ w2
    return xp.sum((y_pred - y) ** 2)


def two_layer_sigmoid_gradient(x: Any, y: Any, w1: Any, w2: Any) -> tuple[float, Gradients]:
    """Return value and gradient of `two_layer_sigmoid`.

    Notes
    -----
    With ``z = x w1``, ``h = sigmoid(z)``, ``p = h w2`` and ``L = sum((p - y)^2)``:
    ``p_bar = 2 (p - y)``, ``w2_bar = h^T p_bar``, ``h_bar = p_bar w2^T``,
    ``z_bar = h_bar h (1 - h)``, ``w1_bar = x^T z_bar``.

    Examples
    --------
    >>> x, y = np.zeros((1, 2)), np.array([[0.5]])
    >>> _, gradient = two_layer_sigmoid_gradient(x, y, w1=np.ones((2, 3)), w2=np.ones((3, 1)))
    >>> gradient["w2"]
    array([[1.],
           [1.],
           [1.]])
    """
    h = 1.0 / (1.0 + np.exp(-(x @ w1)))
    residual = h @ w2 - y
    p_bar = 2.0 * residual
    z_bar = (p_bar @ w2.T) * h * (1.0 - h)
    return float(np.vdot(residual, residual)), {"w1": x.T @ z_bar, "w2": h.T @ p_bar}


#: Samples, inputs, hidden units and outputs of `two_layer_sigmoid` by size.
_TWO_LAYER_SIGMOID_SHAPES = {4: (3, 4, 3, 2), 1000: (64, 1000, 100, 10)}


def two_layer_sigmoid_inputs(size: int, rng: np.random.Generator) -> Inputs:
    """Return standard normal arguments of `two_layer_sigmoid`."""
    n, d_in, h, d_out = _two_layer_sigmoid_shape(size)
    shapes = {"x": (n, d_in), "y": (n, d_out), "w1": (d_in, h), "w2": (h, d_out)}
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def _two_layer_sigmoid_shape(size: int) -> tuple[int, int, int, int]:
    """Return samples, inputs, hidden units and outputs at a size."""
    try:
        return _TWO_LAYER_SIGMOID_SHAPES[size]
    except KeyError:
        known = ", ".join(map(str, _TWO_LAYER_SIGMOID_SHAPES))
        raise ValueError(
            f"two-layer-sigmoid: size {size} has no network, expected one of {known}."
        ) from None


def _two_layer_sigmoid_label(size: int) -> str:
    """Return the widths of the network and the size of the batch."""
    n, *widths = _two_layer_sigmoid_shape(size)
    return "-".join(map(str, widths)) + f", {n} samples"


def _scalars(names: str, rng: np.random.Generator) -> Inputs:
    """Return a standard normal float for each name in a string of names."""
    return {name: float(rng.standard_normal()) for name in names.split()}


def _circuit_inputs(size: int, rng: np.random.Generator) -> Inputs:
    """Return the arguments of `circuit`; there is one size."""
    return _scalars("x y z", rng)


def _neuron_inputs(size: int, rng: np.random.Generator) -> Inputs:
    """Return the arguments of `neuron`; there is one size."""
    return _scalars("w0 x0 w1 x1 w2", rng)


def _gates_inputs(size: int, rng: np.random.Generator) -> Inputs:
    """Return the arguments of `gates`; there is one size."""
    return _scalars("x y z w", rng)


def _scalars_label(size: int) -> str:
    """Return the label of a problem of scalars, which does not grow."""
    return "scalars"


def _squared_norm_inputs(size: int, rng: np.random.Generator) -> Inputs:
    """Return a square matrix that keeps lengths on average, and a vector."""
    W = rng.standard_normal((size, size)) / np.sqrt(size)
    return {"W": W, "x": rng.standard_normal(size)}


def _squared_norm_label(size: int) -> str:
    """Return the shape of the matrix."""
    return f"{size} x {size}"


def _two_layer_relu_widths(size: int) -> tuple[int, int, int]:
    """Return the inputs, hidden units and scores of the network at a size."""
    return size, size, (size + 1) // 2


def _two_layer_relu_inputs(size: int, rng: np.random.Generator) -> Inputs:
    """Return weights that keep the size of the signal, one sample and one target."""
    d, h, c = _two_layer_relu_widths(size)
    return {
        "W1": rng.standard_normal((h, d)) * np.sqrt(2.0 / d),
        "W2": rng.standard_normal((c, h)) / np.sqrt(h),
        "x": rng.standard_normal(d),
        "t": rng.standard_normal(c),
    }


def _two_layer_relu_label(size: int) -> str:
    """Return the widths of the network."""
    return "-".join(map(str, _two_layer_relu_widths(size)))


#: The problems of the notes, simplest first.
PROBLEMS: tuple[Problem, ...] = (
    Problem(
        name="circuit",
        family="notes",
        function=circuit,
        wrt=("x", "y", "z"),
        inputs=_circuit_inputs,
        sizes=(1,),
        usual_sizes=(),
        quick_sizes=(),
        verify_size=1,
        meaning="the circuit (x + y) z",
        label=_scalars_label,
        gradient=circuit_gradient,
    ),
    Problem(
        name="neuron",
        family="notes",
        function=neuron,
        wrt=("w0", "x0", "w1", "x1", "w2"),
        inputs=_neuron_inputs,
        sizes=(1,),
        usual_sizes=(),
        quick_sizes=(),
        verify_size=1,
        meaning="a sigmoid neuron with two inputs and a bias",
        label=_scalars_label,
        gradient=neuron_gradient,
    ),
    Problem(
        name="gates",
        family="notes",
        function=gates,
        wrt=("x", "y", "z", "w"),
        inputs=_gates_inputs,
        sizes=(1,),
        usual_sizes=(),
        quick_sizes=(),
        verify_size=1,
        meaning="add, multiply and max gates: 2 (x y + max(z, w))",
        label=_scalars_label,
        gradient=gates_gradient,
        analytic=False,
    ),
    Problem(
        name="squared-norm",
        family="notes",
        function=squared_norm,
        wrt=("W", "x"),
        inputs=_squared_norm_inputs,
        sizes=(2,),
        usual_sizes=(),
        quick_sizes=(),
        verify_size=3,
        meaning="the squared length |W x|^2",
        label=_squared_norm_label,
        gradient=squared_norm_gradient,
    ),
    Problem(
        name="two-layer-relu",
        family="notes",
        function=two_layer_relu,
        wrt=("W1", "W2"),
        inputs=_two_layer_relu_inputs,
        sizes=(6,),
        usual_sizes=(),
        quick_sizes=(),
        verify_size=6,
        meaning="squared loss of the scores W2 max(0, W1 x)",
        label=_two_layer_relu_label,
        gradient=two_layer_relu_gradient,
        analytic=False,
    ),
    Problem(
        name="two-layer-sigmoid",
        family="notes",
        function=two_layer_sigmoid,
        wrt=("w1", "w2"),
        inputs=two_layer_sigmoid_inputs,
        sizes=(4, 1000),
        usual_sizes=(),
        quick_sizes=(),
        verify_size=4,
        meaning="squared loss of a two-layer sigmoid network on a batch",
        label=_two_layer_sigmoid_label,
        gradient=two_layer_sigmoid_gradient,
    ),
)
