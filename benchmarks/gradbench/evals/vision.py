"""Geometry of images: ba, bundle adjustment, and ht, hand tracking."""

from typing import Any

import numpy as np

from benchmarks.gradbench.engines import Engine
from benchmarks.gradbench.evals.eval import Eval, floats, plain, primal

__all__ = ["BA", "HT"]

#: Parameters of a camera: rotation 3, centre 3, focal length, principal point 2, distortion 2.
_CAMERA = 11


def rotated(angles: Any, points: Any) -> Any:
    """Return points rotated by angles about axes (Rodrigues), row by row."""
    square = np.sum(angles**2, axis=1)[:, None]
    turned = square > 0
    angle = np.sqrt(np.where(turned, square, 1.0))
    axis = angles / angle
    along = np.sum(axis * points, axis=1)[:, None] * (1 - np.cos(angle))
    around = points * np.cos(angle) + np.cross(axis, points) * np.sin(angle) + axis * along
    return np.where(turned, around, points + np.cross(angles, points))


def reprojection(cameras: Any, points: Any, weights: Any, features: Any) -> Any:
    """Return the weighted errors of points seen by cameras: (observations, 2)."""
    seen = rotated(cameras[:, :3], points - cameras[:, 3:6])
    flat = seen[:, :2] / seen[:, 2:]
    r = np.sum(flat**2, axis=1)[:, None]
    distorted = flat * (1 + cameras[:, 9:10] * r + cameras[:, 10:] * r**2)
    projected = distorted * cameras[:, 6:7] + cameras[:, 7:9]
    return weights[:, None] * (projected - features)


def weight_errors(weights: Any) -> Any:
    """Return the terms that keep weights at 1."""
    return 1 - weights**2


def _read_cameras(message: Any) -> tuple[Any, ...]:
    n, m, p = message["n"], message["m"], message["p"]
    camera, point = np.arange(p) % n, np.arange(p) % m
    cameras = np.tile(floats(message["cam"]), (n, 1))
    points = np.tile(floats(message["x"]), (m, 1))
    features = np.tile(floats(message["feat"]), (p, 1))
    return cameras, points, np.full(p, float(message["w"])), features, camera, point


def _errors(
    cameras: Any, points: Any, weights: Any, features: Any, camera: Any, point: Any
) -> dict[str, Any]:
    errors = reprojection(cameras[camera], points[point], weights, features)
    return {"reprojection": errors, "weights": weight_errors(weights)}


def _written_errors(errors: dict[str, Any]) -> Any:
    count = len(errors["weights"])
    return {
        "reproj_error": {"elements": plain(errors["reprojection"][0]), "repeated": count},
        "w_err": {"element": float(errors["weights"][0]), "repeated": count},
    }


def _blocks(engine: Engine) -> Any:
    """Return the function of the sparse Jacobian.

    Observations share nothing but their inputs, so the gradient of a sum over them has the rows
    of each: one for each coordinate, and one for the weights.
    """
    slopes = [
        engine.compiled(
            engine.gradient(
                lambda c, x, w, f, axis=axis: np.sum(reprojection(c, x, w, f)[:, axis]), (0, 1, 2)
            )
        )
        for axis in (0, 1)
    ]
    slope = engine.compiled(engine.gradient(lambda w: np.sum(weight_errors(w)), 0))

    def jacobian(
        cameras: Any, points: Any, weights: Any, features: Any, camera: Any, point: Any
    ) -> dict[str, Any]:
        n, m, p = len(cameras), len(points), len(weights)
        gathered = cameras[camera], points[point], weights, features
        values = np.empty((p, 2, _CAMERA + 4))
        columns = np.empty(values.shape, int)
        for axis, gradient in enumerate(slopes):
            by_camera, by_point, by_weight = gradient(*gathered)
            values[:, axis] = np.column_stack([by_camera, by_point, by_weight])
        columns[:, :, :_CAMERA] = _CAMERA * camera[:, None, None] + np.arange(_CAMERA)
        columns[:, :, _CAMERA:-1] = _CAMERA * n + 3 * point[:, None, None] + np.arange(3)
        columns[:, :, -1] = _CAMERA * n + 3 * m + np.arange(p)[:, None]
        starts = np.concatenate(
            [np.arange(2 * p + 1) * (_CAMERA + 4), 2 * p * (_CAMERA + 4) + np.arange(1, p + 1)]
        )
        return {
            "rows": starts,
            "cols": np.append(columns, columns[:, 0, -1]),
            "vals": np.append(values, slope(weights)),
        }

    return jacobian


def _written_bundle(result: dict[str, Any]) -> Any:
    if "reprojection" in result:
        return _written_errors(result)
    return {name: plain([*part[:30], part[-1]]) for name, part in result.items()}


