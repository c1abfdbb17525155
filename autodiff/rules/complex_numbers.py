"""Rules of the parts, the absolute value and the phase of complex numbers.

These functions are not holomorphic: they are linear, or differentiable, over the real numbers.
With the convention of the table, Re(sum(x_bar * x_dot)) = Re(sum(g * out_dot)), the cotangent of
the real part is g, of the imaginary part -i g, of the conjugate conj(g), and of the absolute value
g conj(x) / |x|, which is 0 at 0. A gradient of a real function of z = x + i y is ∂f/∂x - i ∂f/∂y:
a descent follows its conjugate.

On real tensors they are what NumPy makes of real arrays: the identity, zeros, |x|, the sign.
"""

import math
from typing import Any

import numpy as np

from autodiff.core.batching import broadcast
from autodiff.core.primitive import TUPLES, Array, Primitive, discrete, general, handles, linear
from autodiff.core.tensor import Tensor, record

_SHAPES: list[Any] = [(((),), {}), (((0,),), {}), (((3,),), {}), (((2, 1, 3),), {})]


def _is_complex(x: Array) -> bool:
    return bool(x.dtype.kind == "c")


def _real(x: Array) -> Array:
    # A tensor of an outer trace has its own handler, which NumPy's function finds.
    return np.real(x) if type(x) is Tensor else x.real


def _imag(x: Array) -> Array:
    return np.imag(x) if type(x) is Tensor else x.imag


CONJUGATE = linear("conjugate", np.conjugate, lambda g, out, x: np.conjugate(g), examples=_SHAPES)
REAL = linear(
    "real",
    _real,
    lambda g, out, x: g + 0j if _is_complex(x) else +g,
    examples=_SHAPES,
    batch=broadcast,
)
IMAG = linear(
    "imag",
    _imag,
    lambda g, out, x: g * -1j if _is_complex(x) else 0.0 * g,
    examples=_SHAPES,
    batch=broadcast,
)


#: Of real numbers. As a slope in the rules it is a constant: the kinks know its limits.
_REAL_SIGN = discrete(lambda x: np.sign(x), "sign", batch=broadcast)
#: As a function of its own it jumps: eager derivatives note where they are differentiated at 0.
JUMP = Primitive(
    "sign",
    _REAL_SIGN.function,
    "general",
    (lambda g, out, x: np.zeros_like(x),),
    (lambda x_dot, out, x: np.zeros_like(x),),
    batch=broadcast,
)


def sign_of(x: Array) -> Array:
    """Return the sign of real numbers as the slope of a length."""
    return record(_REAL_SIGN, (x,)) if type(x) is Tensor else np.sign(x)


def _phase(x: Array) -> Array:
    """Return x / |x|, and 0 where x is 0."""
    return record(PHASE, (x,)) if type(x) is Tensor else np.sign(x)


def _phase_vjp(g: Array, out: Array, x: Array) -> Array:
    if not _is_complex(x):
        return np.zeros_like(x)
    radius = np.absolute(x)
    return np.imag(g * out) / np.where(radius == 0, 1.0, radius) * (1j * np.conjugate(out))


def _phase_jvp(x_dot: Array, out: Array, x: Array) -> Array:
    if not _is_complex(x):
        return np.zeros_like(x)
    radius = np.absolute(x)
    turn = np.imag(np.conjugate(out) * x_dot) / np.where(radius == 0, 1.0, radius)
    return turn * (1j * out)


#: The sign of a complex number. That of a real one, `np.sign`, is discrete.
PHASE = general(
    "phase",
    _phase,
    [_phase_vjp],
    [_phase_jvp],
    domain=[(0.1, 3.0)],
    examples=_SHAPES,
    complex=True,
    batch=broadcast,
)


def _absolute_vjp(g: Array, out: Array, x: Array) -> Array:
    return g * np.conjugate(_phase(x)) if _is_complex(x) else g * sign_of(x)


def _absolute_jvp(x_dot: Array, out: Array, x: Array) -> Array:
    if _is_complex(x):
        return np.real(np.conjugate(_phase(x)) * x_dot)
    return x_dot * sign_of(x)


ABSOLUTE = general(
    "absolute",
    np.absolute,
    [_absolute_vjp],
    [_absolute_jvp],
    domain=[(0.1, 3.0)],
    examples=_SHAPES,
    complex=True,
)
#: Of real numbers: 0 or π.
_REAL_ANGLE = discrete(np.angle, batch=broadcast)


def _sign(x: Array) -> Array:
    """Return x / |x| of complex numbers, whose phase has a derivative; of real ones the sign."""
    if _is_complex(x):
        return record(PHASE, (x,))
    return record(_REAL_SIGN if x.tape.replayable else JUMP, (x,))


# One entry cannot be both. What answers in the place of an entry is asked when there is none.
TUPLES[np.sign] = _sign


@handles(np.real)
def real(val: Array) -> Array:
    """Return the real part; of a real tensor the tensor itself."""
    return record(REAL, (val,)) if _is_complex(val) else val


@handles(np.imag)
def imag(val: Array) -> Array:
    """Return the imaginary part; of a real tensor zeros."""
    return record(IMAG, (val,)) if _is_complex(val) else np.zeros_like(val)


@handles(np.angle)
def angle(z: Array, deg: bool = False) -> Array:
    """Return the angle in the complex plane; it has no derivative at 0, which is NaN there."""
    if not _is_complex(z):
        return record(_REAL_ANGLE, (z,), {"deg": deg})
    radians = np.arctan2(imag(z), real(z))
    return radians * (180.0 / math.pi) if deg else radians
