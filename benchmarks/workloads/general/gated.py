"""Recurrent networks with gates: a gated recurrent unit, and long short-term memory."""

from functools import partial
from typing import Any

import numpy as np

from benchmarks.workloads.workload import Workload
from compare.problems.problem import Gradients, Inputs

__all__ = ["gru", "lstm"]


def _sigmoid(xp: Any, x: Any) -> Any:
    return 1.0 / (1.0 + xp.exp(-x))


def _gru_step(xp: Any, h: Any, x: Any, w: Any, u: Any, b: Any) -> Any:
    z = _sigmoid(xp, x @ w[0] + h @ u[0] + b[0])
    r = _sigmoid(xp, x @ w[1] + h @ u[1] + b[1])
    c = xp.tanh(x @ w[2] + (r * h) @ u[2] + b[2])
    return (1.0 - z) * h + z * c


def _gru(xp: Any, x: Any, w: Any, u: Any, b: Any) -> Any:
    h = xp.zeros((x.shape[1], u.shape[1]), dtype=xp.float64)
    for t in range(len(x)):
        h = _gru_step(xp, h, x[t], w, u, b)
    return xp.sum(h**2)


def _gru_in_jax(xp: Any, x: Any, w: Any, u: Any, b: Any) -> Any:
    from jax import lax

    def step(h: Any, x_t: Any) -> Any:
        return _gru_step(xp, h, x_t, w, u, b), None

    h, _ = lax.scan(step, xp.zeros((x.shape[1], u.shape[1])), x)
    return xp.sum(h**2)


def _gru_by_hand(x: Any, w: Any, u: Any, b: Any) -> tuple[float, Gradients]:
    h, steps = np.zeros((x.shape[1], u.shape[1])), []
    for x_t in x:
        z = _sigmoid(np, x_t @ w[0] + h @ u[0] + b[0])
        r = _sigmoid(np, x_t @ w[1] + h @ u[1] + b[1])
        rh = r * h
        c = np.tanh(x_t @ w[2] + rh @ u[2] + b[2])
        steps.append((x_t, h, z, r, rh, c))
        h = (1.0 - z) * h + z * c
    h_bar = 2.0 * h
    w_bar, u_bar, b_bar = np.zeros_like(w), np.zeros_like(u), np.zeros_like(b)
    for x_t, state, z, r, rh, c in reversed(steps):
        c_bar = h_bar * z * (1.0 - c * c)
        z_bar = h_bar * (c - state) * z * (1.0 - z)
        rh_bar = c_bar @ u[2].T
        r_bar = rh_bar * state * r * (1.0 - r)
        h_bar = h_bar * (1.0 - z) + rh_bar * r + z_bar @ u[0].T + r_bar @ u[1].T
        for i, (g, source) in enumerate(((z_bar, state), (r_bar, state), (c_bar, rh))):
            w_bar[i] += x_t.T @ g
            u_bar[i] += source.T @ g
            b_bar[i] += g.sum(axis=0)
    return np.sum(h**2), {"w": w_bar, "u": u_bar, "b": b_bar}


def _draw(gates: int, steps: int, batch: int, width: int, rng: np.random.Generator) -> Inputs:
    return {
        "x": rng.standard_normal((steps, batch, width)),
        "w": rng.standard_normal((gates, width, width)) / width**0.5,
        "u": rng.standard_normal((gates, width, width)) / width**0.5,
        "b": 0.1 * rng.standard_normal((gates, width)),
    }


def gru(steps: int = 100, batch: int = 16, width: int = 32) -> Workload:
    """Return a gated recurrent unit, trained on its last state."""
    return Workload(
        name="gru",
        meaning=f"gated recurrent unit of {steps} steps, batch {batch}, width {width}",
        operations=0,
        group="general",
        function=_gru,
        idioms={"jax": _gru_in_jax},
        hand=_gru_by_hand,
        draw=partial(_draw, 3, steps, batch, width),
        wrt=("w", "u", "b"),
    )


