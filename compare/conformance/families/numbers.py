"""Complex numbers, integers, single precision, and what a function returns."""

import numpy as np

from compare.conformance.case import Case

__all__ = ["CASES"]

_Z = np.array([1.0, 2.0])
_ISINSTANCE = "the value must be that of the function as it is called"


def _of(name, function, x, truth, **more):
    return Case(name, function, (x,), (np.asarray(truth, float)[()],), **more)


def _leaves(slope, **more):
    """Return, by library, why a number that leaves is a constant, and the derivative then."""
    return {
        "torch": ("item() and float() are not differentiable (PyTorch, Tensor.item)", (slope,)),
        "mygrad": ("item() does not support back-propagation (MyGrad, Tensor.item)", (slope,)),
        **{name: (reason, (own,)) for name, (reason, own) in more.items()},
    }


def _tensor(slope):
    """Return, by library, why a function gets a tensor, and its derivative then."""
    slopes = (np.asarray(slope, float)[()],)
    return {
        "torch": (
            "it is called with a tensor, as leaves are (PyTorch, Autograd mechanics)",
            slopes,
        ),
        "mygrad": ("it is called with a tensor (MyGrad, Tensor)", slopes),
        "jax": ("it is called with a stand-in for an array (JAX, Key concepts, Tracing)", slopes),
        "autograd": (
            "it is called with a box, of which autograd.builtins' isinstance asks (tutorial)",
            slopes,
        ),
    }


def _kepler(x):
    z = x[0] + 1j * x[1]
    return np.abs(z**2 + 1.0) ** 2


def _kepler_slope(a, b):
    z = a + 1j * b
    w = 2 * np.conj(z**2 + 1) * 2 * z
    return [w.real, -w.imag]


CASES = [
    _of(
        "abs of a complex number",
        lambda x: np.abs(x[0] + 1j * x[1]),
        np.array([3.0, 4.0]),
        [0.6, 0.8],
    ),
    _of("abs² of a complex polynomial", _kepler, np.array([0.5, -1.5]), _kepler_slope(0.5, -1.5)),
    _of("real part of exp", lambda x: np.real(np.exp(1j * x)), 0.7, -np.sin(0.7)),
    _of("imaginary part of exp", lambda x: np.imag(np.exp(1j * x)), 0.7, np.cos(0.7)),
    _of("conjugate", lambda x: np.real(np.conj(x * (1 + 2j)) * 1j), 0.7, 2.0),
    _of("angle", lambda x: np.angle(x + 1j), 1.0, -0.5),
    _of("complex logarithm", lambda x: np.log(x + 1j).imag, 1.0, -0.5),
    _of("complex square root, at a negative number", lambda x: np.sqrt(x + 0j).imag, -4.0, -0.25),
    _of("complex power", lambda x: (np.power(x + 1j, 3)).real, 1.0, 0.0),
    _of(
        "complex matrix product",
        lambda x: np.abs(np.sum(x @ (1j * np.ones(2)) + x[0])) ** 2,
        _Z,
        [2 + 6.0, 6.0],
    ),
    _of(
        "complex determinant",
        lambda x: np.linalg.det(np.array([[1j, 1.0], [2.0, 1j]]) * x).real,
        2.0,
        -12.0,
    ),
    _of("complex part of an integer power", lambda x: ((x + 0j) ** 2).real, 3.0, 6.0),
    _of(
        "float times complex stays real in its gradient",
        lambda x: np.sum((x * (1 + 1j)).imag),
        _Z,
        [1, 1],
    ),
    _of("abs of a complex number at 0, squared", lambda x: np.abs(x * (3 + 4j)) ** 2, 0.0, 0.0),
    _of("an integer constant", lambda x: x * 3 // 1 + x * 2, 1.25, 2.0),
    _of("an integer array beside", lambda x: np.sum(x * np.array([1, 2])), _Z, [1, 2]),
    _of("a boolean array beside", lambda x: np.sum(x * np.array([True, False])), _Z, [1, 0]),
    _of("an integer power", lambda x: np.sum(x ** np.array([2, 3])), _Z, [2, 12]),
    _of("a negative integer power", lambda x: x**-2, 2.0, -0.25),
    _of("0 to the power of 0", lambda x: x**0, 0.0, 0.0),
    _of("the integer part leaves the fraction's slope", lambda x: x - np.floor(x), 1.25, 1.0),
    _of("modf", lambda x: np.modf(x)[0] * 2, 1.25, 2.0),
    _of("divmod", lambda x: np.divmod(x, 2.0)[1], 5.5, 1.0),
    _of(
        "cast to an integer and back",
        lambda x: x * np.asarray(x).astype(int),
        2.5,
        2.0,
    ),
    _of("a comparison counts", lambda x: np.sum(x > 1.5) * np.sum(x), _Z, [1, 1]),
    _of(
        "a branch on type",
        lambda x: x * 2.0 if isinstance(x, float) else x * 3.0,
        2.0,
        2.0,
        why=_ISINSTANCE,
        documented=_tensor(3.0),
    ),
    _of(
        "a branch on isscalar",
        lambda x: x * 2.0 if np.isscalar(x) else x * 3.0,
        2.0,
        2.0,
        documented=_tensor(3.0),
    ),
    _of(
        "a branch on ndim", lambda x: np.sum(x * 2.0) if np.ndim(x) == 1 else np.sum(x), _Z, [2, 2]
    ),
    _of(
        "a branch on isinstance of ndarray",
        lambda x: np.sum(x * 2.0) if isinstance(x, np.ndarray) else np.sum(x * 3.0),
        _Z,
        [2, 2],
        why=_ISINSTANCE,
        documented=_tensor([3, 3]),
    ),
    _of(
        "single precision beside double",
        lambda x: np.sum(x * np.array([1.5, 2.5], np.float32)),
        _Z,
        [1.5, 2.5],
    ),
    _of(
        "a float made of it",
        lambda x: float(x) * x,
        2.0,
        4.0,
        why="float(x) leaves the trace: half of the derivative is lost in silence",
        documented=_leaves(2.0),
    ),
    _of(
        "item()",
        lambda x: x.item() * x[0],
        np.array([2.0]),
        [4.0],
        documented=_leaves(np.array([2.0])),
    ),
    _of("tolist()", lambda x: sum(v * v for v in x.tolist()), _Z, [2, 4]),
    _of("math.exp", lambda x: __import__("math").exp(x), 1.0, np.e),
    _of("round() to two digits", lambda x: np.round(x, 2) + x, 1.234, 1.0),
    _of(
        "text and back",
        lambda x: x * float(f"{x}"),
        2.0,
        4.0,
        why="a number that leaves as text comes back as a constant",
        documented=_leaves(2.0),
    ),
    _of("np.float64 of it", lambda x: np.float64(x) * x, 2.0, 4.0, documented=_leaves(2.0)),
    _of("np.asarray of it", lambda x: np.sum(np.asarray(x) ** 2), _Z, [2, 4]),
    _of(
        "an exception that is swallowed",
        lambda x: _swallowed(x),
        2.0,
        4.0,
        documented=_leaves(
            2.0,
            jax=("float() of a traced array raises (ConcretizationTypeError)", 1.0),
            autograd=("float() of a box raises, which the function swallows", 1.0),
        ),
    ),
    Case(
        "the result is a comparison",
        lambda x: np.sum(x) > 0,
        (_Z,),
        None,
        why="a gradient of 0 would be silent",
    ),
]


def _swallowed(x):
    try:
        y = float(x)
    except Exception:
        y = 1.0
    return y * x
