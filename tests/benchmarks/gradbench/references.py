"""The objectives of GradBench's evals once more, from their definitions, one number at a time."""

from itertools import permutations

import numpy as np
from scipy.spatial.transform import Rotation
from scipy.special import logsumexp, multigammaln
from scipy.stats import multivariate_normal

__all__ = ["differences", "inputs", "miss"]


def differences(f, x, step=1e-2):
    """Return the Jacobian of `f` by central differences of order 8."""
    x = np.asarray(x, float)
    weights = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
    columns = []
    for i in range(x.size):
        e = np.zeros(x.size)
        e[i] = step
        e = e.reshape(x.shape)
        columns.append(sum(w * (f(x + k * e) - f(x - k * e)) for k, w in weights.items()) / step)
    return np.stack(columns, -1)


def least_squares(x, n):
    total = 0.0
    for i in range(n):
        t = -1 + i * 2 / (n - 1)
        total += (np.sign(t) - sum(c * t**j for j, c in enumerate(x))) ** 2
    return total / 2


def mixture(parameters, message):
    k, d = message["k"], message["d"]
    sizes = [k, k * d, k * d]
    alpha, mu, q, below = np.split(parameters, np.cumsum(sizes))
    mu, q, below = mu.reshape(k, d), q.reshape(k, d), below.reshape(k, -1)
    densities, prior = [], 0.0
    free, v = d + message["m"] + 1, np.eye(d) / message["gamma"] ** 2
    for i in range(k):
        lower, place = np.diag(np.exp(q[i])), 0
        for column in range(d):
            for row in range(column + 1, d):
                lower[row, column] = below[i, place]
                place += 1
        precision = lower.T @ lower
        normal = multivariate_normal(mu[i], np.linalg.inv(precision))
        densities.append(normal.logpdf(message["x"]) + alpha[i] - logsumexp(alpha))
        prior += (
            (free - d - 1) / 2 * np.linalg.slogdet(precision)[1]
            - np.trace(np.linalg.inv(v) @ precision) / 2
            - free * d / 2 * np.log(2)
            - free / 2 * np.linalg.slogdet(v)[1]
            - multigammaln(free / 2, d)
        )
    return np.sum(logsumexp(densities, axis=0)) + prior


def solution(x, s):
    """Return the last element of the ODE's solution: Runge and Kutta's step is a matrix."""
    n, h = len(x), 2 / s
    a = np.zeros((n + 1, n + 1))
    a[0, n] = x[0]
    a[np.arange(1, n), np.arange(n - 1)] = x[1:]
    ha = h * a
    step = np.eye(n + 1) + ha + ha @ ha / 2 + ha @ ha @ ha / 6 + ha @ ha @ ha @ ha / 24
    return (np.linalg.matrix_power(step, s) @ np.eye(n + 1)[n])[:n]


def determinant(a):
    size = len(a)
    total = 0.0
    for order in permutations(range(size)):
        sign = np.linalg.det(np.eye(size)[list(order)])
        total += sign * np.prod([a[i, j] for i, j in enumerate(order)])
    return total


def network(parameters, message):
    shapes = [np.shape(message[name]) for name in ("main_params", "extra_params")]
    size = int(np.prod(shapes[0]))
    main, extra = parameters[:size].reshape(shapes[0]), parameters[size:].reshape(shapes[1])
    state, sequence = np.array(message["state"], float), np.array(message["sequence"], float)
    layers, bits = len(main) // 2, sequence.shape[1]

    def logistic(z):
        return 1 / (1 + np.exp(-z))

    total = 0.0
    for t in range(len(sequence) - 1):
        predicted = np.empty(bits)
        for b in range(bits):
            h = sequence[t, b] * extra[0, b]
            for i in range(layers):
                w, c = main[2 * i].reshape(4, bits)[:, b], main[2 * i + 1].reshape(4, bits)[:, b]
                old = state[2 * i, b]
                state[2 * i + 1, b] = state[2 * i + 1, b] * logistic(h * w[0] + c[0]) + logistic(
                    old * w[1] + c[1]
                ) * np.tanh(old * w[3] + c[3])
                h = logistic(h * w[2] + c[2]) * np.tanh(state[2 * i + 1, b])
                state[2 * i, b] = h
            predicted[b] = h * extra[1, b] + extra[2, b]
        lse = np.log(2 + sum(np.exp(predicted)))
        total += sum(sequence[t + 1, b] * (predicted[b] - lse) for b in range(bits))
    return -total / ((len(sequence) - 1) * bits)


def projection(block, feature):
    """Return the errors of one observation by its camera, its point and its weight."""
    camera, point, w = block[:11], block[11:14], block[14]
    x, y, z = Rotation.from_rotvec(camera[:3]).apply(point - camera[3:6])
    u, v = x / z, y / z
    r = u * u + v * v
    scale = 1 + camera[9] * r + camera[10] * r * r
    seen = np.array([u * scale * camera[6] + camera[7], v * scale * camera[6] + camera[8]])
    return w * (seen - feature)


