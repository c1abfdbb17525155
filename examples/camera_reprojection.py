"""Bundle adjustment: where cameras see points, and the Jacobian by forward mode.

Rotation by Rodrigues' formula, then the pinhole camera with radial distortion of N. Snavely's
Bundler, as in S. Agarwal, N. Snavely, S. M. Seitz, R. Szeliski, Bundle Adjustment in the Large,
2010. The cameras are refined by Gauss-Newton steps (B. Triggs et al., Bundle Adjustment - A Modern
Synthesis, 2000, section 4.3). The Jacobian of some hundred residuals by three cameras of nine
parameters takes 27 passes forward.
"""

import numpy as np

import autodiff

CAMERAS, POINTS = 3, 60


def rotate(rotation, points):
    """Rotate points about an axis by its length, as an angle."""
    angle = np.linalg.norm(rotation)
    axis = rotation / angle
    return (
        points * np.cos(angle)
        + np.cross(axis, points) * np.sin(angle)
        + np.outer(points @ axis, axis) * (1 - np.cos(angle))
    )


def project(camera, points):
    """Return where a camera sees points: rotation (3), translation (3), focal length, k1, k2."""
    seen = rotate(camera[:3], points) + camera[3:6]
    flat = -seen[:, :2] / seen[:, 2:]
    focal, k1, k2 = camera[6:]
    radius = np.sum(flat**2, axis=1, keepdims=True)
    return focal * (1 + k1 * radius + k2 * radius**2) * flat


def residuals(cameras, points, observed):
    """Return distances in x and y of all points in all cameras, in one vector."""
    return np.concatenate(
        [(project(c, points) - o).ravel() for c, o in zip(cameras, observed, strict=True)]
    )


def draw():
    """Return cameras, points, and what the cameras see with an error of 0.2 pixels."""
    rng = np.random.default_rng(12)
    points = rng.uniform(-1, 1, (POINTS, 3))
    cameras = np.zeros((CAMERAS, 9))
    cameras[:, :3] = 0.3 * rng.standard_normal((CAMERAS, 3))
    cameras[:, 3:6] = [0.0, 0.0, -6.0] + 0.2 * rng.standard_normal((CAMERAS, 3))
    cameras[:, 6:] = [500.0, -0.05, 0.01]
    observed = np.stack([project(c, points) for c in cameras])
    return cameras, points, observed + 0.2 * rng.standard_normal(observed.shape)


def start(cameras):
    """Return cameras that are somewhat off."""
    rng = np.random.default_rng(13)
    sizes = np.array([*[0.05] * 3, *[0.1] * 3, 20.0, 0.02, 0.02])
    return cameras + sizes * rng.standard_normal(cameras.shape)


def case():
    """Return the function that is differentiated, and its arguments."""
    cameras, points, observed = draw()
    chosen = slice(0, 4)
    return (
        lambda cameras: residuals(cameras, points[chosen], observed[:, chosen]),
        (start(cameras),),
    )


def main():
    """Refine the cameras, and compare columns of the Jacobian with the closed form."""
    function, arguments = case()
    autodiff.check_gradients(function, *arguments)
    true, points, observed = draw()
    cameras = start(true)
    jacobian = autodiff.jacobian(residuals, mode="fwd")
    J = jacobian(cameras, points, observed)
    focal = np.stack([project(c, points) / c[6] for c in cameras])
    for i in range(CAMERAS):
        rows = slice(2 * POINTS * i, 2 * POINTS * (i + 1))
        np.testing.assert_allclose(J[rows, i, 6], focal[i].ravel(), rtol=1e-10, atol=1e-13)
        assert not np.any(np.delete(J[rows], i, axis=1)), "a camera moves what others see"
    print(f"Jacobian {J.shape[0]}×{J[0].size}, columns of the focal lengths as in closed form")
    for step in range(4):
        r = residuals(cameras, points, observed)
        print(f"step {step}: root mean square error {np.sqrt(np.mean(r**2)):.4f} pixels")
        J = jacobian(cameras, points, observed).reshape(r.size, -1)
        cameras = cameras - np.linalg.lstsq(J, r)[0].reshape(cameras.shape)
    assert np.sqrt(np.mean(r**2)) < 0.25


if __name__ == "__main__":
    main()
