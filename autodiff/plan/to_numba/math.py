"""The material of kernels that Numba compiles: functions without branches.

Loops over these functions become vector instructions, which loops over calls of the C library do
not: 1 ns an element where those take 10. Each is within two units in the last place of the truth.
Products and sums are fused where the processor can, by the one function that asks for it, so that
the arithmetic of users is rounded as NumPy rounds it.

References
----------
Sun Microsystems, fdlibm 5.3 (1995): e_log.c, s_log1p.c, k_sin.c, k_cos.c, e_rem_pio2.c.
S. L. Moshier, Cephes 2.8 (2000): tanh.c. W. J. Cody and W. Waite, Software Manual for the
Elementary Functions (1980): the reduction of arguments.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

__all__ = [
    "HUGE",
    "add_to",
    "compiled",
    "cos",
    "exp",
    "expm1",
    "kernel",
    "log",
    "log1p",
    "log_of_sum",
    "looped",
    "select",
    "separate",
    "sigmoid",
    "sin",
    "tanh",
]

#: Nor are references counted: who calls holds the arrays, and what is compiled makes and returns
#: none. To count costs 40 ns for each array of a call (a fifth of a call of `single`).
OPTIONS: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
#: Compiles a function: division by zero is infinite, nothing is reordered.
compiled = njit(**OPTIONS)
#: The same of functions that make arrays, for loops that take longer than to count references.
looped = njit(error_model="numpy")


#: Compiles what only compiled functions call, in less time.
kernel = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)
_inlined = njit(forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)

_MAGIC = 6755399441055744.0  # 1.5 * 2**52: a sum with it is rounded to an integer
_MAGIC_BITS = 0x4338000000000000
_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
#: Arguments of sine and cosine from which the reduction here loses digits: 2**19 quarter turns.
HUGE = 823549.0


def _cast(source: Any, target: Any) -> Any:
    """Return an intrinsic that reads the bits of a number as one of another type."""

    @intrinsic
    def cast(context, x):
        def generate(context, builder, signature, args):
            return builder.bitcast(args[0], context.get_value_type(target))

        return target(source), generate

    return cast


_bits = _cast(types.float64, types.int64)
_from_bits = _cast(types.int64, types.float64)


@intrinsic
def separate(context):
    """Promise that the arrays of a kernel do not overlap, but where it reads both.

    Without this loops are vectorised only after comparing all of them, and not at all if they are
    many.
    """

    def generate(context, builder, signature, args):
        for argument in builder.function.args:
            # The fourth part of an array is where its elements are.
            if argument.name.startswith("arg.") and argument.name.endswith(".4"):
                argument.add_attribute("noalias")
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def add_to(context, total, x):
    """Return a sum of which the order may change: several partial sums are one vector."""

    def generate(context, builder, signature, args):
        return builder.fadd(*args, flags=("reassoc",))

    return types.float64(types.float64, types.float64), generate


@intrinsic
def select(context, condition, x, y):
    """Return x where a condition holds, otherwise y: both have been computed."""

    def generate(context, builder, signature, args):
        return builder.select(*args)

    return y(types.boolean, y, y), generate


@intrinsic
def _muladd(context, x, y, z):
    """Return x y + z, rounded once where the processor can."""

    def generate(context, builder, signature, args):
        double = ir.DoubleType()
        kind = ir.FunctionType(double, [double] * 3)
        function = builder.module.declare_intrinsic("llvm.fmuladd", [double], kind)
        return builder.call(function, args)

    number = types.float64
    return number(number, number, number), generate


@_inlined
def _reduced(x):
    """Return n and r with x = n log 2 + r."""
    n = _muladd(x, _LOG2_E, _MAGIC) - _MAGIC
    return n, _muladd(n, -_LN2_LOW, _muladd(n, -_LN2_HIGH, x))


@_inlined
def _power_of_two(n):
    """Return 2**n of an integer between -1022 and 1023."""
    return _from_bits((_bits(n + _MAGIC) - _MAGIC_BITS + 1023) << 52)


@_inlined
def _exp_less_one(r):
    """Return exp(r) - 1 for at most half of log 2, by its series."""
    p = _muladd(r, 1.0 / 6227020800.0, 1.0 / 479001600.0)
    p = _muladd(p, r, 1.0 / 39916800.0)
    p = _muladd(p, r, 1.0 / 3628800.0)
    p = _muladd(p, r, 1.0 / 362880.0)
    p = _muladd(p, r, 1.0 / 40320.0)
    p = _muladd(p, r, 1.0 / 5040.0)
    p = _muladd(p, r, 1.0 / 720.0)
    p = _muladd(p, r, 1.0 / 120.0)
    p = _muladd(p, r, 1.0 / 24.0)
    p = _muladd(p, r, 1.0 / 6.0)
    p = _muladd(p, r, 0.5)
    return _muladd(p, r * r, r)


@_inlined
def exp(x):
    """Return the exponential function."""
    n, r = _reduced(x)
    # In two steps: 2**1024 and 2**-1074 are no normal numbers.
    half = _muladd(n, 0.5, _MAGIC) - _MAGIC
    y = (1.0 + _exp_less_one(r)) * _power_of_two(half) * _power_of_two(n - half)
    y = select(x < -745.2, 0.0, y)
    return select(x > 709.782712893384, np.inf, y)


@_inlined
def expm1(x):
    """Return exp(x) - 1."""
    z = select(x < -40.0, -40.0, x)
    n, r = _reduced(z)
    half = _power_of_two(n - 1.0)
    y = 2.0 * _muladd(half, _exp_less_one(r), half - 0.5)
    y = select(x > 709.782712893384, np.inf, y)
    return select(abs(x) < 1e-290, x, y)


@_inlined
def sigmoid(x):
    """Return 1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + exp(-x))


