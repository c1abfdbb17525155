"""Multi-head attention with a causal mask, and its gradients.

A. Vaswani et al., Attention Is All You Need, 2017, sections 3.2.1 and 3.2.2.
"""

import numpy as np

import autodiff

HEADS, WIDTH, LENGTH = 2, 4, 6


def softmax(x, axis=-1):
    """Return exponentials that sum to one."""
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def weights_of(q, k):
    """Return the attention weights: of each position, over itself and those before it."""
    scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(q.shape[-1])
    allowed = np.tril(np.ones((len(q), len(k)), dtype=bool))
    return softmax(np.where(allowed, scores, -np.inf))


def attention(q, k, v):
    """Return values of shape (position, head, feature), averaged by the attention weights."""
    return np.einsum("hqk,khd->qhd", weights_of(q, k), v)


def block(parameters, x):
    """Project, attend and project back; x has shape (position, feature)."""
    q, k, v = (
        (x @ parameters[name]).reshape(len(x), HEADS, WIDTH) for name in ("w_q", "w_k", "w_v")
    )
    return attention(q, k, v).reshape(len(x), HEADS * WIDTH) @ parameters["w_o"]


def loss(parameters, x, target):
    """Return the mean squared distance of the block's output from a target."""
    return np.mean((block(parameters, x) - target) ** 2)


def draw():
    """Return random sequences, the target being the mean of all positions so far."""
    rng = np.random.default_rng(7)
    size = HEADS * WIDTH
    x = rng.standard_normal((LENGTH, size))
    target = np.cumsum(x, axis=0) / np.arange(1, LENGTH + 1)[:, None]
    names = ("w_q", "w_k", "w_v", "w_o")
    parameters = {name: rng.standard_normal((size, size)) / np.sqrt(size) for name in names}
    return parameters, x, target


def case():
    """Return the function that is differentiated, and its arguments."""
    parameters, x, target = draw()
    return lambda parameters: loss(parameters, x, target), (parameters,)


def main():
    """Train for a while, and compare the gradient of the values with the closed form."""
    function, arguments = case()
    autodiff.check_gradients(function, *arguments, order=1)
    q, k, v, v_bar = np.random.default_rng(8).standard_normal((4, LENGTH, HEADS, WIDTH))
    _, pullback = autodiff.vjp(attention, q, k, v)
    expected = np.einsum("hqk,qhd->khd", weights_of(q, k), v_bar)
    np.testing.assert_allclose(pullback(v_bar)[2], expected, rtol=1e-10, atol=1e-14)
    print(f"gradient of v: largest {np.max(np.abs(expected)):.4f}, as in closed form")
    parameters, x, target = draw()
    future = autodiff.jacobian(lambda x: block(parameters, x)[2])(x)[:, 3:]
    print(f"derivatives of position 2 by later positions: all zero: {not np.any(future)}")
    assert not np.any(future)
    losses = []
    for _ in range(150):
        value, gradients = autodiff.value_and_grad(loss)(parameters, x, target)
        losses.append(value)
        parameters = {name: w - 0.5 * gradients[name] for name, w in parameters.items()}
    print("loss at steps 1, 50, 100, 150:", *(f"{losses[i]:.4f}" for i in (0, 49, 99, 149)))
    assert losses[-1] < 0.2 * losses[0]


if __name__ == "__main__":
    main()
