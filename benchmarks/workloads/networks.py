"""Networks on a batch: the one of the lecture notes, small ones, deep ones."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.workloads.workload import Workload
from compare.problems import get_problem
from compare.problems.problem import Gradients, Inputs

__all__ = ["deep", "draw_layers", "mlp", "notes", "single"]


def _notes(xp: Any, x: Any, y: Any, w1: Any, w2: Any) -> Any:
    h = 1.0 / (1.0 + xp.exp(-(x @ w1)))
    return xp.sum((h @ w2 - y) ** 2)


def _notes_in_torch(torch: Any, x: Any, y: Any, w1: Any, w2: Any) -> Any:
    h = torch.sigmoid(x @ w1)
    return torch.nn.functional.mse_loss(h @ w2, y, reduction="sum")


def _notes_best(x: Any, y: Any, w1: Any, w2: Any) -> Callable[..., Any]:
    h, slope, z_bar = np.empty((3, x.shape[0], w1.shape[1]))
    p = np.empty_like(y)
    flat = p.reshape(-1)
    w1_bar, w2_bar = np.empty_like(w1), np.empty_like(w2)
    one, two = np.array(1.0), np.array(2.0)
    add, subtract, multiply, divide = np.add, np.subtract, np.multiply, np.divide
    negative, exp = np.negative, np.exp

    def run(x: Any, y: Any, w1: Any, w2: Any) -> Any:
        x.dot(w1, h)
        negative(h, h)
        exp(h, h)
        add(h, one, h)
        divide(one, h, h)
        h.dot(w2, p)
        subtract(p, y, p)
        value = flat.dot(flat)
        multiply(p, two, p)
        h.T.dot(p, w2_bar)
        p.dot(w2.T, z_bar)
        subtract(one, h, slope)
        multiply(slope, h, slope)
        multiply(z_bar, slope, z_bar)
        x.T.dot(z_bar, w1_bar)
        return value, (w1_bar, w2_bar)

    return run


def notes(size: int = 1000) -> Workload:
    """Return the two-layer network of the lecture notes.

    Examples
    --------
    >>> notes().inputs["w1"].shape
    (1000, 100)
    """
    problem = get_problem("two-layer-sigmoid")
    assert problem.gradient is not None
    assert isinstance(problem.wrt, tuple)
    return Workload(
        name="notes",
        label="W1",
        meaning="two-layer sigmoid network of the lecture notes, "
        + ("64×1000×100×10" if size == 1000 else problem.label(size)),
        operations=9,
        function=_notes,
        idioms={"torch": _notes_in_torch},
        hand=problem.gradient,
        best=_notes_best,
        draw=partial(problem.inputs, size),
        wrt=problem.wrt,
    )


def _mlp(xp: Any, x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
    h1 = xp.tanh(x @ w1 + b1)
    h2 = xp.tanh(h1 @ w2 + b2)
    return xp.mean((h2 @ w3 + b3 - t) ** 2)


def _mlp_in_torch(
    torch: Any, x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any
) -> Any:
    h1 = torch.tanh(torch.addmm(b1, x, w1))
    h2 = torch.tanh(torch.addmm(b2, h1, w2))
    return torch.nn.functional.mse_loss(torch.addmm(b3, h2, w3), t)


def _mlp_in_casadi(
    casadi: Any, x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any
) -> Any:
    """Nothing is broadcast, and vectors are rows."""
    n = x.shape[0]
    h1 = casadi.tanh(x @ w1 + casadi.repmat(b1, n, 1))
    h2 = casadi.tanh(h1 @ w2 + casadi.repmat(b2, n, 1))
    return casadi.sumsqr(h2 @ w3 + casadi.repmat(b3, n, 1) - t) / t.numel()


def _mlp_by_hand(
    x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any
) -> tuple[float, Gradients]:
    h1 = np.tanh(x @ w1 + b1)
    h2 = np.tanh(h1 @ w2 + b2)
    residual = h2 @ w3 + b3 - t
    y_bar = residual * (2.0 / residual.size)
    z2_bar = (y_bar @ w3.T) * (1.0 - h2**2)
    z1_bar = (z2_bar @ w2.T) * (1.0 - h1**2)
    return np.mean(residual**2), {
        "w1": x.T @ z1_bar,
        "b1": np.sum(z1_bar, axis=0),
        "w2": h1.T @ z2_bar,
        "b2": np.sum(z2_bar, axis=0),
        "w3": h2.T @ y_bar,
        "b3": np.sum(y_bar, axis=0),
    }


def _mlp_best(x: Any, t: Any, *parameters: Any) -> Callable[..., Any]:
    gradients = tuple(np.empty_like(p) for p in parameters)
    w1_bar, b1_bar, w2_bar, b2_bar, w3_bar, b3_bar = gradients
    n, width = x.shape[0], parameters[0].shape[1]
    h1, h2, z1_bar, z2_bar, slope, rows = np.empty((6, n, width))
    y_bar, rows3 = np.empty_like(t), np.empty_like(t)
    flat = y_bar.reshape(-1)
    ones, one, scale = np.ones(n), np.array(1.0), np.array(2.0 / t.size)
    size = t.size
    add, subtract, multiply, tanh = np.add, np.subtract, np.multiply, np.tanh

    def run(x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
        # A row filled in and added takes half the time of one that is broadcast.
        x.dot(w1, h1)
        rows[...] = b1
        add(h1, rows, h1)
        tanh(h1, h1)
        h1.dot(w2, h2)
        rows[...] = b2
        add(h2, rows, h2)
        tanh(h2, h2)
        h2.dot(w3, y_bar)
        rows3[...] = b3
        add(y_bar, rows3, y_bar)
        subtract(y_bar, t, y_bar)
        value = flat.dot(flat) / size
        multiply(y_bar, scale, y_bar)
        h2.T.dot(y_bar, w3_bar)
        ones.dot(y_bar, b3_bar)
        y_bar.dot(w3.T, z2_bar)
        multiply(h2, h2, slope)
        subtract(one, slope, slope)
        multiply(z2_bar, slope, z2_bar)
        h1.T.dot(z2_bar, w2_bar)
        ones.dot(z2_bar, b2_bar)
        z2_bar.dot(w2.T, z1_bar)
        multiply(h1, h1, slope)
        subtract(one, slope, slope)
        multiply(z1_bar, slope, z1_bar)
        x.T.dot(z1_bar, w1_bar)
        ones.dot(z1_bar, b1_bar)
        return value, gradients

    return run


def draw_layers(rng: np.random.Generator, widths: Sequence[int]) -> Inputs:
    """Return weights that keep the size of the signal, and small biases."""
    inputs = {}
    for k, (before, after) in enumerate(pairwise(widths), 1):
        inputs[f"w{k}"] = rng.standard_normal((before, after)) / np.sqrt(before)
        inputs[f"b{k}"] = 0.1 * rng.standard_normal(after)
    return inputs


def _draw_mlp(batch: int, rng: np.random.Generator) -> Inputs:
    widths = (10, 16, 16, 1)
    inputs = {
        "x": rng.standard_normal((batch, widths[0])),
        "t": rng.standard_normal((batch, widths[-1])),
    }
    return inputs | draw_layers(rng, widths)


_MLP_PARAMETERS = ("w1", "b1", "w2", "b2", "w3", "b3")


def mlp(batch: int = 8) -> Workload:
    """Return a small network of tanh units.

    Examples
    --------
    >>> mlp().inputs["w2"].shape
    (16, 16)
    """
    return Workload(
        name="mlp",
        label="W2",
        meaning=f"tanh network 10-16-16-1 on a batch of {batch}, mean squared error",
        operations=11,
        function=_mlp,
        idioms={"torch": _mlp_in_torch, "casadi": _mlp_in_casadi},
        hand=_mlp_by_hand,
        best=_mlp_best,
        draw=partial(_draw_mlp, batch),
        wrt=_MLP_PARAMETERS,
    )


def _single(xp: Any, x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
    h1 = xp.tanh(x @ w1 + b1)
    h2 = xp.tanh(h1 @ w2 + b2)
    return xp.sum((h2 @ w3 + b3 - t) ** 2)


def _single_by_hand(
    x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any
) -> tuple[float, Gradients]:
    h1 = np.tanh(x @ w1 + b1)
    h2 = np.tanh(h1 @ w2 + b2)
    residual = h2 @ w3 + b3 - t
    y_bar = 2.0 * residual
    z2_bar = (w3 @ y_bar) * (1.0 - h2**2)
    z1_bar = (w2 @ z2_bar) * (1.0 - h1**2)
    return np.sum(residual**2), {
        "w1": np.outer(x, z1_bar),
        "b1": z1_bar,
        "w2": np.outer(h1, z2_bar),
        "b2": z2_bar,
        "w3": np.outer(h2, y_bar),
        "b3": y_bar,
    }


def _single_best(x: Any, t: Any, *parameters: Any) -> Callable[..., Any]:
    """Use the gradients of the biases as buffers: they are the cotangents themselves."""
    gradients = tuple(np.empty_like(p) for p in parameters)
    w1_bar, z1_bar, w2_bar, z2_bar, w3_bar, y_bar = gradients
    h1, h2, slope = np.empty((3, z1_bar.size))
    h1_column, h2_column = h1[:, None], h2[:, None]
    one, two = np.array(1.0), np.array(2.0)
    add, subtract, multiply, tanh = np.add, np.subtract, np.multiply, np.tanh

    def run(x: Any, t: Any, w1: Any, b1: Any, w2: Any, b2: Any, w3: Any, b3: Any) -> Any:
        x.dot(w1, h1)
        add(h1, b1, h1)
        tanh(h1, h1)
        h1.dot(w2, h2)
        add(h2, b2, h2)
        tanh(h2, h2)
        h2.dot(w3, y_bar)
        add(y_bar, b3, y_bar)
        subtract(y_bar, t, y_bar)
        value = y_bar.dot(y_bar)
        multiply(y_bar, two, y_bar)
        multiply(h2_column, y_bar, w3_bar)
        w3.dot(y_bar, z2_bar)
        multiply(h2, h2, slope)
        subtract(one, slope, slope)
        multiply(z2_bar, slope, z2_bar)
        multiply(h1_column, z2_bar, w2_bar)
        w2.dot(z2_bar, z1_bar)
        multiply(h1, h1, slope)
        subtract(one, slope, slope)
        multiply(z1_bar, slope, z1_bar)
        multiply(x[:, None], z1_bar, w1_bar)
        return value, gradients

    return run


def _draw_single(rng: np.random.Generator) -> Inputs:
    widths = (4, 16, 16, 1)
    inputs = {"x": rng.standard_normal(widths[0]), "t": rng.standard_normal(widths[-1])}
    return inputs | draw_layers(rng, widths)


def single() -> Workload:
    """Return a network that sees one sample: products of a vector and a matrix.

    Examples
    --------
    >>> workload = single()
    >>> sum(workload.inputs[name].size for name in workload.wrt)
    369
    """
    return Workload(
        name="single",
        label="W6",
        meaning="tanh network 4-16-16-1 on one sample, a vector: 369 parameters",
        operations=11,
        function=_single,
        idioms={"casadi": _mlp_in_casadi},  # of one sample the mean is the sum
        hand=_single_by_hand,
        best=_single_best,
        draw=_draw_single,
        wrt=_MLP_PARAMETERS,
    )


def _deep(xp: Any, x: Any, t: Any, *layers: Any) -> Any:
    h = x
    for w, b in zip(layers[::2], layers[1::2], strict=True):
        h = xp.maximum(h @ w + b, 0.0)
    return xp.mean((h - t) ** 2)


def _deep_in_torch(torch: Any, x: Any, t: Any, *layers: Any) -> Any:
    h = x
    for w, b in zip(layers[::2], layers[1::2], strict=True):
        h = torch.relu(torch.addmm(b, h, w))
    return torch.nn.functional.mse_loss(h, t)


def _deep_by_hand(x: Any, t: Any, *layers: Any) -> tuple[float, list[Any]]:
    weights, biases = layers[::2], layers[1::2]
    outputs = [x]
    for w, b in zip(weights, biases, strict=True):
        outputs.append(np.maximum(outputs[-1] @ w + b, 0.0))
    residual = outputs[-1] - t
    h_bar = residual * (2.0 / residual.size)
    gradients = []
    for k in reversed(range(len(weights))):
        z_bar = h_bar * (outputs[k + 1] > 0.0)
        gradients += [np.sum(z_bar, axis=0), outputs[k].T @ z_bar]
        h_bar = z_bar @ weights[k].T
    return np.mean(residual**2), gradients[::-1]


def _deep_best(x: Any, t: Any, *layers: Any) -> Callable[..., Any]:
    """Pass nothing on from the first layer: the gradient of the samples is not asked for."""
    weights = layers[::2]
    outputs = [np.empty((x.shape[0], w.shape[1])) for w in weights]
    gradients = [np.empty_like(p) for p in layers]
    inputs_ = [None, *outputs]
    backwards = [
        (2 * k, outputs[k], inputs_[k], gradients[2 * k], gradients[2 * k + 1])
        for k in reversed(range(len(weights)))
    ]
    rows, step = np.empty_like(outputs[0]), np.empty_like(outputs[0])
    bars = np.empty((2, *outputs[0].shape))
    flat = bars[0].reshape(-1)
    size, ones = t.size, np.ones(x.shape[0])
    zero, scale = np.array(0.0), np.array(2.0 / t.size)
    add, subtract, multiply, maximum, sign = np.add, np.subtract, np.multiply, np.maximum, np.sign

    def run(x: Any, t: Any, *layers: Any) -> Any:
        h = x
        for w, b, out in zip(layers[::2], layers[1::2], outputs, strict=True):
            h.dot(w, out)
            rows[...] = b
            add(out, rows, out)
            h = maximum(out, zero, out=out)
        bar, other = bars
        subtract(h, t, bar)
        value = flat.dot(flat) / size
        multiply(bar, scale, bar)
        for place, out, before, w_bar, b_bar in backwards:
            # The sign of what is not negative is 1 or 0, as a float: no boolean to convert.
            sign(out, step)
            multiply(bar, step, bar)
            ones.dot(bar, b_bar)
            if before is None:
                x.T.dot(bar, w_bar)
            else:
                before.T.dot(bar, w_bar)
                bar.dot(layers[place].T, other)
                bar, other = other, bar
        return value, gradients

    return run


def _draw_deep(depth: int, width: int, batch: int, rng: np.random.Generator) -> Inputs:
    """Return weights scaled layer by layer, so that the signal keeps its size at any depth.

    Layer-sequential unit variance: Mishkin and Matas, All you need is a good init (2016).
    """
    inputs = {"x": rng.standard_normal((batch, width)), "t": rng.standard_normal((batch, width))}
    h = inputs["x"]
    for k in range(1, depth + 1):
        w = rng.standard_normal((width, width)) / np.sqrt(width)
        b = 0.1 * rng.standard_normal(width)
        w /= np.sqrt(np.mean(np.maximum(h @ w + b, 0.0) ** 2))
        h = np.maximum(h @ w + b, 0.0)
        inputs |= {f"w{k}": w, f"b{k}": b}
    return inputs


def deep(depth: int, label: str = "", width: int = 32, batch: int = 32) -> Workload:
    """Return a network of many narrow layers of relu units.

    Examples
    --------
    >>> deep(2, width=3).wrt
    ('w1', 'b1', 'w2', 'b2')
    """
    return Workload(
        name=f"deep-{depth}",
        label=label,
        meaning=f"relu network of depth {depth}, width {width}, on a batch of {batch}, "
        "mean squared error",
        operations=3 * depth + 3,
        function=_deep,
        idioms={"torch": _deep_in_torch},
        hand=_deep_by_hand,
        best=_deep_best,
        draw=partial(_draw_deep, depth, width, batch),
        wrt=tuple(f"{kind}{k}" for k in range(1, depth + 1) for kind in "wb"),
    )
