"""The likelihood of a state-space model by the Kalman filter, maximised over its variances.

A point that moves with a nearly constant velocity, observed with noise: Y. Bar-Shalom, X. R. Li,
T. Kirubarajan, Estimation with Applications to Tracking and Navigation, 2001, section 6.2.2. The
likelihood as a product over innovations (prediction error decomposition): J. Durbin, S. J.
Koopman, Time Series Analysis by State Space Methods, 2nd ed., 2012, section 7.2.
"""

import numpy as np
from scipy.optimize import minimize

import autodiff

STEP_S = 0.5
F = np.array([[1.0, STEP_S], [0.0, 1.0]])
Q = np.array([[STEP_S**3 / 3, STEP_S**2 / 2], [STEP_S**2 / 2, STEP_S]])
H = np.array([[1.0, 0.0]])
P0 = np.diag([4.0, 1.0])


def negative_log_likelihood(log_variances, observations):
    """Run the filter; the parameters are logarithms of the variances of motion and observation."""
    q, r = np.exp(log_variances)
    state, P = np.zeros(2), P0
    total = 0.0
    for y in observations:
        innovation = y - H @ state
        S = H @ P @ H.T + r * np.eye(1)
        _, log_det = np.linalg.slogdet(2 * np.pi * S)
        total += 0.5 * (log_det + innovation @ np.linalg.solve(S, innovation))
        gain = np.linalg.solve(S, H @ P).T
        state = F @ (state + gain @ innovation)
        P = F @ (P - gain @ H @ P) @ F.T + q * Q
    return total


def joint_covariance(observations):
    """Return the covariance of all observations, which is A + q B + r 1, as A and B."""
    n = len(observations)
    from_start, from_motion = np.zeros((n, n)), np.zeros((n, n))
    powers = [np.linalg.matrix_power(F, k) for k in range(n)]
    for i in range(n):
        for j in range(n):
            from_start[i, j] = (H @ powers[i] @ P0 @ powers[j].T @ H.T)[0, 0]
            for k in range(1, min(i, j) + 1):
                from_motion[i, j] += (H @ powers[i - k] @ Q @ powers[j - k].T @ H.T)[0, 0]
    return from_start, from_motion


def gradient(log_variances, observations):
    """Return the closed form, of the normal density of all observations at once."""
    q, r = np.exp(log_variances)
    from_start, from_motion = joint_covariance(observations)
    inverse = np.linalg.inv(from_start + q * from_motion + r * np.eye(len(observations)))
    alpha = inverse @ observations[:, 0]
    weights = 0.5 * (inverse - np.outer(alpha, alpha))
    return np.array([np.sum(weights * q * from_motion), r * np.trace(weights)])


def draw(n=40):
    """Draw a path and its observations, with variances 0.3 and 0.5."""
    rng = np.random.default_rng(3)
    state = rng.multivariate_normal(np.zeros(2), P0)
    observations = []
    for _ in range(n):
        observations.append(H @ state + np.sqrt(0.5) * rng.standard_normal(1))
        state = F @ state + rng.multivariate_normal(np.zeros(2), 0.3 * Q)
    return np.array(observations)


def case():
    """Return the function that is differentiated, and its arguments."""
    observations = draw()[:8]
    return lambda theta: negative_log_likelihood(theta, observations), (np.log([1.0, 1.0]),)


def main():
    """Fit the variances, and compare the gradient with the closed form."""
    function, arguments = case()
    autodiff.check_gradients(function, *arguments)
    observations, start = draw(), np.log([1.0, 1.0])
    before, found = autodiff.value_and_grad(negative_log_likelihood)(start, observations)
    expected = gradient(start, observations)
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    print(f"gradient {found.round(4)}, closed form {expected.round(4)}")
    fit = minimize(
        autodiff.value_and_grad(negative_log_likelihood), start, args=(observations,), jac=True
    )
    curvature = autodiff.hessian(negative_log_likelihood)(fit.x, observations)
    spread = np.sqrt(np.diag(np.linalg.inv(curvature)))
    print(f"negative log-likelihood {before:.3f} → {fit.fun:.3f} in {fit.nit} steps")
    for name, log_variance, error, true in zip("qr", fit.x, spread, (0.3, 0.5), strict=True):
        low, high = np.exp(log_variance + 1.96 * error * np.array([-1, 1]))
        print(f"{name} = {np.exp(log_variance):.3f} (95 %: {low:.3f} to {high:.3f}), drawn {true}")
        assert low < true < high


if __name__ == "__main__":
    main()
