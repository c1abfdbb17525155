"""Models of linear algebra: a Gaussian process, a circuit of eight qubits."""

from functools import partial
from typing import Any

import numpy as np

from benchmarks.workloads.workload import Workload
from compare.problems.problem import Gradients, Inputs

__all__ = ["gaussian_process", "qubits"]


def _squares(xp: Any, x: Any) -> Any:
    """Return the squared distances of all pairs of rows."""
    norms = xp.sum(x * x, 1)
    return norms[:, None] + norms[None, :] - 2.0 * (x @ x.T)


def _gaussian_process(xp: Any, x: Any, y: Any, theta: Any) -> Any:
    """Return the negative logarithm of the marginal likelihood, but for a constant.

    Rasmussen and Williams, Gaussian processes for machine learning (2006), algorithm 2.1.
    """
    scale, height, noise = xp.exp(theta[0]), xp.exp(theta[1]), xp.exp(theta[2])
    eye = xp.eye(len(y), dtype=xp.float64)
    k = height * xp.exp(-0.5 / scale * _squares(xp, x)) + noise * eye
    factor = xp.linalg.cholesky(k)
    alpha = xp.linalg.solve(factor.T, xp.linalg.solve(factor, y))
    return 0.5 * (y @ alpha) + xp.sum(xp.log(xp.diagonal(factor)))


def _gaussian_process_in_jax(xp: Any, x: Any, y: Any, theta: Any) -> Any:
    from jax.scipy.linalg import cho_solve

    scale, height, noise = xp.exp(theta)
    k = height * xp.exp(-0.5 / scale * _squares(xp, x)) + noise * xp.eye(len(y))
    factor = xp.linalg.cholesky(k)
    alpha = cho_solve((factor, True), y)
    return 0.5 * (y @ alpha) + xp.sum(xp.log(xp.diagonal(factor)))


def _gaussian_process_in_torch(torch: Any, x: Any, y: Any, theta: Any) -> Any:
    scale, height, noise = torch.exp(theta)
    eye = torch.eye(len(y), dtype=torch.float64)
    k = height * torch.exp(-0.5 / scale * _squares(torch, x)) + noise * eye
    factor = torch.linalg.cholesky(k)
    alpha = torch.cholesky_solve(y[:, None], factor)[:, 0]
    return 0.5 * (y @ alpha) + torch.log(torch.diagonal(factor)).sum()


def _gaussian_process_by_hand(x: Any, y: Any, theta: Any) -> tuple[float, Gradients]:
    scale, height, noise = np.exp(theta)
    squares = _squares(np, x)
    smooth = height * np.exp(-0.5 / scale * squares)
    k = smooth + noise * np.eye(len(y))
    factor = np.linalg.cholesky(k)
    inverse = np.linalg.inv(k)
    alpha = inverse @ y
    k_bar = 0.5 * (inverse - np.outer(alpha, alpha))
    smooth_bar = k_bar * smooth
    theta_bar = np.array(
        [
            0.5 / scale * np.vdot(smooth_bar, squares),
            np.sum(smooth_bar),
            noise * np.trace(k_bar),
        ]
    )
    value = 0.5 * (y @ alpha) + np.sum(np.log(np.diagonal(factor)))
    return value, {"y": alpha, "theta": theta_bar}


def _draw_gaussian_process(points: int, rng: np.random.Generator) -> Inputs:
    return {
        "x": rng.standard_normal((points, 3)),
        "y": rng.standard_normal(points),
        "theta": np.array([0.3, 0.1, -1.0]) + 0.1 * rng.standard_normal(3),
    }


def gaussian_process(points: int = 200) -> Workload:
    """Return the likelihood of a Gaussian process, by a factor of Cholesky's."""
    return Workload(
        name="gaussian-process",
        meaning=f"Gaussian process of {points} points, by a factor of Cholesky's",
        operations=0,
        group="general",
        function=_gaussian_process,
        idioms={"jax": _gaussian_process_in_jax, "torch": _gaussian_process_in_torch},
        hand=_gaussian_process_by_hand,
        draw=partial(_draw_gaussian_process, points),
        wrt=("y", "theta"),
    )