@_inlined
def tanh(x):
    """Return the hyperbolic tangent: a rational function near zero, elsewhere by exp."""
    a = abs(x)
    z = x * x
    p = _muladd(
        _muladd(-9.64399179425052238628e-1, z, -9.92877231001918586564e1),
        z,
        -1614.68768441708447952,
    )
    q = _muladd(
        _muladd(z + 112.811678491632931402, z, 2235.48839060100448583), z, 4844.06305325125486048
    )
    near = a < 0.625
    n, r = _reduced(2.0 * select(a > 20.0, 20.0, a))
    e = (1.0 + _exp_less_one(r)) * _power_of_two(n)
    ratio = select(near, a * z * p, -2.0) / select(near, q, e + 1.0)
    y = select(near, a, 1.0) + ratio
    return _from_bits(_bits(y) | (_bits(x) & _SIGN))


_SIGN = np.int64(-(2**63))
_SQRT_HALF = 0x3FE6A09E00000000


@_inlined
def _split(x):
    """Return k, as a float, and m with x = 2**k m and m near 1, of a positive normal number."""
    u = _bits(x) + (0x3FF0000000000000 - _SQRT_HALF)
    k = _from_bits(((u >> 52) & 0xFFF) + (_MAGIC_BITS - 1023)) - _MAGIC
    return k, _from_bits((u & 0x000FFFFFFFFFFFFF) + _SQRT_HALF)


@_inlined
def _log_of_parts(f, k, c):
    """Return k log 2 + log(1 + f) + c."""
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = w * _muladd(
        w, _muladd(w, 1.531383769920937332e-01, 2.222219843214978396e-01), 3.999999999940941908e-01
    )
    even = _muladd(w, 1.479819860511658591e-01, 1.818357216161805012e-01)
    even = z * _muladd(w, _muladd(w, even, 2.857142874366239149e-01), 6.666666666666735130e-01)
    half = 0.5 * f * f
    small = _muladd(s, half + (odd + even), _muladd(k, _LN2_LOW, c))
    return k * _LN2_HIGH - ((half - small) - f)


@_inlined
def log(x):
    """Return the natural logarithm."""
    tiny = x < 2.2250738585072014e-308
    k, m = _split(select(tiny, x * 18014398509481984.0, x))
    y = _log_of_parts(m - 1.0, k - select(tiny, 54.0, 0.0), 0.0)
    y = select(x == np.inf, x, y)
    y = select(x == 0.0, -np.inf, y)
    return select((x < 0.0) | (x != x), np.nan, y)


@_inlined
def log1p(x):
    """Return log(1 + x)."""
    u = 1.0 + x
    k, m = _split(u)
    # What the sum lost; it has lost nothing that counts where x is huge.
    c = select(k >= 2.0, 1.0 - (u - x), x - (u - 1.0)) / u
    near = k == 0.0
    y = _log_of_parts(select(near, x, m - 1.0), k, select(near | (k > 54.0), 0.0, c))
    y = select((x == 0.0) | (x == np.inf), x, y)
    y = select(x == -1.0, -np.inf, y)
    return select((x < -1.0) | (x != x), np.nan, y)


@_inlined
def log_of_sum(x, y):
    """Return log(exp(x) + exp(y))."""
    high = select((x >= y) | (x != x), x, y)
    # Equal infinities have no difference.
    lower = select(x == y, 0.0, -abs(x - y))
    return high + log1p(exp(lower))


@_inlined
def _quarter_turns(x):
    """Return the number of quarter turns in an angle, and the rest as a sum of two floats."""
    t = _muladd(x, 0.63661977236758134308, _MAGIC)
    n = t - _MAGIC
    # Three parts of pi / 2 of 33 bits: their products with n are exact.
    first = x - n * 1.57079632673412561417e00
    w = n * 6.07710050630396597660e-11
    second = first - w
    lost = (first - second) - w
    w = n * 2.02226624871116645580e-21
    third = second - w
    lost = ((second - third) - w) + lost - n * 8.47842766036889956997e-32
    high = third + lost
    return _bits(t), high, (third - high) + lost


@_inlined
def _sine(x, y):
    z = x * x
    w = z * z
    r = _muladd(
        z,
        _muladd(z, 2.75573137070700676789e-06, -1.98412698298579493134e-04),
        8.33333333332248946124e-03,
    )
    r = r + z * w * _muladd(z, 1.58969099521155010221e-10, -2.50507602534068634195e-08)
    v = z * x
    return x - ((z * (0.5 * y - v * r) - y) - v * -1.66666666666666324348e-01)


@_inlined
def _cosine(x, y):
    z = x * x
    w = z * z
    r = z * _muladd(
        z,
        _muladd(z, 2.48015872894767294178e-05, -1.38888888888741095749e-03),
        4.16666666666666019037e-02,
    )
    r = r + w * w * _muladd(
        z,
        _muladd(z, -1.13596475577881948265e-11, 2.08757232129817482790e-09),
        -2.75573143513906633035e-07,
    )
    half = 0.5 * z
    w = 1.0 - half
    return w + (((1.0 - w) - half) + (z * r - x * y))


@_inlined
def sin(x):
    """Return the sine of an angle of at most `HUGE`."""
    q, high, low = _quarter_turns(x)
    y = select(q & 1 == 0, _sine(high, low), _cosine(high, low))
    y = _from_bits(_bits(y) ^ ((q & 2) << 62))
    return select(x == 0.0, x, y)


@_inlined
def cos(x):
    """Return the cosine of an angle of at most `HUGE`."""
    q, high, low = _quarter_turns(x)
    y = select(q & 1 == 0, _cosine(high, low), _sine(high, low))
    return _from_bits(_bits(y) ^ (((q + 1) & 2) << 62))
