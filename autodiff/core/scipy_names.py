"""The functions of SciPy that `autodiff.scipy` has for tensors, by name: text only.

Nothing is imported here: this package knows SciPy only when a user has imported it. A test holds
the table against that of `autodiff.scipy`.
"""

import inspect
from types import FrameType
from typing import Any

__all__ = ["SCIPY", "refusing_function"]

_NAMES = {
    "fft": (
        "dct dctn dst dstn fft fft2 fftn fftshift hfft idct idctn idst idstn ifft ifft2 ifftn "
        "ifftshift ihfft irfft irfft2 irfftn rfft rfft2 rfftn"
    ),
    "integrate": "cumulative_trapezoid dblquad odeint quad simpson solve_ivp trapezoid",
    "interpolate": (
        "BSpline CubicHermiteSpline CubicSpline PPoly PchipInterpolator "
        "RegularGridInterpolator interp1d interpn make_interp_spline splev"
    ),
    "linalg": (
        "block_diag cho_factor cho_solve cholesky circulant coshm cosm det eig eigh eigvals "
        "eigvalsh expm expm_frechet fractional_matrix_power hankel inv logm lstsq lu "
        "lu_factor lu_solve norm pinv polar qr sinhm sinm solve solve_banded "
        "solve_continuous_lyapunov solve_discrete_lyapunov solve_sylvester solve_toeplitz "
        "solve_triangular solveh_banded sqrtm svd svdvals tanhm tanm toeplitz"
    ),
    "ndimage": (
        "convolve convolve1d correlate correlate1d gaussian_filter gaussian_filter1d "
        "uniform_filter uniform_filter1d"
    ),
    "optimize": (
        "bisect brenth brentq curve_fit fixed_point fsolve least_squares "
        "linear_sum_assignment minimize minimize_scalar newton ridder root root_scalar "
        "toms748"
    ),
    "signal": "convolve convolve2d correlate correlate2d fftconvolve lfilter oaconvolve sosfilt",
    "sparse": (
        "block_array block_diag bmat coo_array coo_matrix csc_array csc_matrix csr_array "
        "csr_matrix diags diags_array dok_array dok_matrix hstack kron lil_array lil_matrix vstack"
    ),
    "sparse.linalg": "factorized norm spsolve",
    "spatial.distance": (
        "braycurtis canberra cdist chebyshev cityblock correlation cosine euclidean "
        "jensenshannon mahalanobis minkowski pdist seuclidean sqeuclidean squareform"
    ),
    "special": (
        "log_softmax logsumexp multigammaln polygamma softmax spherical_in spherical_jn "
        "spherical_kn spherical_yn"
    ),
    "stats": (
        "bernoulli beta binom cauchy chi2 dirichlet expon f gamma geom gumbel_r halfnorm "
        "invgamma laplace logistic lognorm multivariate_normal nbinom norm pareto poisson "
        "rayleigh skewnorm t uniform vonmises weibull_min"
    ),
}
#: By the name of a function, class or distribution: the dotted path of what stands for it.
SCIPY: dict[str, str] = {
    f"scipy.{module}.{name}": f"autodiff.scipy.{module}.{name}"
    for module, names in _NAMES.items()
    for name in names.split()
}


def refusing_function(error: BaseException, with_tensor: bool) -> str | None:
    """Return the function of SciPy in whose call an error arose, if something stands for it.

    If told so, only one that was given a tensor.
    """
    step = error.__traceback__
    while step is not None:
        frame, step = step.tb_frame, step.tb_next
        if str(frame.f_globals.get("__name__", "")).startswith("scipy."):
            for name in _names(frame):
                if name in SCIPY and (not with_tensor or _has_tensor(frame)):
                    return name
    return None


def _names(frame: FrameType) -> list[str]:
    """Return the names under which users may have called what runs in a frame."""
    module, code = frame.f_globals["__name__"], frame.f_code
    owner = frame.f_locals.get("self")
    first = code.co_qualname.split(".")[0]
    names = [f"{module}.{first}", f"{module}.{first.removesuffix('_gen')}"]
    if owner is not None:
        # A method may be of the class above.
        names.append(f"{module}.{type(owner).__name__}")
    if isinstance(getattr(owner, "name", None), str):
        # One of the distributions, which are of few classes.
        names.append(f"{module}.{owner.name}")  # type: ignore[union-attr]
    for x in frame.f_locals.values():
        # What a wrapper of SciPy's wraps.
        inner = getattr(x, "__module__", None)
        if callable(x) and isinstance(inner, str) and inner.startswith("scipy."):
            names.append(f"{inner}.{getattr(x, '__name__', '')}")
    found = []
    for name in names:
        *parts, last = name.split(".")
        # Modules of SciPy's own stand below those of its users.
        found += [f"{'.'.join(parts[:k])}.{last}" for k in range(len(parts), 1, -1)]
    return found


def _has_tensor(frame: FrameType) -> bool:
    """Return whether a tensor is among the arguments of what runs in a frame."""
    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    given = [frame.f_locals.get(name) for name in code.co_varnames[:count]]
    return any(map(_holds_tensor, given))


def _holds_tensor(x: Any) -> bool:
    if isinstance(x, dict):
        x = list(x.values())
    if isinstance(x, list | tuple):
        return any(map(_holds_tensor, x))
    return hasattr(type(x), "tape")
