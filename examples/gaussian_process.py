"""The marginal likelihood of a Gaussian process, maximised over its hyperparameters.

Kernel σ² exp(-d²/2ℓ²) plus noise: C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for
Machine Learning, 2006; the likelihood by a Cholesky factor is algorithm 2.1, its gradient in
closed form equation 5.9.
"""

import numpy as np
from scipy.optimize import minimize

import autodiff


def covariance(log_parameters, x):
    """Return kernel matrix and noise; the parameters are logarithms of signal, length and noise."""
    signal, length, noise = np.exp(log_parameters)
    squares = (x[:, None] - x[None, :]) ** 2
    return signal**2 * np.exp(-squares / (2 * length**2)) + noise**2 * np.eye(len(x))


def negative_log_likelihood(log_parameters, x, y):
    """Return it by algorithm 2.1."""
    factor = np.linalg.cholesky(covariance(log_parameters, x))
    alpha = np.linalg.solve(factor.T, np.linalg.solve(factor, y))
    log_det = 2 * np.sum(np.log(np.diag(factor)))
    return 0.5 * (y @ alpha + log_det + len(x) * np.log(2 * np.pi))


def gradient(log_parameters, x, y):
    """Return the closed form: tr((K⁻¹ - αα^T) ∂K/∂θ) / 2."""
    signal, length, noise = np.exp(log_parameters)
    squares = (x[:, None] - x[None, :]) ** 2
    kernel = signal**2 * np.exp(-squares / (2 * length**2))
    inverse = np.linalg.inv(covariance(log_parameters, x))
    alpha = inverse @ y
    along = [2 * kernel, kernel * squares / length**2, 2 * noise**2 * np.eye(len(x))]
    return np.array([0.5 * np.sum((inverse - np.outer(alpha, alpha)) * d) for d in along])


def draw(n=40):
    """Return noisy samples of a sine."""
    rng = np.random.default_rng(2)
    x = np.sort(rng.uniform(0, 5, n))
    return x, np.sin(2 * x) + 0.1 * rng.standard_normal(n)


def case():
    """Return the function that is differentiated, and its arguments."""
    x, y = draw()
    return lambda theta: negative_log_likelihood(theta, x, y), (np.log([0.8, 0.5, 0.3]),)


def main():
    """Fit the hyperparameters, and compare the gradient with the closed form."""
    x, y = draw()
    function, arguments = case()
    autodiff.check_gradients(function, *arguments)
    before, found = autodiff.value_and_grad(function)(*arguments)
    expected = gradient(arguments[0], x, y)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    print(f"gradient {found.round(4)}, closed form {expected.round(4)}")
    fit = minimize(autodiff.value_and_grad(function), *arguments, jac=True)
    signal, length, noise = np.exp(fit.x)
    print(f"negative log-likelihood {before:.3f} → {fit.fun:.3f} in {fit.nit} steps")
    print(f"signal {signal:.3f}, length {length:.3f}, noise {noise:.3f} (drawn with 0.1)")
    assert fit.fun < before
    assert 0.07 < noise < 0.14


if __name__ == "__main__":
    main()
