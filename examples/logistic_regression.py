"""Logistic regression, fitted by Newton's method.

The mean negative log-likelihood of labels in {0, 1} with a ridge penalty, and its gradient and
Hessian with respect to the coefficients. Model and Newton's method (iteratively reweighted least
squares): T. Hastie, R. Tibshirani, J. Friedman, The Elements of Statistical Learning, 2nd ed.,
2009, section 4.4.1.
"""

import numpy as np

import autodiff

RIDGE = 0.01


def loss(beta, x, y):
    """Return the mean negative log-likelihood and penalty; beta[0] is the intercept."""
    z = beta[0] + x @ beta[1:]
    return np.mean(np.logaddexp(0, z) - y * z) + RIDGE * np.sum(beta[1:] ** 2)


def gradient(beta, x, y):
    """Return the closed form: the design matrix times the residuals (equation 4.21)."""
    residual = 1 / (1 + np.exp(-(beta[0] + x @ beta[1:]))) - y
    design = np.column_stack([np.ones(len(x)), x])
    return design.T @ residual / len(x) + 2 * RIDGE * np.concatenate([[0.0], beta[1:]])


def draw(n=200):
    """Return two overlapping clouds of points in three dimensions."""
    rng = np.random.default_rng(1)
    y = (np.arange(n) % 2).astype(float)
    x = rng.standard_normal((n, 3)) + np.outer(y, [1.5, -1.0, 0.5])
    return x, y


def case():
    """Return the function that is differentiated, and its arguments."""
    x, y = draw()
    return lambda beta: loss(beta, x, y), (np.array([0.1, -0.2, 0.3, 0.4]),)


def main():
    """Fit, and compare the gradient with the closed form."""
    x, y = draw()
    function, arguments = case()
    autodiff.check_gradients(function, *arguments)
    beta = np.zeros(4)
    for step in range(6):
        value, slope = autodiff.value_and_grad(loss)(beta, x, y)
        np.testing.assert_allclose(slope, gradient(beta, x, y), rtol=1e-10, atol=1e-14)
        print(f"step {step}: loss {value:.12f}, largest slope {np.max(np.abs(slope)):.1e}")
        beta = beta - np.linalg.solve(autodiff.hessian(loss)(beta, x, y), slope)
    right = np.mean((beta[0] + x @ beta[1:] > 0) == (y > 0.5))
    print(f"coefficients {beta.round(3)}, {right:.1%} of the points on their side")


if __name__ == "__main__":
    main()
