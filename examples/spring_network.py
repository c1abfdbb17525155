"""A hanging net of springs: forces as the negative gradient of the energy, and its rest position.

Springs of Hooke's law between the knots of a grid, held at two corners, under gravity: X. Provot,
Deformation Constraints in a Mass-Spring Model to Describe Rigid Cloth Behavior, 1995. The energy
is minimised by a Newton method that needs only products with the Hessian (trust region conjugate
gradients: J. Nocedal, S. J. Wright, Numerical Optimization, 2nd ed., 2006, algorithm 7.2).
"""

import numpy as np
from scipy.optimize import minimize

import autodiff

ROWS, COLUMNS = 4, 5
STIFFNESS, LENGTH, WEIGHT = 50.0, 1.0, 0.4


def springs():
    """Return the pairs of knots that a spring joins: neighbours in a row, column or diagonal."""
    knot = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
    along = [(knot[:, :-1], knot[:, 1:]), (knot[:-1], knot[1:]), (knot[:-1, :-1], knot[1:, 1:])]
    pairs = np.concatenate([np.stack([a.ravel(), b.ravel()], axis=1) for a, b in along])
    rest = LENGTH * np.where(np.abs(pairs[:, 1] - pairs[:, 0]) == COLUMNS + 1, np.sqrt(2), 1.0)
    return pairs, rest


PAIRS, REST = springs()
HELD = np.array([0, COLUMNS - 1])


def energy(positions):
    """Return the energy of all springs and the weight of the knots, of shape (knots, 2)."""
    stretch = positions[PAIRS[:, 1]] - positions[PAIRS[:, 0]]
    lengths = np.linalg.norm(stretch, axis=1)
    return 0.5 * STIFFNESS * np.sum((lengths - REST) ** 2) + WEIGHT * np.sum(positions[:, 1])


def forces(positions):
    """Return the closed form: each spring pulls at its two ends, and every knot is heavy."""
    stretch = positions[PAIRS[:, 1]] - positions[PAIRS[:, 0]]
    lengths = np.linalg.norm(stretch, axis=1)
    pull = (STIFFNESS * (lengths - REST) / lengths)[:, None] * stretch
    total = np.tile([0.0, -WEIGHT], (len(positions), 1))
    np.add.at(total, PAIRS[:, 0], pull)
    np.add.at(total, PAIRS[:, 1], -pull)
    return total


def start():
    """Return the grid, upright and a little disturbed."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    grid = np.stack([x.ravel(), -y.ravel()], axis=1) * LENGTH
    return grid + 0.05 * np.random.default_rng(10).standard_normal(grid.shape)


def case():
    """Return the function that is differentiated, and its arguments."""
    return energy, (start(),)


def main():
    """Compare forces with the closed form, and let the net come to rest."""
    positions = start()
    autodiff.check_gradients(energy, positions)
    found = -autodiff.grad(energy)(positions)
    np.testing.assert_allclose(found, forces(positions), rtol=1e-9, atol=1e-11)
    direction = np.random.default_rng(11).standard_normal(positions.shape)
    product = autodiff.hvp(energy, (positions,), (direction,))
    whole = np.tensordot(autodiff.hessian(energy)(positions), direction, 2)
    np.testing.assert_allclose(product, whole, rtol=1e-9, atol=1e-10)
    print("forces as in closed form; Hessian times vector as with the whole Hessian")

    free = np.delete(np.arange(len(positions)), HELD)

    def placed(x):
        # Rows of a matrix of zeros and ones put the free knots among those that are held.
        return base + np.eye(len(positions))[:, free] @ np.reshape(x, (-1, 2))

    base = positions.copy()
    base[free] = 0.0

    def free_energy(x):
        return energy(placed(x))

    rest = minimize(
        autodiff.value_and_grad(free_energy),
        positions[free].ravel(),
        jac=True,
        hessp=lambda x, v: autodiff.hvp(free_energy, (x,), (v,)),
        method="trust-ncg",
        options={"gtol": 1e-8},
    )
    left = np.max(np.abs(forces(placed(rest.x))[free]))
    print(f"energy {energy(positions):.4f} → {rest.fun:.4f} in {rest.nit} steps")
    print(f"largest force left on a free knot {left:.1e}")
    carried = -np.sum(forces(placed(rest.x))[HELD], axis=0)
    weight = WEIGHT * len(free)
    print(f"the two nails carry {-carried[1]:.4f} and the weight of the free knots is {weight:.4f}")
    assert left < 1e-6


if __name__ == "__main__":
    main()