def _lstm_step(xp: Any, state: Any, x: Any, w: Any, u: Any, b: Any) -> Any:
    h, c = state
    n = h.shape[1]
    a = x @ w + h @ u + b
    i, f = _sigmoid(xp, a[:, :n]), _sigmoid(xp, a[:, n : 2 * n])
    o, g = _sigmoid(xp, a[:, 2 * n : 3 * n]), xp.tanh(a[:, 3 * n :])
    c = f * c + i * g
    return o * xp.tanh(c), c


def _lstm(xp: Any, x: Any, w: Any, u: Any, b: Any) -> Any:
    h = c = xp.zeros((x.shape[1], u.shape[0]), dtype=xp.float64)
    for t in range(len(x)):
        h, c = _lstm_step(xp, (h, c), x[t], w, u, b)
    return xp.sum(h**2)


def _lstm_in_jax(xp: Any, x: Any, w: Any, u: Any, b: Any) -> Any:
    from jax import lax

    def step(state: Any, x_t: Any) -> Any:
        return _lstm_step(xp, state, x_t, w, u, b), None

    zero = xp.zeros((x.shape[1], u.shape[0]))
    (h, _), _ = lax.scan(step, (zero, zero), x)
    return xp.sum(h**2)


def _lstm_by_hand(x: Any, w: Any, u: Any, b: Any) -> tuple[float, Gradients]:
    n = u.shape[0]
    h = c = np.zeros((x.shape[1], n))
    steps = []
    for x_t in x:
        a = x_t @ w + h @ u + b
        gates = _sigmoid(np, a[:, : 3 * n])
        i, f, o = gates[:, :n], gates[:, n : 2 * n], gates[:, 2 * n :]
        g = np.tanh(a[:, 3 * n :])
        before, c = c, f * c + i * g
        t = np.tanh(c)
        steps.append((x_t, h, before, i, f, o, g, t))
        h = o * t
    value, h_bar, c_bar = np.sum(h**2), 2.0 * h, np.zeros_like(h)
    w_bar, u_bar, b_bar = np.zeros_like(w), np.zeros_like(u), np.zeros_like(b)
    a_bar = np.empty((x.shape[1], 4 * n))
    for x_t, state, before, i, f, o, g, t in reversed(steps):
        c_bar = c_bar + h_bar * o * (1.0 - t * t)
        a_bar[:, :n] = c_bar * g * i * (1.0 - i)
        a_bar[:, n : 2 * n] = c_bar * before * f * (1.0 - f)
        a_bar[:, 2 * n : 3 * n] = h_bar * t * o * (1.0 - o)
        a_bar[:, 3 * n :] = c_bar * i * (1.0 - g * g)
        w_bar += x_t.T @ a_bar
        u_bar += state.T @ a_bar
        b_bar += a_bar.sum(axis=0)
        h_bar, c_bar = a_bar @ u.T, c_bar * f
    return value, {"w": w_bar, "u": u_bar, "b": b_bar}


def _draw_lstm(steps: int, batch: int, width: int, rng: np.random.Generator) -> Inputs:
    drawn = _draw(4, steps, batch, width, rng)
    w, u = (np.concatenate(list(drawn[name]), axis=1) for name in ("w", "u"))
    return {"x": drawn["x"], "w": w, "u": u, "b": drawn["b"].reshape(-1)}


def lstm(steps: int = 100, batch: int = 16, width: int = 32) -> Workload:
    """Return a network of long short-term memory, trained on its last state."""
    return Workload(
        name="lstm",
        meaning=f"long short-term memory of {steps} steps, batch {batch}, width {width}",
        operations=0,
        group="general",
        function=_lstm,
        idioms={"jax": _lstm_in_jax},
        hand=_lstm_by_hand,
        draw=partial(_draw_lstm, steps, batch, width),
        wrt=("w", "u", "b"),
    )
