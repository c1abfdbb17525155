"""Loops over time: a recurrent network, a Kalman filter, a solver of differential equations."""

from functools import partial
from typing import Any

import numpy as np

from benchmarks.workloads.workload import Workload
from compare.problems.problem import Gradients, Inputs

__all__ = ["kalman", "recurrent", "runge_kutta"]


def _recurrent(xp: Any, x: Any, y: Any, wx: Any, wh: Any, b: Any, wo: Any) -> Any:
    h = xp.zeros((x.shape[1], len(wh)), dtype=xp.float64)
    for t in range(len(x)):
        h = xp.tanh(x[t] @ wx + h @ wh + b)
    return xp.sum((h @ wo - y) ** 2)


def _recurrent_in_jax(xp: Any, x: Any, y: Any, wx: Any, wh: Any, b: Any, wo: Any) -> Any:
    from jax import lax

    def step(h: Any, x_t: Any) -> Any:
        return xp.tanh(x_t @ wx + h @ wh + b), None

    h, _ = lax.scan(step, xp.zeros((x.shape[1], len(wh))), x)
    return xp.sum((h @ wo - y) ** 2)


def _recurrent_by_hand(
    x: Any, y: Any, wx: Any, wh: Any, b: Any, wo: Any
) -> tuple[float, Gradients]:
    states = [np.zeros((x.shape[1], len(wh)))]
    for x_t in x:
        states.append(np.tanh(x_t @ wx + states[-1] @ wh + b))
    residual = states[-1] @ wo - y
    p_bar = 2.0 * residual
    h_bar = p_bar @ wo.T
    wx_bar, wh_bar, b_bar = np.zeros_like(wx), np.zeros_like(wh), np.zeros_like(b)
    for t in range(len(x) - 1, -1, -1):
        z_bar = h_bar * (1.0 - states[t + 1] ** 2)
        wx_bar += x[t].T @ z_bar
        wh_bar += states[t].T @ z_bar
        b_bar += z_bar.sum(axis=0)
        h_bar = z_bar @ wh.T
    gradients = {"wx": wx_bar, "wh": wh_bar, "b": b_bar, "wo": states[-1].T @ p_bar}
    return np.sum(residual**2), gradients


def _draw_recurrent(steps: int, batch: int, width: int, rng: np.random.Generator) -> Inputs:
    return {
        "x": rng.standard_normal((steps, batch, width)),
        "y": rng.standard_normal((batch, 4)),
        "wx": rng.standard_normal((width, width)) / width**0.5,
        "wh": rng.standard_normal((width, width)) / width**0.5,
        "b": 0.1 * rng.standard_normal(width),
        "wo": rng.standard_normal((width, 4)) / width**0.5,
    }


def recurrent(steps: int = 100, batch: int = 16, width: int = 32) -> Workload:
    """Return a recurrent network, trained on its last state."""
    return Workload(
        name="recurrent",
        meaning=f"recurrent network of {steps} steps, batch {batch}, width {width}",
        operations=0,
        group="general",
        function=_recurrent,
        idioms={"jax": _recurrent_in_jax},
        hand=_recurrent_by_hand,
        draw=partial(_draw_recurrent, steps, batch, width),
        wrt=("wx", "wh", "b", "wo"),
    )


def _corrected(xp: Any, state: Any, y: Any, a: Any, q: Any, r: Any) -> Any:
    """Return the state after one observation, and its share of the log-likelihood."""
    m, p = state
    m, p = a @ m, a @ p @ a.T + q
    s, v = p + r, y - m
    w, gain = xp.linalg.solve(s, v), xp.linalg.solve(s, p)
    return (m + p @ w, p - p @ gain), v @ w + xp.log(xp.linalg.det(s))


def _kalman(xp: Any, y: Any, a: Any, q: Any, r: Any) -> Any:
    eye = xp.eye(2, dtype=xp.float64)
    q, r = eye * xp.exp(q), eye * xp.exp(r)
    state, total = (y[0] * 0.0, eye), 0.0
    for t in range(len(y)):
        state, share = _corrected(xp, state, y[t], a, q, r)
        total = total + share
    return 0.5 * total


def _kalman_in_jax(xp: Any, y: Any, a: Any, q: Any, r: Any) -> Any:
    from jax import lax

    eye = xp.eye(2)
    q, r = eye * xp.exp(q), eye * xp.exp(r)

    def step(state: Any, y_t: Any) -> Any:
        return _corrected(xp, state, y_t, a, q, r)

    _, shares = lax.scan(step, (xp.zeros(2), eye), y)
    return 0.5 * xp.sum(shares)


def _kalman_by_hand(y: Any, a: Any, q: Any, r: Any) -> tuple[float, Gradients]:
    eye = np.eye(2)
    q_matrix, r_matrix = eye * np.exp(q), eye * np.exp(r)
    m, p, total, steps = np.zeros(2), eye, 0.0, []
    for y_t in y:
        before, m, p = (m, p), a @ m, a @ p @ a.T + q_matrix
        s, v = p + r_matrix, y_t - m
        inverse = np.linalg.inv(s)
        w, gain = inverse @ v, inverse @ p
        total += v @ w + np.log(np.linalg.det(s))
        steps.append((before, p, v, w, gain, inverse.T))
        m, p = m + p @ w, p - p @ gain
    m_bar, p_bar = np.zeros(2), np.zeros((2, 2))
    a_bar, q_bar, r_bar = np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((2, 2))
    for (m, p), predicted, v, w, gain, inverse in reversed(steps):
        gain_bar = -predicted.T @ p_bar
        w_bar = predicted.T @ m_bar + 0.5 * v
        v_bar, side_bar = inverse @ w_bar, inverse @ gain_bar
        s_bar = 0.5 * inverse - np.outer(v_bar, w) - side_bar @ gain.T
        v_bar += 0.5 * w
        p_bar = p_bar - p_bar @ gain.T + np.outer(m_bar, w) + side_bar + s_bar
        m_bar = m_bar - v_bar
        r_bar += s_bar
        q_bar += p_bar
        a_bar += p_bar @ a @ p.T + p_bar.T @ a @ p + np.outer(m_bar, m)
        m_bar, p_bar = a.T @ m_bar, a.T @ p_bar @ a
    gradients = {
        "a": a_bar,
        "q": np.diagonal(q_bar) * np.exp(q),
        "r": np.diagonal(r_bar) * np.exp(r),
    }
    return 0.5 * total, gradients


