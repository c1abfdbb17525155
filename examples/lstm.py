"""A long short-term memory cell over a sequence, trained to continue a wave.

S. Hochreiter, J. Schmidhuber, Long Short-Term Memory, Neural Computation 9, 1997, with the forget
gate of F. A. Gers, J. Schmidhuber, F. Cummins, Learning to Forget, Neural Computation 12, 2000.
Trained by Adam (D. P. Kingma, J. Ba, 2015, algorithm 1).
"""

import numpy as np

import autodiff

UNITS = 8


def sigmoid(x):
    """Return the logistic function."""
    return 1 / (1 + np.exp(-x))


def cell(parameters, x, h, c):
    """Return the next step: the new hidden state and the new memory."""
    gates = np.concatenate([x, h], axis=1) @ parameters["w"] + parameters["b"]
    enter, forget, leave, candidate = np.split(gates, 4, axis=1)
    c = sigmoid(forget) * c + sigmoid(enter) * np.tanh(candidate)
    return sigmoid(leave) * np.tanh(c), c


def loss(parameters, sequences):
    """Return the mean squared error of the next value, over all steps of all sequences."""
    batch, steps = sequences.shape
    h = c = np.zeros((batch, UNITS))
    total = 0.0
    for t in range(steps - 1):
        h, c = cell(parameters, sequences[:, t : t + 1], h, c)
        prediction = h @ parameters["w_out"] + parameters["b_out"]
        total += np.mean((prediction[:, 0] - sequences[:, t + 1]) ** 2)
    return total / (steps - 1)


def draw(batch=6, steps=15):
    """Return waves of random phase."""
    phase = np.random.default_rng(5).uniform(0, 2 * np.pi, (batch, 1))
    return np.sin(0.6 * np.arange(steps) + phase)


def start():
    """Return small random weights, and a forget gate that is open at first."""
    rng = np.random.default_rng(6)
    b = np.zeros(4 * UNITS)
    b[UNITS : 2 * UNITS] = 1.0
    return {
        "w": rng.standard_normal((1 + UNITS, 4 * UNITS)) / np.sqrt(1 + UNITS),
        "b": b,
        "w_out": rng.standard_normal((UNITS, 1)) / np.sqrt(UNITS),
        "b_out": np.zeros(1),
    }


def case():
    """Return the function that is differentiated, and its arguments."""
    sequences = draw(batch=2, steps=6)
    return lambda parameters: loss(parameters, sequences), (start(),)


def main():
    """Train for a while, and show the loss fall."""
    function, arguments = case()
    autodiff.check_gradients(function, *arguments, order=1)
    parameters, sequences = start(), draw()
    mean = {name: np.zeros_like(x) for name, x in parameters.items()}
    square = {name: np.zeros_like(x) for name, x in parameters.items()}
    losses = []
    for step in range(1, 61):
        value, gradients = autodiff.value_and_grad(loss)(parameters, sequences)
        losses.append(value)
        for name, g in gradients.items():
            mean[name] = 0.9 * mean[name] + 0.1 * g
            square[name] = 0.99 * square[name] + 0.01 * g**2
            ahead = mean[name] / (1 - 0.9**step)
            scale = np.sqrt(square[name] / (1 - 0.99**step)) + 1e-8
            parameters[name] = parameters[name] - 0.03 * ahead / scale
    print("loss at steps 1, 20, 40, 60:", *(f"{losses[i]:.4f}" for i in (0, 19, 39, 59)))
    assert losses[-1] < 0.1 * losses[0]


if __name__ == "__main__":
    main()
