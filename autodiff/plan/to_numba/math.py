"""The material of kernels that Numba compiles: addresses, and functions without branches.

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

import ctypes
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.extending import intrinsic

__all__ = [
    "HUGE",
    "add_to",
    "alike",
    "bool_at",
    "both_transposed",
    "compiled",
    "cos",
    "exp",
    "expm1",
    "float32_at",
    "float64_at",
    "forms",
    "int64_at",
    "kernel",
    "left_transposed",
    "log",
    "log1p",
    "matrix_product",
    "moved",
    "pointers",
    "right_transposed",
    "select",
    "separate",
    "sigmoid",
    "sin",
    "tanh",
]

_OPTIONS: dict[str, Any] = {"error_model": "numpy"}
#: Compiles a function: division by zero is infinite, nothing is reordered.
compiled = njit(**_OPTIONS)
#: Compiles what only compiled functions call, in less time.
kernel = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)
_inlined = njit(forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)

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


def _pointer(item: Any) -> Any:
    """Return an intrinsic that takes an address from a table."""
    pointer = types.CPointer(item)

    @intrinsic
    def at(context, table, place):
        def generate(context, builder, signature, args):
            array = context.make_array(signature.args[0])(context, builder, args[0])
            address = builder.load(builder.gep(array.data, [args[1]]))
            return builder.inttoptr(address, context.get_value_type(pointer))

        return pointer(types.Array(types.int64, 1, "C"), types.intp), generate

    return at


float64_at = _pointer(types.float64)
float32_at = _pointer(types.float32)
int64_at = _pointer(types.int64)
#: Booleans take a byte: 0 or 1.
bool_at = _pointer(types.uint8)


@intrinsic
def _word(context, address, offset):
    """Return the word of memory at an address."""

    def generate(context, builder, signature, args):
        place = builder.add(args[0], args[1])
        return builder.load(builder.inttoptr(place, ir.IntType(64).as_pointer()))

    return types.int64(types.int64, types.int64), generate


@intrinsic
def separate(context):
    """Promise that what the pointers of a kernel point to does not overlap.

    Without this loops are vectorised only after comparing all of them, and not at all if they are
    many.
    """

    def generate(context, builder, signature, args):
        for argument in builder.function.args:
            if isinstance(argument.type, ir.PointerType) and argument.name.startswith("arg."):
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


# Where tuples hold their items, and arrays (PyArrayObject) what they are made of.
_WORD = ctypes.sizeof(ctypes.c_void_p)
_ITEMS = tuple.__basicsize__
_DATA = object.__basicsize__
_TYPE = _DATA - _WORD
_NDIM, _SHAPE, _DTYPE, _FLAGS = (_DATA + _WORD * i for i in (1, 2, 5, 6))
_WANTED = 0x0101  # C order, aligned
_INT = 0xFFFFFFFF


def layout_is_known() -> bool:
    """Return whether arrays and tuples are laid out in memory as is assumed here."""
    x = np.arange(6.0).reshape(2, 3)
    arrays = (x, x.T)

    def word(address: int) -> int:
        return int(ctypes.c_ssize_t.from_address(address).value)

    def read(y: Any) -> tuple[int, ...]:
        shape = word(id(y) + _SHAPE)
        lengths = [word(shape + _WORD * axis) for axis in range(y.ndim)]
        flags = word(id(y) + _FLAGS) & _WANTED
        known = (word(id(y) + _TYPE), word(id(y) + _DATA), word(id(y) + _DTYPE))
        return (*known, word(id(y) + _NDIM) & _INT, *lengths, flags)

    return all(
        word(id(arrays) + _ITEMS + _WORD * i) == id(y)
        and read(y)
        == (id(np.ndarray), y.ctypes.data, id(y.dtype), 2, *y.shape, _WANTED if i == 0 else 0x0100)
        for i, y in enumerate(arrays)
    )


@compiled
def pointers(arrays, count, table):
    """Write the addresses of arrays into a table.

    Numba takes 0.2 µs to look at an array that it is given, and a program may have a thousand. Of
    a tuple it is given only the address, and reads there what the C interfaces of Python and NumPy
    fix.
    """
    flags = _WANTED
    for i in range(count):
        item = _word(arrays, _ITEMS + _WORD * i)
        table[i] = _word(item, _DATA)
        flags &= _word(item, _FLAGS)
    return flags & _WANTED == _WANTED


def forms(arrays: Any) -> Any:
    """Return the words that `alike` compares arrays with."""
    words = [[id(type(x)), id(x.dtype), x.ndim, *x.shape] for x in arrays]
    return np.array([word for form in words for word in form], np.int64)


@compiled
def alike(arrays, count, wanted):
    """Return whether arrays have the types, data types and shapes that are wanted."""
    for i in range(count):
        item = _word(arrays, _ITEMS + _WORD * i)
        if _word(item, _TYPE) != _word(wanted, 0):
            return False
        if _word(item, _DTYPE) != _word(wanted, 8):
            return False
        ndim = _word(wanted, 16)
        if _word(item, _NDIM) & _INT != ndim:
            return False
        shape = _word(item, _SHAPE)
        for axis in range(ndim):
            if _word(shape, _WORD * axis) != _word(wanted, 24 + 8 * axis):
                return False
        wanted += 24 + 8 * ndim
    return True


@kernel
def matrix_product(a, b, out, m, k, n):
    """Multiply matrices of m × k and k × n elements, both in C order."""
    np.dot(carray(a, (m, k)), carray(b, (k, n)), carray(out, (m, n)))


@kernel
def left_transposed(a, b, out, m, k, n):
    """Multiply matrices, of which the left one is in Fortran order."""
    np.dot(carray(a, (k, m)).T, carray(b, (k, n)), carray(out, (m, n)))


@kernel
def right_transposed(a, b, out, m, k, n):
    """Multiply matrices, of which the right one is in Fortran order."""
    np.dot(carray(a, (m, k)), carray(b, (n, k)).T, carray(out, (m, n)))


@kernel
def both_transposed(a, b, out, m, k, n):
    """Multiply matrices that are both in Fortran order."""
    np.dot(carray(a, (k, m)).T, carray(b, (n, k)).T, carray(out, (m, n)))


@intrinsic
def moved(context, pointer, items):
    """Return a pointer to an item further on."""

    def generate(context, builder, signature, args):
        item = context.get_data_type(signature.args[0].dtype)
        return builder.gep(args[0], [args[1]], source_etype=item)

    return pointer(pointer, types.intp), generate


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
def _log_of_sum(f, k, c):
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
    y = _log_of_sum(m - 1.0, k - select(tiny, 54.0, 0.0), 0.0)
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
    y = _log_of_sum(select(near, x, m - 1.0), k, select(near | (k > 54.0), 0.0, c))
    y = select((x == 0.0) | (x == np.inf), x, y)
    y = select(x == -1.0, -np.inf, y)
    return select((x < -1.0) | (x != x), np.nan, y)


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