def _about_axis(angles: Any) -> Any:
    """Return the matrix of a rotation about an axis, by its angle."""
    angle = np.linalg.norm(angles)
    if angle < 1e-4:
        return np.eye(3)
    x, y, z = angles / angle
    cross = np.array([[0 * x, -z, y], [z, 0 * x, -x], [-y, x, 0 * x]])
    axis = np.array([x, y, z])
    sine, cosine = np.sin(angle), np.cos(angle)
    return cosine * np.eye(3) + sine * cross + (1 - cosine) * np.outer(axis, axis)


def _joints(theta: Any, bones: int) -> Any:
    """Return the rotation of each bone, (bones, 4, 4): fingers bend, and spread at their first."""
    bends = 2 + np.arange(5)[:, None] * 4 + np.arange(3)
    fingers = theta[6:].reshape(5, 4)
    bend, spread = np.zeros(bones), np.zeros(bones)
    bend[bends] = fingers[:, [0, 2, 3]]
    spread[bends[:, 0]] = fingers[:, 1]
    turned = np.zeros((2, bones, 4, 4))
    turned[:] = np.eye(4)
    for matrix, angle, i, j in ((turned[0], spread, 0, 1), (turned[1], bend, 1, 2)):
        matrix[:, i, i] = matrix[:, j, j] = np.cos(angle)
        matrix[:, j, i] = np.sin(angle)
        matrix[:, i, j] = -np.sin(angle)
    return turned[0] @ turned[1]


def vertices(theta: Any, model: Any) -> Any:
    """Return the vertices of a hand, (vertices, 3), skinned by bones that are posed."""
    joints = _joints(theta, len(model["parents"]))
    return skinned(joints, _about_axis(theta[:3]), theta[3:6], model)


def skinned(joints: Any, rotation: Any, moved: Any, model: Any) -> Any:
    """Return the vertices of a hand whose bones and whose whole are rotated and moved."""
    relatives = model["base_relatives"] @ joints
    absolutes: list[Any] = []
    for relative, parent in zip(relatives, model["parents"], strict=True):
        absolutes.append(relative if parent < 0 else absolutes[parent] @ relative)
    moves = (np.stack(absolutes) @ model["inverse_base_absolutes"])[:, :3]
    blended = np.tensordot(model["weights"], moves, axes=1)
    placed = np.sum(blended * model["base_positions"][:, None], axis=2)
    if model["is_mirrored"]:
        placed = placed * np.array([-1.0, 1.0, 1.0])
    return placed @ rotation.T + moved


def distances(theta: Any, us: Any, data: Any) -> Any:
    """Return how far points are from those of a hand that they stand for, in a row."""
    return distances_from(vertices(theta, data), us, data)


def distances_from(found: Any, us: Any, data: Any) -> Any:
    """Return how far points are from those that they stand for among vertices, in a row."""
    if len(us):
        corners = found[data["triangles"][data["correspondences"]]]
        weights = np.concatenate([us, 1 - np.sum(us, axis=1, keepdims=True)], axis=1)
        on_hand = np.sum(weights[:, :, None] * corners, axis=1)
    else:
        on_hand = found[data["correspondences"]]
    return np.ravel(data["points"] - on_hand)


def _read_hand(message: Any) -> tuple[Any, ...]:
    data, model = message["data"], message["data"]["model"]
    arrays = ("base_relatives", "inverse_base_absolutes", "base_positions", "weights")
    hand: dict[str, Any] = {name: floats(model[name]) for name in arrays}
    hand["parents"] = [int(parent) for parent in model["parents"]]
    hand["triangles"] = np.asarray(model["triangles"], int).reshape(-1, 3)
    hand["is_mirrored"] = bool(model["is_mirrored"])
    hand["correspondences"] = np.asarray(data["correspondences"], int)
    hand["points"] = floats(data["points"]).reshape(-1, 3)
    return floats(message["theta"]), floats(message["us"]).reshape(-1, 2), hand


def _hand_jacobian(engine: Engine) -> Any:
    """Return the Jacobian as a function: columns of `us`, apart by rows, and `theta`."""

    def jacobian(theta: Any, us: Any, data: Any) -> Any:
        by_theta = engine.jacobian(lambda t: distances(t, us, data), 0)(theta)
        if not len(us):
            return by_theta
        by_us = []
        for direction in np.eye(2):
            seed = np.ones((len(us), 1)) * direction
            by_us.append(engine.along(lambda u: distances(theta, u, data), (us,), (seed,))[1])
        return np.column_stack([*by_us, by_theta])

    return engine.compiled(jacobian)


BA = Eval(_read_cameras, {"objective": primal(_errors), "jacobian": _blocks}, _written_bundle)
HT = Eval(_read_hand, {"objective": primal(distances), "jacobian": _hand_jacobian})
