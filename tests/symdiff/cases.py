"""Functions that people write, each with the shapes of its arguments: every strategy derives them.

Those in `WHOLE` only ``strategy="matrix"`` does.
"""

import numpy as np
import scipy.fft
import scipy.integrate
import scipy.linalg as sl
import scipy.ndimage
import scipy.optimize
import scipy.signal
import scipy.spatial.distance as sd
import scipy.special as sp
import scipy.stats


def definite(A):
    return A @ A.T + np.eye(A.shape[0]) * 3


windows = np.lib.stride_tricks.sliding_window_view


def sorted_in_place(x):
    y = x * 1.0
    y.sort()
    np.cumsum(y, out=y)
    return np.sum(y * np.arange(4))


CASES = {
    "hyperbolic": (
        lambda x: np.sum(
            np.cosh(x) + 1 / np.cosh(x) + 1 / np.sinh(x) + np.log(np.cosh(x)) + x / (np.exp(x) - 1)
        ),
        {"x": (4,)},
    ),
    "in place": (sorted_in_place, {"x": (4,)}),
    "methods": (
        lambda x: np.sum(x.take([0, 2]) ** 2) + np.sum(x.round() * x.cumprod()),
        {"x": (4,)},
    ),
    "nanmean": (lambda x: np.nanmean(x**2) + np.sum(np.cumulative_sum(x) ** 2), {"x": (4,)}),
    "cumulative": (lambda x: np.sum(np.cumulative_prod(x) * np.arange(4)), {"x": (4,)}),
    "insert": (
        lambda x: np.sum(np.insert(x, 1, 2.0) ** 3) + np.sum(np.insert(x, 0, x[:2]) ** 2),
        {"x": (4,)},
    ),
    "compress": (
        lambda x: (
            np.sum(np.compress([1, 0, 1, 0], x) ** 2) * np.extract([True, False, True, True], x)[1]
        ),
        {"x": (4,)},
    ),
    "meshgrid": (
        lambda x, y: np.sum(np.meshgrid(x, y)[0] ** 2 * np.meshgrid(x, y)[1]),
        {"x": (3,), "y": (2,)},
    ),
    "prod": (lambda x: np.prod(x), {"x": (4,)}),
    "prod axis": (lambda X: np.sum(np.prod(X, axis=1) ** 2), {"X": (3, 4)}),
    "cumsum": (lambda x: np.sum(np.cumsum(x) ** 2), {"x": (4,)}),
    "cumsum axis": (lambda X: np.sum(np.cumsum(X, axis=0) ** 3), {"X": (3, 4)}),
    "cumprod": (lambda x: np.sum(np.cumprod(x) ** 2), {"x": (4,)}),
    "tensordot": (lambda A, B: np.sum(np.tensordot(A, B, axes=1) ** 2), {"A": (2, 3), "B": (3, 2)}),
    "tensordot2": (lambda A, B: np.tensordot(A, B), {"A": (2, 3), "B": (2, 3)}),
    "tensordot pairs": (
        lambda A, B: np.sum(np.tensordot(A, B, axes=([0], [1])) ** 2),
        {"A": (2, 3), "B": (3, 2)},
    ),
    "roll": (lambda x: np.sum(x * np.roll(x, 1)), {"x": (4,)}),
    "roll axis": (lambda x: np.sum(x**2 * np.roll(x, -1, axis=1)), {"x": (3, 4)}),
    "diff": (lambda x: np.sum(np.diff(x) ** 2), {"x": (4,)}),
    "diff2": (lambda x: np.sum(np.diff(x, n=2) ** 2), {"x": (5,)}),
    "tile": (lambda x: np.sum(np.tile(x, 3) ** 2 * np.arange(12)), {"x": (4,)}),
    "tile2": (lambda x: np.sum(np.tile(x, (2, 1)) ** 2), {"x": (4,)}),
    "repeat": (lambda x: np.sum(np.repeat(x, 2) ** 2 * np.arange(8)), {"x": (4,)}),
    "repeat axis": (lambda x: np.sum(np.repeat(x, 2, axis=0) ** 2), {"x": (3, 2)}),
    "kron": (lambda A, B: np.sum(np.kron(A, B) ** 2), {"A": (2, 2), "B": (2, 3)}),
    "kron vec": (lambda a, b: np.sum(np.kron(a, b) ** 3), {"a": (2,), "b": (3,)}),
    "hypot": (lambda x, y: np.sum(np.hypot(x, y)), {"x": (3,), "y": (3,)}),
    "arctan2": (lambda x, y: np.sum(np.arctan2(x, y)), {"x": (3,), "y": (3,)}),
    "matrix_power -1": (
        lambda A: np.trace(np.linalg.matrix_power(definite(A), -1)),
        {"A": (3, 3)},
    ),
    "matrix_power -2": (
        lambda A: np.trace(np.linalg.matrix_power(definite(A), -2)),
        {"A": (3, 3)},
    ),
    "matrix_power 0": (
        lambda A: np.trace(A @ np.linalg.matrix_power(definite(A), 0)),
        {"A": (3, 3)},
    ),
    "matrix_power 3": (lambda A: np.trace(np.linalg.matrix_power(A, 3)), {"A": (3, 3)}),
    "convolve": (lambda x, k: np.sum(np.convolve(x, k) ** 2), {"x": (5,), "k": (3,)}),
    "convolve same": (lambda x, k: np.sum(np.convolve(x, k, "same") ** 2), {"x": (5,), "k": (3,)}),
    "convolve valid": (
        lambda x, k: np.sum(np.convolve(x, k, mode="valid") ** 2),
        {"x": (5,), "k": (3,)},
    ),
    "correlate": (lambda x, k: np.sum(np.correlate(x, k, "valid") ** 2), {"x": (5,), "k": (3,)}),
    "windows": (lambda x, k: np.sum((windows(x, 3) @ k) ** 2), {"x": (6,), "k": (3,)}),
    "windows2": (
        lambda x, k: np.sum(np.einsum("ijab,ab->ij", windows(x, (2, 2)), k) ** 2),
        {"x": (4, 4), "k": (2, 2)},
    ),
    "windows axis": (
        lambda x, k: np.sum((windows(x, 2, axis=0) @ k) ** 2),
        {"x": (4, 2), "k": (2,)},
    ),
    "sort": (lambda x: np.sum(np.sort(x) * np.arange(5)), {"x": (5,)}),
    "sort axis": (lambda x: np.sum(np.sort(x, axis=0)[0] ** 2), {"x": (3, 2)}),
    "median": (lambda x: np.median(x) ** 2, {"x": (5,)}),
    "median even": (lambda x: np.median(x) ** 2, {"x": (4,)}),
    "median axis": (lambda x: np.sum(np.median(x, axis=1) ** 2), {"x": (2, 4)}),
    "quantile": (lambda x: np.quantile(x, 0.3) ** 2, {"x": (5,)}),
    "percentile": (lambda x: np.percentile(x, 30) ** 2, {"x": (5,)}),
    "max": (lambda x: np.max(x) ** 2, {"x": (4,)}),
    "max axis": (lambda x: np.sum(np.max(x, axis=1) ** 2), {"x": (2, 4)}),
    "ptp": (lambda x: np.ptp(x) ** 2, {"x": (4,)}),
    "select": (lambda x: np.sum(np.select([x > 1, x > 0], [x**2, x], -x)), {"x": (5,)}),
    "piecewise": (
        lambda x: np.sum(np.piecewise(x, [x < 0, x >= 0], [lambda t: -t, lambda t: t**2])),
        {"x": (5,)},
    ),
    "piecewise else": (
        lambda x: np.sum(np.piecewise(x, [x < 0], [lambda t: -t, lambda t: t**2])),
        {"x": (5,)},
    ),
    "heaviside": (lambda x: np.sum(x * np.heaviside(x, 0.5)), {"x": (5,)}),
    "eigvalsh": (lambda A: np.sum(np.linalg.eigvalsh(A @ A.T) ** 2), {"A": (3, 3)}),
    "eigvalsh log": (lambda A: np.sum(np.log(np.linalg.eigvalsh(definite(A)))), {"A": (3, 3)}),
    "eigvalsh max": (lambda A: np.linalg.eigvalsh(A @ A.T)[-1], {"A": (3, 3)}),
    "eigh": (lambda A: np.sum(np.linalg.eigh(A @ A.T)[0] ** 2), {"A": (3, 3)}),
    "eigh vec": (
        lambda A: (lambda w, v: (v[:, -1] @ np.arange(3.0)) ** 2)(*np.linalg.eigh(A @ A.T)),
        {"A": (3, 3)},
    ),
    "svd values": (lambda A: np.sum(np.log(np.linalg.svd(A, compute_uv=False))), {"A": (3, 4)}),
    "svdvals": (lambda A: np.sum(np.linalg.svdvals(A)), {"A": (3, 4)}),
    "nuclear": (lambda A: np.linalg.norm(A, "nuc"), {"A": (3, 4)}),
    "spectral": (lambda A: np.linalg.norm(A, 2), {"A": (3, 4)}),
    "norm -2": (lambda A: np.linalg.norm(A, -2), {"A": (3, 3)}),
    "norm 1": (lambda x: np.linalg.norm(x, 1), {"x": (3,)}),
    "norm inf": (lambda x: np.linalg.norm(x, np.inf), {"x": (3,)}),
    "norm -inf": (lambda x: np.linalg.norm(x, -np.inf), {"x": (3,)}),
    "norm 3": (lambda x: np.linalg.norm(x, 3), {"x": (3,)}),
    "norm 1 mat": (lambda x: np.linalg.norm(x, 1), {"x": (3, 4)}),
    "norm inf mat": (lambda x: np.linalg.norm(x, np.inf), {"x": (3, 4)}),
    "norm 1 axis": (lambda x: np.sum(np.linalg.norm(x, 1, axis=1) ** 2), {"x": (3, 4)}),
    "cond": (lambda A: np.linalg.cond(A), {"A": (3, 3)}),
    "pinv": (lambda A, b: np.sum((np.linalg.pinv(A) @ b) ** 2), {"A": (4, 3), "b": (4,)}),
    "pinv wide": (lambda A: np.sum(np.linalg.pinv(A) ** 2), {"A": (2, 3)}),
    "lstsq": (lambda A, b: np.sum(np.linalg.lstsq(A, b)[0] ** 2), {"A": (4, 3), "b": (4,)}),
    "lstsq rcond": (
        lambda A, b: np.sum(np.linalg.lstsq(A, b, rcond=None)[0] ** 2),
        {"A": (4, 3), "b": (4,)},
    ),
    "qr r": (
        lambda A: np.sum(np.linalg.qr(A)[1] ** 2 * np.arange(9).reshape(3, 3)),
        {"A": (4, 3)},
    ),
    "qr q": (lambda A: np.sum(np.linalg.qr(A)[0] ** 3), {"A": (4, 3)}),
    "qr mode r": (
        lambda A: np.sum(np.log(np.abs(np.diag(np.linalg.qr(A, mode="r"))))),
        {"A": (3, 3)},
    ),
    "log det": (lambda A: np.log(np.linalg.det(definite(A))), {"A": (3, 3)}),
    "slogdet": (lambda A: np.linalg.slogdet(definite(A))[1], {"A": (3, 3)}),
    "slogdet attr": (lambda A: np.linalg.slogdet(definite(A)).logabsdet, {"A": (3, 3)}),
    "log abs det": (lambda A: np.log(np.abs(np.linalg.det(A))), {"A": (3, 3)}),
    "logdet chol": (
        lambda A: 2 * np.sum(np.log(np.diag(np.linalg.cholesky(definite(A))))),
        {"A": (3, 3)},
    ),
    "expm": (lambda A: np.trace(sl.expm(A) @ A), {"A": (3, 3)}),
    "sl.inv": (lambda A: np.sum(sl.inv(definite(A)) ** 2), {"A": (3, 3)}),
    "sl.det": (lambda A: sl.det(definite(A)), {"A": (3, 3)}),
    "sl.solve": (lambda A, b: np.sum(sl.solve(definite(A), b) ** 2), {"A": (3, 3), "b": (3,)}),
    "sl.cholesky": (lambda A: np.sum(sl.cholesky(definite(A), lower=True) ** 3), {"A": (3, 3)}),
    "sl.solve_triangular": (
        lambda A, b: np.sum(sl.solve_triangular(definite(A), b, lower=True) ** 2),
        {"A": (3, 3), "b": (3,)},
    ),
    "sl.cho_solve": (
        lambda A, b: b @ sl.cho_solve(sl.cho_factor(definite(A)), b),
        {"A": (3, 3), "b": (3,)},
    ),
    "sl.block_diag": (lambda A, B: np.sum(sl.block_diag(A, B) ** 2), {"A": (2, 2), "B": (1, 2)}),
    "sl.norm": (lambda A: sl.norm(A), {"A": (2, 2)}),
    "sl.toeplitz": (lambda x: np.sum(sl.toeplitz(x) ** 2), {"x": (3,)}),
    "signal.convolve": (
        lambda x, k: np.sum(
            scipy.signal.convolve(x, k, "same") * scipy.signal.fftconvolve(k, x, "same")[:1]
        ),
        {"x": (5,), "k": (3,)},
    ),
    "det": (lambda A: np.linalg.det(A), {"A": (3, 3)}),
    "det 4": (lambda A: np.linalg.det(A), {"A": (4, 4)}),
    "inv": (lambda A: np.sum(np.linalg.inv(definite(A)) ** 2), {"A": (3, 3)}),
    "solve": (lambda A, b: np.sum(np.linalg.solve(definite(A), b) ** 2), {"A": (3, 3), "b": (3,)}),
    "solve mat": (
        lambda A, b: np.sum(np.linalg.solve(definite(A), b) ** 2),
        {"A": (3, 3), "b": (3, 2)},
    ),
    "cholesky": (lambda A: np.sum(np.linalg.cholesky(definite(A)) ** 3), {"A": (3, 3)}),
    "cross": (lambda a, b: np.sum(np.cross(a, b) ** 3), {"a": (3,), "b": (3,)}),
    "cross rows": (lambda a, b: np.sum(np.cross(a, b) ** 2), {"a": (2, 3), "b": (2, 3)}),
    "linalg.cross": (lambda a, b: np.sum(np.linalg.cross(a, b) ** 2), {"a": (3,), "b": (3,)}),
    "cov": (lambda X: np.sum(np.cov(X) ** 2), {"X": (2, 4)}),
    "cov rowvar": (lambda X: np.sum(np.cov(X, rowvar=False) ** 2), {"X": (4, 2)}),
    "cov T": (lambda X: np.linalg.slogdet(np.cov(X.T) + np.eye(2))[1], {"X": (4, 2)}),
    "corrcoef": (lambda X: np.corrcoef(X)[0, 1], {"X": (2, 5)}),
    "average w": (lambda x: np.average(x**2, weights=np.arange(1.0, 5)), {"x": (4,)}),
    "erf": (lambda x: np.sum(sp.erf(x)), {"x": (3,)}),
    "erfc": (lambda x: np.sum(sp.erfc(x)), {"x": (3,)}),
    "erfcx": (lambda x: np.sum(sp.erfcx(x)), {"x": (3,)}),
    "erfinv": (lambda x: np.sum(sp.erfinv(0.3 * np.tanh(x))), {"x": (3,)}),
    "ndtr": (lambda x: np.sum(sp.ndtr(x)), {"x": (3,)}),
    "log_ndtr": (lambda x: np.sum(sp.log_ndtr(x)), {"x": (3,)}),
    "ndtri": (lambda x: np.sum(sp.ndtri(sp.expit(x))), {"x": (3,)}),
    "gammaln": (lambda x: np.sum(sp.gammaln(x**2 + 1)), {"x": (3,)}),
    "loggamma": (lambda x: np.sum(sp.loggamma(x**2 + 1)), {"x": (3,)}),
    "gamma": (lambda x: np.sum(sp.gamma(x**2 + 1)), {"x": (3,)}),
    "digamma": (lambda x: np.sum(sp.digamma(x**2 + 1)), {"x": (3,)}),
    "psi": (lambda x: np.sum(sp.psi(x**2 + 1)), {"x": (3,)}),
    "polygamma": (lambda x: np.sum(sp.polygamma(1, x**2 + 1)), {"x": (3,)}),
    "betaln": (lambda x: np.sum(sp.betaln(x**2 + 1, 2.5)), {"x": (3,)}),
    "beta": (lambda x: np.sum(sp.beta(x**2 + 1, 2.5)), {"x": (3,)}),
    "expit": (lambda x: np.sum(sp.expit(x)), {"x": (3,)}),
    "logit": (lambda x: np.sum(sp.logit(sp.expit(x) ** 2)), {"x": (3,)}),
    "log_expit": (lambda x: np.sum(sp.log_expit(x)), {"x": (3,)}),
    "xlogy": (lambda x: np.sum(sp.xlogy(x, x**2 + 1)), {"x": (3,)}),
    "xlog1py": (lambda x: np.sum(sp.xlog1py(x, x**2 + 1)), {"x": (3,)}),
    "entr": (lambda x: np.sum(sp.entr(x**2)), {"x": (3,)}),
    "rel_entr": (lambda x: np.sum(sp.rel_entr(x**2, np.ones(3))), {"x": (3,)}),
    "kl_div": (lambda x: np.sum(sp.kl_div(x**2, np.ones(3))), {"x": (3,)}),
    "huber": (lambda x: np.sum(sp.huber(0.5, x)), {"x": (3,)}),
    "j0": (lambda x: np.sum(sp.j0(x)), {"x": (3,)}),
    "j1": (lambda x: np.sum(sp.j1(x)), {"x": (3,)}),
    "jv": (lambda x: np.sum(sp.jv(2, x)), {"x": (3,)}),
    "jn": (lambda x: np.sum(sp.jn(2, x)), {"x": (3,)}),
    "y0": (lambda x: np.sum(sp.y0(x**2 + 1)), {"x": (3,)}),
    "i0": (lambda x: np.sum(sp.i0(x)), {"x": (3,)}),
    "i0e": (lambda x: np.sum(sp.i0e(x)), {"x": (3,)}),
    "i1": (lambda x: np.sum(sp.i1(x)), {"x": (3,)}),
    "iv": (lambda x: np.sum(sp.iv(1.5, x**2 + 1)), {"x": (3,)}),
    "k0": (lambda x: np.sum(sp.k0(x**2 + 1)), {"x": (3,)}),
    "kv": (lambda x: np.sum(sp.kv(1, x**2 + 1)), {"x": (3,)}),
    "logsumexp": (lambda x: sp.logsumexp(x) ** 2, {"x": (3,)}),
    "softmax": (lambda x: np.sum(sp.softmax(x) ** 2), {"x": (3,)}),
    "log_softmax": (lambda x: np.sum(sp.log_softmax(x) ** 2), {"x": (3,)}),
    "softplus": (lambda x: np.sum(sp.softplus(x)), {"x": (3,)}),
    "sinc": (lambda x: np.sum(np.sinc(x)), {"x": (3,)}),
    "deg2rad": (lambda x: np.sum(np.sin(np.deg2rad(x))), {"x": (3,)}),
    "square": (lambda x: np.sum(np.square(x)), {"x": (3,)}),
    "trapezoid": (lambda x: np.trapezoid(x**2, dx=0.1), {"x": (5,)}),
    "interp": (lambda x: np.sum(np.interp(x, [-3.0, 0, 3], [1.0, 2, 5])), {"x": (3,)}),
    "polyval": (lambda p: np.polyval(p, 2.0) ** 2, {"p": (3,)}),
    "polyval x": (lambda x: np.sum(np.polyval([1.0, 2, 3], x)), {"x": (3,)}),
    "vander": (lambda x: np.sum(np.vander(x, 3) ** 2), {"x": (3,)}),
    "gradient": (lambda x: np.sum(np.gradient(x) ** 2), {"x": (5,)}),
    "ediff1d": (lambda x: np.sum(np.ediff1d(x) ** 2), {"x": (5,)}),
    "flip": (lambda x: np.sum(x * np.flip(x)), {"x": (5,)}),
    "x[::-1]": (lambda x: np.sum(x * x[::-1]), {"x": (5,)}),
    "nansum": (lambda x: np.nansum(x**2), {"x": (5,)}),
    "pad": (lambda x: np.sum(np.pad(x, 1) ** 2), {"x": (5,)}),
    "mod": (lambda x: np.sum(x * np.mod(x, 3.0)), {"x": (5,)}),
    "floor": (lambda x: np.sum(x * np.floor(x)), {"x": (5,)}),
    "round": (lambda x: np.sum(x * np.round(x)), {"x": (5,)}),
    "clip": (lambda x: np.sum(np.clip(x, -1, 1) ** 2), {"x": (5,)}),
    "nan_to_num": (lambda x: np.sum(np.nan_to_num(x) ** 2), {"x": (5,)}),
    "take": (lambda x: np.sum(np.take(x, [0, 2, 2]) ** 2), {"x": (5,)}),
    "block": (lambda A, B: np.sum(np.block([[A, B], [B, A]]) ** 2), {"A": (2, 2), "B": (2, 2)}),
    "append": (lambda x: np.sum(np.append(x, 1.0) ** 2), {"x": (5,)}),
    "dstack": (lambda x, y: np.sum(np.dstack([x, y]) ** 2), {"x": (5,), "y": (5,)}),
    "atleast_2d": (lambda x: np.sum(np.atleast_2d(x) ** 2), {"x": (5,)}),
    "outer": (lambda x, y: np.sum(np.outer(x, y) ** 3), {"x": (3,), "y": (2,)}),
    "subtract.outer": (lambda x: np.sum(np.exp(-(np.subtract.outer(x, x) ** 2))), {"x": (3,)}),
    "where": (lambda x: np.sum(np.where(x > 0, x**2, -x)), {"x": (5,)}),
    "logaddexp.reduce": (lambda x: np.logaddexp.reduce(x), {"x": (5,)}),
    "maximum.reduce": (lambda x: np.maximum.reduce(x) ** 2, {"x": (5,)}),
    "multiply.reduce": (lambda x: np.multiply.reduce(x), {"x": (5,)}),
    "add.accumulate": (lambda x: np.sum(np.add.accumulate(x) ** 2), {"x": (5,)}),
    "minimum.accumulate": (lambda x: np.sum(np.minimum.accumulate(x) ** 2), {"x": (5,)}),
    "stack det": (lambda A: np.sum(np.linalg.det(A)), {"A": (2, 3, 3)}),
    "tri": (lambda A: np.sum(np.tril(A) ** 2), {"A": (3, 3)}),
    "einsum": (lambda A, B: np.sum(np.einsum("ij,jk", A, B) ** 2), {"A": (2, 3), "B": (3, 2)}),
    "fmax": (lambda x: np.sum(np.fmax(x, 0.1) ** 2), {"x": (5,)}),
    "count_nonzero": (lambda x: np.sum(x) * np.count_nonzero(x > 0), {"x": (5,)}),
    "linalg.vector_norm": (lambda x: np.linalg.vector_norm(x, ord=3), {"x": (5,)}),
    "matrix_norm": (lambda x: np.linalg.matrix_norm(x), {"x": (3, 3)}),
    "triu_indices": (lambda A: np.sum(A[np.triu_indices(3)] ** 2), {"A": (3, 3)}),
    "delete": (lambda x: np.sum(np.delete(x, 1) ** 2), {"x": (4,)}),
    "atleast": (
        lambda x: np.sum(np.atleast_1d(x[0]) ** 2) + np.sum(np.atleast_3d(x) ** 3),
        {"x": (4,)},
    ),
    "array_split": (
        lambda x: np.sum(np.array_split(x, 3)[1] ** 2) + np.sum(np.hsplit(x, 2)[0]),
        {"x": (4,)},
    ),
    "vsplit": (
        lambda X: np.sum(np.vsplit(X, 2)[1] ** 2) + np.sum(np.unstack(X)[0]),
        {"X": (4, 2)},
    ),
    "rot90": (
        lambda X: (
            np.sum(np.rot90(X) * np.arange(4.0).reshape(2, 2)) + np.sum(np.fliplr(X) * np.flipud(X))
        ),
        {"X": (2, 2)},
    ),
    "diagflat": (lambda x: np.sum(np.diagflat(x) ** 2), {"x": (4,)}),
    "broadcast_arrays": (
        lambda x: np.sum(np.broadcast_arrays(x, np.ones((2, 4)))[0] ** 2),
        {"x": (4,)},
    ),
    "multi_dot": (
        lambda A, B: np.sum(np.linalg.multi_dot([A, B, A]) ** 2),
        {"A": (2, 3), "B": (3, 2)},
    ),
    "array api": (
        lambda A, B: (
            np.sum(np.linalg.matmul(A, B) ** 2)
            + np.sum(np.linalg.outer(A[0], B[0]))
            + np.sum(np.linalg.vecdot(A, A))
            + np.sum(np.linalg.diagonal(A @ B))
            + np.sum(np.linalg.matrix_transpose(A))
            + np.sum(np.permute_dims(A, (1, 0)) ** 2)
            + np.sum(np.linalg.tensordot(A, B, axes=1))
        ),
        {"A": (2, 3), "B": (3, 2)},
    ),
    "around": (lambda x: np.sum(x * np.around(x, 1)), {"x": (4,)}),
    "isnan": (
        lambda x: np.sum(np.where(np.isnan(x) | np.isinf(x), 0, x**2) * np.isfinite(x)),
        {"x": (4,)},
    ),
    "ceil trunc": (
        lambda x: np.sum(x * np.ceil(x) + x * np.trunc(x) + x * (x // 3.0)),
        {"x": (4,)},
    ),
    "exp2": (
        lambda x: np.sum(
            np.exp2(x) + np.rad2deg(x) + np.fmin(x, 0.1) + np.log2(x**2 + 1) * np.log10(x**2 + 2)
        ),
        {"x": (4,)},
    ),
    "maximum.outer": (lambda x: np.sum(np.maximum.outer(x, x**2)), {"x": (4,)}),
    "multigammaln": (lambda x: sp.multigammaln(x[0] ** 2 + 3, 2), {"x": (4,)}),
    "stats.norm": (
        lambda x: np.sum(
            scipy.stats.norm.logpdf(x, 0.5, 2.0) * scipy.stats.norm.pdf(x)
            + scipy.stats.norm.cdf(x, 1) * scipy.stats.norm.logcdf(x)
            + scipy.stats.norm.sf(x) * scipy.stats.norm.logsf(x)
            + scipy.stats.norm.ppf(sp.expit(x))
        ),
        {"x": (4,)},
    ),
    "sl.eigh": (
        lambda A: (
            np.sum(sl.eigvalsh(definite(A)) ** 2)
            + sl.eigh(definite(A))[0][0]
            + np.sum(sl.svdvals(A))
        ),
        {"A": (3, 3)},
    ),
    "sl.svd qr": (
        lambda A: (
            sl.svd(A)[1][0]
            + sl.qr(A)[1][0, 0]
            + np.sum(sl.pinv(A) ** 2)
            + np.sum(sl.lstsq(A, A[0])[0])
        ),
        {"A": (3, 3)},
    ),
    "trapezoid x": (
        lambda x, y: np.trapezoid(y, np.cumsum(x**2)) + scipy.integrate.trapezoid(y, dx=0.5),
        {"x": (4,), "y": (4,)},
    ),
    "y1 i1e k1": (
        lambda x: np.sum(
            sp.y1(x**2 + 1) + sp.i1e(x) + sp.k1(x**2 + 1) + sp.yv(2, x**2 + 1) + sp.ive(2, x**2 + 1)
        ),
        {"x": (3,)},
    ),
    "correlate short": (
        lambda x, k: np.sum(np.correlate(k, x, "full") * np.arange(7.0)),
        {"x": (5,), "k": (3,)},
    ),
    "quantiles": (
        lambda x: (
            np.sum(np.quantile(x, [0.1, 0.5, 0.8], axis=0) ** 2)
            + np.sum(np.median(x, axis=0, keepdims=True) * x)
        ),
        {"x": (5, 2)},
    ),
    "kron mixed": (lambda A, b: np.sum(np.kron(A, b) ** 3), {"A": (2, 2), "b": (3,)}),
    "diff ends": (lambda x: np.sum(np.diff(x, prepend=0.0, append=x[:1]) ** 2), {"x": (4,)}),
    "heaviside half": (
        lambda x, h: np.sum(np.heaviside(x, h) * h) + np.sum(np.heaviside(0.0 * x, h) * x),
        {"x": (3,), "h": (3,)},
    ),
    "two rows": (
        lambda A, B: (
            np.linalg.eigvalsh(A)[0]
            + np.sum(np.linalg.eigvalsh(A, UPLO="U") ** 2)
            + np.sum(np.linalg.svdvals(A) * np.arange(2.0))
            + np.sum(np.linalg.svdvals(B) * np.arange(2.0))
            + np.linalg.norm(B.T, "nuc")
            + np.linalg.cond(A)
            + np.linalg.svdvals(B[:1])[0]
            + np.sum(sl.expm(A) ** 2)
            + np.trace(sl.expm(A - A.T))
            + sl.expm(A[:1, :1])[0, 0]
        ),
        {"A": (2, 2), "B": (2, 3)},
    ),
    "parts": (
        lambda x: (
            np.sum(np.copysign(x, x[::-1]) * np.fmod(x, 0.7))
            + np.sum(divmod(x, 0.7)[1] * divmod(3.0, x)[0])
            + np.sum(np.modf(3 * x)[0] * np.modf(3 * x)[1] + np.conj(x) ** 2)
            + np.logaddexp2(x[0], x[1])
            + np.sum(np.linspace(x[0], x, 3) ** 2)
            + np.linspace(0.0, x[1], 4, endpoint=False, retstep=True)[1] ** 2
            + np.sum(np.real(x))
        ),
        {"x": (4,)},
    ),
    "nan": (
        lambda x: (
            np.nanmax(x) * np.nanmin(x)
            + np.nanvar(np.where(x > 0, x, np.nan), ddof=0)
            + np.nanstd(x)
            + np.isrealobj(x) * np.sum(x**2)
            + np.iscomplexobj(x) * np.sum(x)
        ),
        {"x": (6,)},
    ),
    "fits": (
        lambda x, y: (
            np.sum(np.polyfit(np.arange(5.0), y, 2) ** 2)
            + np.polyfit(x, y, 1)[0]
            + np.sum(np.bincount([0, 2, 2, 1, 0], y) ** 2)
            + np.sum(np.take_along_axis(x, np.array([3, 1, 3]), 0) ** 2)
        ),
        {"x": (5,), "y": (5,)},
    ),
    "distances": (
        lambda X, Y: (
            np.sum(sd.cdist(X, Y) ** 3)
            + np.sum(sd.pdist(X, "cityblock") ** 2)
            + sd.euclidean(X[0], Y[1]) * sd.cosine(X[1], Y[0])
            + sd.sqeuclidean(X[0], Y[0]) * sd.cityblock(X[2], Y[0])
        ),
        {"X": (3, 2), "Y": (2, 2)},
    ),
    "entropies": (
        lambda x, y: (
            scipy.stats.entropy(x**2 + 1)
            + scipy.stats.entropy(np.exp(x), y**2 + 1, base=2)
            + np.sum(scipy.stats.zscore(x) ** 3)
            + scipy.optimize.rosen(x)
        ),
        {"x": (4,), "y": (4,)},
    ),
    "filters": (
        lambda x: (
            np.sum(scipy.signal.lfilter([1.0, 0.5], [1.0, -0.2], x) ** 2)
            + np.sum(scipy.signal.filtfilt([0.5], [1.0, -0.2], x) ** 2)
            + np.sum(scipy.signal.savgol_filter(x, 5, 2) ** 2)
            + np.sum(scipy.signal.detrend(x) ** 2)
            + np.sum(scipy.ndimage.gaussian_filter1d(x, 1.0) ** 2)
            + np.sum(scipy.ndimage.uniform_filter1d(x, 3) ** 2)
            + np.sum(scipy.ndimage.convolve1d(x, [1.0, 2.0, 0.5]) ** 2)
            + np.sum(scipy.fft.dct(x) ** 2 * scipy.fft.idct(x))
            + np.sum(scipy.fft.dst(x) ** 2 * scipy.fft.idst(x))
            + scipy.integrate.simpson(x**2)
            + scipy.integrate.romb(x**2)
            + np.sum(scipy.integrate.cumulative_trapezoid(x) ** 2)
        ),
        {"x": (9,)},
    ),
}
WHOLE = {
    "eigvalsh",
    "eigvalsh log",
    "eigvalsh max",
    "eigh",
    "eigh vec",
    "svd values",
    "svdvals",
    "nuclear",
    "spectral",
    "norm -2",
    "cond",
    "qr r",
    "qr q",
    "qr mode r",
    "expm",
    "sl.eigh",
    "sl.svd qr",
}
ENTRIES = {"minimum.accumulate"}
