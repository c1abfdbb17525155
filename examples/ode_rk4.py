"""Parameters of an ordinary differential equation, fitted through the solver.

Predators and prey: A. J. Lotka, Elements of Physical Biology, 1925, and V. Volterra, 1926; solved
by the classical Runge-Kutta method (E. Hairer, S. P. Nørsett, G. Wanner, Solving Ordinary
Differential Equations I, 2nd ed., 1993, section II.1, table 1.2). The gradient goes backward
through every step of the solver.
"""

import numpy as np
from scipy.optimize import minimize

import autodiff

STEP = 0.1
TRUE = np.array([1.1, 0.4, 0.1, 0.4])
START = np.array([10.0, 5.0])


def predators_and_prey(state, parameters):
    """Return the right-hand side of the equation; np.array would leave an array of objects."""
    prey, predators = state
    birth, hunting, growth, death = parameters
    return np.stack(
        [
            birth * prey - hunting * prey * predators,
            growth * prey * predators - death * predators,
        ]
    )


def rk4(field, state, parameters, steps):
    """Return the states of the classical Runge-Kutta method, the first included."""
    states = [state]
    for _ in range(steps):
        k1 = field(state, parameters)
        k2 = field(state + STEP / 2 * k1, parameters)
        k3 = field(state + STEP / 2 * k2, parameters)
        k4 = field(state + STEP * k3, parameters)
        state = state + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        states.append(state)
    return np.stack(states)


def misfit(parameters, measured):
    """Return the mean squared distance of logarithms of the populations from those measured."""
    states = rk4(predators_and_prey, START, parameters, len(measured) - 1)
    return np.mean((np.log(states) - np.log(measured)) ** 2)


def decay(state, rate):
    """Return the right-hand side of an equation whose numerical solution is a polynomial."""
    return -rate * state


def decay_slope(rate, steps):
    """Return the closed form: the derivative of a power of the stability polynomial."""
    z = -STEP * rate
    factor = 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24
    return steps * factor ** (steps - 1) * -STEP * (1 + z + z**2 / 2 + z**3 / 6)


def draw(steps=40):
    """Return populations with an error of 5 %."""
    rng = np.random.default_rng(4)
    states = rk4(predators_and_prey, START, TRUE, steps)
    return states * np.exp(0.05 * rng.standard_normal(states.shape))


def case():
    """Return the function that is differentiated, and its arguments."""
    measured = draw(steps=6)
    return lambda parameters: misfit(parameters, measured), (np.array([1.0, 0.35, 0.12, 0.5]),)


def main():
    """Fit the parameters, and compare a derivative with the closed form."""
    function, arguments = case()
    autodiff.check_gradients(function, *arguments)
    found = autodiff.grad(lambda rate: rk4(decay, np.ones(1), rate, 50)[-1, 0])(0.7)
    expected = decay_slope(0.7, 50)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    print(f"decay: slope {found:.12f}, closed form {expected:.12f}")
    measured = draw()
    fit = minimize(autodiff.value_and_grad(misfit), *arguments, args=(measured,), jac=True)
    print(f"misfit {misfit(arguments[0], measured):.4f} → {fit.fun:.4f} in {fit.nit} steps")
    print(f"parameters {fit.x.round(3)}, drawn with {TRUE}")
    assert np.max(np.abs(fit.x - TRUE)) < 0.05


if __name__ == "__main__":
    main()