def hand(parameters, message):
    count = len(message["us"])
    us, theta = np.reshape(parameters[: 2 * count], (-1, 2)), parameters[2 * count :]
    data, model = message["data"], message["data"]["model"]
    angles = np.zeros((len(model["parents"]), 2))
    for finger in range(5):
        base, t = 2 + 4 * finger, theta[6 + 4 * finger : 10 + 4 * finger]
        angles[base], angles[base + 1, 0], angles[base + 2, 0] = t[:2], t[2], t[3]
    absolute = []
    for i, parent in enumerate(model["parents"]):
        local = np.eye(4)
        bend, spread = angles[i]
        turn = Rotation.from_euler("z", spread) * Rotation.from_euler("x", bend)
        local[:3, :3] = turn.as_matrix()
        placed = np.array(model["base_relatives"][i]) @ local
        absolute.append(placed if parent == -1 else absolute[parent] @ placed)
    moves = [
        a @ np.array(b) for a, b in zip(absolute, model["inverse_base_absolutes"], strict=True)
    ]
    whole = Rotation.from_rotvec(theta[:3])

    def vertex(i):
        blended = np.tensordot(model["weights"][i], moves, 1)
        found = (blended @ model["base_positions"][i])[:3]
        if model["is_mirrored"]:
            found = found * [-1, 1, 1]
        return whole.apply(found) + theta[3:6]

    errors = []
    for i, chosen in enumerate(data["correspondences"]):
        if count:
            a, b, c = (vertex(j) for j in model["triangles"][chosen])
            place = us[i, 0] * a + us[i, 1] * b + (1 - us[i, 0] - us[i, 1]) * c
        else:
            place = vertex(chosen)
        errors.append(np.array(data["points"][i]) - place)
    return np.concatenate(errors)


def miss(w):
    """Return the squared distance of the particle, with its force written out; complex too."""
    x, y, u, v = 0.0, 8.0, 0.75, 0.0
    while np.real(y + 0.1 * v) > 0:
        far, near = ((x - 10) ** 2 + (y - 10 + w) ** 2) ** 1.5, ((x - 10) ** 2 + y**2) ** 1.5
        force = (x - 10) / far + (x - 10) / near, (y - 10 + w) / far + y / near
        x, y, u, v = x + 0.1 * u, y + 0.1 * v, u + 0.1 * force[0], v + 0.1 * force[1]
    return (x - y / v * u) ** 2


def inputs():
    """Return small inputs of all evals."""
    rng = np.random.default_rng(0)
    bones, corners = 22, 15

    def matrices():
        found = np.tile(np.eye(4), (bones, 1, 1))
        found[:, :3] += 0.2 * rng.normal(size=(bones, 3, 4))
        return found.tolist()

    model = {
        "parents": [-1, *(0 if i % 4 == 1 else i - 1 for i in range(1, 21)), 0],
        "base_relatives": matrices(),
        "inverse_base_absolutes": matrices(),
        "base_positions": np.column_stack(
            [rng.normal(size=(corners, 3)), np.ones(corners)]
        ).tolist(),
        "weights": rng.random((corners, bones)).tolist(),
        "triangles": rng.integers(0, corners, (9, 3)).tolist(),
        "is_mirrored": True,
    }
    points = rng.random((20, 3)).tolist()
    return {
        "lse": {"x": [3.0, 1000.0, 999.5, -4.0]},
        "llsq": {"x": rng.random(5).tolist(), "n": 9},
        "ode": {"x": (0.5 + rng.random(6)).tolist(), "s": 3},
        "det": {"A": rng.random(25).tolist(), "ell": 5},
        "gmm": {
            **{"d": 3, "k": 2, "n": 5, "m": 2, "gamma": 1.5},
            "x": rng.normal(size=(5, 3)).tolist(),
            "alpha": rng.normal(size=2).tolist(),
            "mu": rng.random((2, 3)).tolist(),
            "q": (0.5 * rng.normal(size=(2, 3))).tolist(),
            "l": rng.normal(size=(2, 3)).tolist(),
        },
        "kmeans": {"points": points, "centroids": points[-3:]},
        "lstm": {
            "main_params": rng.random((4, 12)).tolist(),
            "extra_params": rng.random((3, 3)).tolist(),
            "state": rng.random((4, 3)).tolist(),
            "sequence": rng.integers(0, 2, (6, 3)).tolist(),
        },
        "ba": {
            **{"n": 3, "m": 4, "p": 11, "x": [0.3, 0.2, 1.0], "w": 0.7, "feat": [12.0, -15.0]},
            "cam": [0.1, -0.2, 0.3, 0.5, -0.4, -3.0, 7.0, 1.0, 2.0, 0.01, -0.02],
        },
        "ht": {
            "theta": (0.3 * rng.normal(size=26)).tolist(),
            "us": rng.random((3, 2)).tolist(),
            "data": {
                "model": model,
                "correspondences": [4, 0, 8],
                "points": rng.normal(size=(3, 3)).tolist(),
            },
        },
    }