def _draw_kalman(steps: int, rng: np.random.Generator) -> Inputs:
    turn = np.array([[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]])
    return {
        "y": rng.standard_normal((steps, 2)),
        "a": 0.95 * turn + 0.01 * rng.standard_normal((2, 2)),
        "q": -1.0 + 0.1 * rng.standard_normal(2),
        "r": 0.1 * rng.standard_normal(2),
    }


def kalman(steps: int = 100) -> Workload:
    """Return the log-likelihood of a Kalman filter with a state of two numbers."""
    return Workload(
        name="kalman",
        meaning=f"Kalman filter of {steps} steps with 2×2 solves",
        operations=0,
        group="general",
        function=_kalman,
        idioms={"jax": _kalman_in_jax},
        hand=_kalman_by_hand,
        draw=partial(_draw_kalman, steps),
        wrt=("a", "q", "r"),
    )


_STEP = 0.002


def _slope(array: Any, u: Any, theta: Any) -> Any:
    """Return the right-hand side of Lorenz's equations, put together from three numbers."""
    x, y, z = u[0], u[1], u[2]
    s, r, b = theta[0], theta[1], theta[2]
    return array([s * (y - x), x * (r - z) - y, x * y - b * z])


def _stepped(array: Any, u: Any, theta: Any) -> Any:
    k1 = _slope(array, u, theta)
    k2 = _slope(array, u + 0.5 * _STEP * k1, theta)
    k3 = _slope(array, u + 0.5 * _STEP * k2, theta)
    k4 = _slope(array, u + _STEP * k3, theta)
    return u + _STEP / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)


def _runge_kutta(steps: int, xp: Any, u: Any, theta: Any) -> Any:
    array = xp.stack if hasattr(xp, "autograd") else xp.array
    for _ in range(steps):
        u = _stepped(array, u, theta)
    return xp.sum(u * u)


def _runge_kutta_in_jax(steps: int, xp: Any, u: Any, theta: Any) -> Any:
    from jax import lax

    u, _ = lax.scan(lambda u, _: (_stepped(xp.array, u, theta), None), u, None, steps)
    return xp.sum(u * u)


def _slope_vjp(u: Any, theta: Any, g: Any) -> tuple[Any, Any]:
    (x, y, z), (s, r, b), (gx, gy, gz) = u.tolist(), theta.tolist(), g.tolist()
    u_bar = [gy * (r - z) - s * gx + gz * y, s * gx - gy + gz * x, -gy * x - b * gz]
    return np.array(u_bar), np.array([gx * (y - x), gy * x, -gz * z])


def _runge_kutta_by_hand(steps: int, u: Any, theta: Any) -> tuple[float, Gradients]:
    stages = []
    for _ in range(steps):
        k1 = _slope(np.array, u, theta)
        u2 = u + 0.5 * _STEP * k1
        k2 = _slope(np.array, u2, theta)
        u3 = u + 0.5 * _STEP * k2
        k3 = _slope(np.array, u3, theta)
        u4 = u + _STEP * k3
        k4 = _slope(np.array, u4, theta)
        stages.append((u, u2, u3, u4))
        u = u + _STEP / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    u_bar, theta_bar = 2.0 * u, np.zeros(3)
    for u1, u2, u3, u4 in reversed(stages):
        share = _STEP / 6.0 * u_bar
        v4, t4 = _slope_vjp(u4, theta, share)
        v3, t3 = _slope_vjp(u3, theta, 2.0 * share + _STEP * v4)
        v2, t2 = _slope_vjp(u2, theta, 2.0 * share + 0.5 * _STEP * v3)
        v1, t1 = _slope_vjp(u1, theta, share + 0.5 * _STEP * v2)
        u_bar = u_bar + v1 + v2 + v3 + v4
        theta_bar += t1 + t2 + t3 + t4
    return np.sum(u * u), {"u": u_bar, "theta": theta_bar}


def _draw_runge_kutta(rng: np.random.Generator) -> Inputs:
    return {
        "u": np.array([1.0, 1.0, 20.0]) + 0.1 * rng.standard_normal(3),
        "theta": np.array([10.0, 28.0, 8.0 / 3.0]) + 0.1 * rng.standard_normal(3),
    }


def runge_kutta(steps: int = 500) -> Workload:
    """Return a classical solver of Lorenz's equations, differentiated by start and parameters."""
    return Workload(
        name="runge-kutta",
        meaning=f"Runge-Kutta of {steps} steps on three numbers put together by np.array",
        operations=0,
        group="general",
        function=partial(_runge_kutta, steps),
        idioms={"jax": partial(_runge_kutta_in_jax, steps)},
        hand=partial(_runge_kutta_by_hand, steps),
        draw=_draw_runge_kutta,
        wrt=("u", "theta"),
    )