def _signs(qubits: int) -> tuple[Any, Any]:
    """Return the signs of a layer of controlled Z on neighbours, and the energies of the states."""
    bits = (np.arange(2**qubits)[:, None] >> np.arange(qubits)) & 1
    entangled = (-1.0) ** np.sum(bits[:, 1:] * bits[:, :-1], axis=1)
    return entangled, np.sum((1.0 - 2.0 * bits) * np.arange(1, qubits + 1), axis=1)


def _gate(xp: Any, angles: Any) -> Any:
    """Return a turn about y, then one about z."""
    c, s = xp.cos(0.5 * angles[0]), xp.sin(0.5 * angles[0])
    phase = xp.exp(0.5j * angles[1])
    back = xp.conj(phase)
    return xp.stack([c * back, -s * back, s * phase, c * phase]).reshape(2, 2)


def _circuit(constants: Any, xp: Any, angles: Any) -> Any:
    entangled, energies = constants
    layers, qubits, _ = angles.shape
    if hasattr(xp, "as_tensor"):
        entangled, energies = xp.as_tensor(entangled), xp.as_tensor(energies)
    start = np.zeros(2**qubits, complex)
    start[0] = 1.0
    state = xp.asarray(start)
    for layer in range(layers):
        for q in range(qubits):
            parts = state.reshape(2**q, 2, -1)
            state = xp.matmul(_gate(xp, angles[layer, q]), parts).reshape(-1)
        state = state * entangled
    return xp.sum(energies * (xp.real(state) ** 2 + xp.imag(state) ** 2))


def _circuit_by_hand(constants: Any, angles: Any) -> tuple[float, Gradients]:
    entangled, energies = constants
    layers, qubits, _ = angles.shape
    state = np.zeros(2**qubits, complex)
    state[0] = 1.0
    gates = [[_gate(np, angles[k, q]) for q in range(qubits)] for k in range(layers)]
    for layer in gates:
        for q, gate in enumerate(layer):
            state = (gate @ state.reshape(2**q, 2, -1)).reshape(-1)
        state = state * entangled
    value = np.sum(energies * np.abs(state) ** 2)
    bar = 2.0 * energies * state
    angles_bar = np.empty_like(angles)
    # The states come back by the inverse gates, as no step loses anything.
    for k in range(layers - 1, -1, -1):
        state, bar = state * entangled, bar * entangled
        for q in range(qubits - 1, -1, -1):
            gate = gates[k][q]
            parts, bars = state.reshape(2**q, 2, -1), bar.reshape(2**q, 2, -1)
            back = gate.conj().T
            before = back @ parts
            c, s = np.cos(0.5 * angles[k, q, 0]), np.sin(0.5 * angles[k, q, 0])
            phase = np.exp(0.5j * angles[k, q, 1])
            turned = 0.5 * np.array([[-s / phase, -c / phase], [c * phase, -s * phase]])
            angles_bar[k, q, 0] = np.vdot(bars, turned @ before).real
            phased = np.array([[-0.5j], [0.5j]]) * parts
            angles_bar[k, q, 1] = np.vdot(bars, phased).real
            state, bar = before.reshape(-1), (back @ bars).reshape(-1)
    return value, {"angles": angles_bar}


def _draw_circuit(layers: int, qubits: int, rng: np.random.Generator) -> Inputs:
    return {"angles": rng.uniform(-np.pi, np.pi, (layers, qubits, 2))}


def qubits(count: int = 8, layers: int = 4) -> Workload:
    """Return the energy of a quantum circuit."""
    return Workload(
        name="qubits",
        meaning=f"complex circuit of {count} qubits, {layers} layers",
        operations=0,
        group="general",
        function=partial(_circuit, _signs(count)),
        hand=partial(_circuit_by_hand, _signs(count)),
        draw=partial(_draw_circuit, layers, count),
        wrt=("angles",),
    )
