"""k-means: the distortion of a set of centres, minimised by Newton's method.

S. P. Lloyd, Least squares quantization in PCM, 1982. A Newton step of the distortion is a step of
Lloyd's algorithm: L. Bottou, Y. Bengio, Convergence Properties of the K-Means Algorithms, 1995,
section 3.
"""

import numpy as np

import autodiff


def distortion(centres, points):
    """Return half the sum of squared distances from each point to its nearest centre."""
    distances = np.sum((points[:, None, :] - centres[None, :, :]) ** 2, axis=2)
    nearest = np.argmin(distances, axis=1)
    return 0.5 * np.sum((points - centres[nearest]) ** 2)


def lloyd(centres, points):
    """Return a step of Lloyd's algorithm, and the number of points of each centre."""
    distances = np.sum((points[:, None, :] - centres[None, :, :]) ** 2, axis=2)
    nearest = np.argmin(distances, axis=1)
    counts = np.bincount(nearest, minlength=len(centres))
    means = np.array([points[nearest == k].mean(axis=0) for k in range(len(centres))])
    return means, counts


def draw(n=60):
    """Return three clouds in the plane, and a start near none of them."""
    rng = np.random.default_rng(9)
    middles = np.array([[0.0, 0.0], [4.0, 1.0], [1.0, 5.0]])
    points = middles[np.arange(n) % 3] + 0.7 * rng.standard_normal((n, 2))
    return points, np.array([[1.0, 1.0], [2.0, 1.0], [1.0, 3.0]])


def case():
    """Return the function that is differentiated, and its arguments."""
    points, centres = draw()
    return lambda centres: distortion(centres, points), (centres,)


def main():
    """Minimise, and compare gradient and Newton step with the closed forms."""
    points, centres = draw()
    function, arguments = case()
    autodiff.check_gradients(function, *arguments)
    for step in range(3):
        value, slope = autodiff.value_and_grad(distortion)(centres, points)
        means, counts = lloyd(centres, points)
        np.testing.assert_allclose(slope, counts[:, None] * (centres - means), atol=1e-10)
        curvature = autodiff.hessian(distortion)(centres, points)
        step_taken = np.linalg.solve(curvature.reshape(6, 6), slope.reshape(6)).reshape(3, 2)
        np.testing.assert_allclose(centres - step_taken, means, rtol=1e-10, atol=1e-12)
        print(f"step {step}: distortion {value:.4f}, largest slope {np.max(np.abs(slope)):.1e}")
        centres = means
    print(f"each Newton step was a step of Lloyd's; points of each centre: {counts}")


if __name__ == "__main__":
    main()
