"""Arrays that Python hands to a compiled function as one tuple.

Numba takes arrays one by one: 35 ns for each in a call, and much to compile. A network of 64 layers
has 260. Here it takes a tuple in a loop, 12 ns an array, with the function of Numba's own that
reads an array of NumPy's. (Ratio to arrays one by one: a call of `deep-64` 0.65, of `mlp` 0.9;
compiling `mlp` 0.65, `chain` 0.4.)

Addresses live on the stack of the call and nowhere else, and no longer: the caller holds the tuple,
and the tuple the arrays.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import NativeValue, intrinsic, models, register_model, unbox
from numba.np import arrayobj, linalg

from autodiff.plan.to_numba.math import OPTIONS

__all__ = [
    "aligned",
    "bool_at",
    "bool_in",
    "complex128_at",
    "complex128_in",
    "contiguous",
    "fits",
    "float32_at",
    "float32_in",
    "float64_at",
    "float64_in",
    "int64_at",
    "int64_in",
    "multiply",
    "shaped",
    "taking",
    "vector_of",
]

_WORD = ir.IntType(64)
_BYTES = ir.IntType(8).as_pointer()
#: Bytes of a line of the cache.
_LINE = 64
#: Axes that an array of NumPy's has at most.
_MOST_AXES = 64
#: In place of a number of which every value is right, and of one that was not written.
_ANY, _UNWRITTEN = -(2**62), -(2**62) + 1


class Arrays(types.Type):
    """The type of a tuple of arrays in C order: the shape of each, and the bytes of its items."""

    def __init__(self, forms: Sequence[tuple[tuple[int, ...], int]]) -> None:
        self.forms = tuple(forms)
        super().__init__(f"Arrays({self.forms})")

    def rows(self) -> list[list[int]]:
        """Return the numbers compared for each array: bytes of an item, shape, strides, an end."""
        width = 2 + 2 * max((len(shape) for shape, _ in self.forms), default=0)
        rows = []
        for shape, size in self.forms:
            strides = [size * prod(shape[axis + 1 :]) for axis in range(len(shape))]
            # Where there is one item or none, NumPy calls every stride C order.
            free = [0 in shape or length == 1 for length in shape]
            row = [size, *shape, *(_ANY if f else s for f, s in zip(free, strides, strict=True))]
            rows.append([*row, _UNWRITTEN, *[_ANY] * (width - len(row) - 1)])
        return rows


register_model(Arrays)(models.OpaqueModel)


@unbox(Arrays)
def _addresses(kind: Arrays, given: Any, c: Any) -> NativeValue:
    """Return a pointer to the addresses of the items; null if an array is of another form."""
    builder, python, rows = c.builder, c.pyapi, kind.rows()
    count, width = len(rows), max(map(len, rows), default=0)

    def word(number: int) -> Any:
        return ir.Constant(_WORD, number)

    numbers = [number for row in rows for number in row]
    constant = ir.Constant(ir.ArrayType(_WORD, len(numbers)), numbers)
    wanted = cgutils.global_constant(builder, "forms", constant)
    addresses = cgutils.alloca_once(builder, _BYTES, size=max(count, 1))
    # What Numba reads of an array: shape and strides lie side by side, for as many axes as it has.
    found = c.context.make_array(types.Array(types.int8, _MOST_AXES, "A"))(c.context, builder)
    place = builder.bitcast(found._getpointer(), python.voidptr)
    axes = builder.bitcast(found._get_ptr_by_name("shape"), _WORD.as_pointer())
    length = python.tuple_size(given)
    signature = ir.FunctionType(python.pyobj, [python.pyobj, python.py_ssize_t])
    take = python._get_function(signature, name="PyTuple_GetItem")
    right = cgutils.alloca_once_value(builder, builder.icmp_signed("==", length, word(count)))
    with builder.if_then(builder.load(right)), cgutils.for_range(builder, word(count)) as loop:
        for axis in range(width - 1):
            builder.store(word(_UNWRITTEN), builder.gep(axes, [word(axis)]))
        item = builder.call(take, [given, loop.index])
        fit = cgutils.is_null(builder, python.numba_array_adaptor(item, place))
        first = builder.mul(loop.index, word(width))
        for number in range(width):
            want = builder.load(builder.gep(wanted, [word(0), builder.add(first, word(number))]))
            got = (
                found.itemsize
                if not number
                else builder.load(builder.gep(axes, [word(number - 1)]))
            )
            same = builder.icmp_signed("==", want, got)
            free = builder.icmp_signed("==", want, word(_ANY))
            fit = builder.and_(fit, builder.or_(same, free))
        # Aligned: a multiple of the bytes of an item, which are a power of two, or of its parts.
        size = builder.load(builder.gep(wanted, [word(0), first]))
        mask = builder.and_(builder.sub(size, word(1)), word(7))
        rest = builder.and_(builder.ptrtoint(found.data, _WORD), mask)
        fit = builder.and_(fit, builder.icmp_signed("==", rest, word(0)))
        builder.store(builder.and_(builder.load(right), fit), right)
        builder.store(builder.bitcast(found.data, _BYTES), builder.gep(addresses, [loop.index]))
    pointer = builder.bitcast(addresses, _BYTES)
    value = builder.select(builder.load(right), pointer, ir.Constant(_BYTES, None))
    return NativeValue(value, is_error=cgutils.is_not_null(builder, python.err_occurred()))


@intrinsic
def fits(context, arrays):
    """Return whether arrays are of the form that a function was compiled for."""

    def generate(context, builder, signature, args):
        return cgutils.is_not_null(builder, args[0])

    return types.boolean(arrays), generate


def _at(item: Any) -> tuple[Any, Any]:
    """Return two intrinsics that show items of one of the arrays, from a place on.

    The first takes the number of the array, the place and how many items; the second a row in which
    these three numbers stand, and where. So Numba has a quarter of the expressions to look at: a
    table of 20 kernels takes 4 s instead of 9 to compile.
    """
    shown = types.Array(item, 1, "C")

    def show(context, builder, given, number, start, count):
        addresses = builder.bitcast(given, _BYTES.as_pointer())
        data_type = context.get_data_type(item)
        first = builder.bitcast(
            builder.load(builder.gep(addresses, [number])), data_type.as_pointer()
        )
        array = arrayobj.make_array(shown)(context, builder)
        size = context.get_constant(types.intp, context.get_abi_sizeof(data_type))
        data = builder.gep(first, [start])
        arrayobj.populate_array(array, data, [count], [size], size, None)
        return array._getvalue()

    @intrinsic
    def at(context, arrays, number, start, count):
        def generate(context, builder, signature, args):
            return show(context, builder, *args)

        return shown(arrays, types.intp, types.intp, types.intp), generate

    @intrinsic
    def in_row(context, arrays, row, place):
        def generate(context, builder, signature, args):
            numbers = arrayobj.make_array(signature.args[1])(context, builder, args[1]).data
            found = [
                builder.load(builder.gep(numbers, [builder.add(args[2], word)]))
                for word in (ir.Constant(_WORD, i) for i in range(3))
            ]
            return show(context, builder, args[0], *found)

        return shown(arrays, row, types.intp), generate

    return at, in_row


complex128_at, complex128_in = _at(types.complex128)
float64_at, float64_in = _at(types.float64)
float32_at, float32_in = _at(types.float32)
int64_at, int64_in = _at(types.int64)
bool_at, bool_in = _at(types.boolean)


@intrinsic
def shaped(context, x, shape):
    """Return a contiguous array in another shape, of the same owner.

    Numba's `reshape` calls a function that looks for strides: 25 ns, of which a call of `mlp` would
    spend 0.9 µs (a tenth).
    """
    result = x.copy(ndim=len(shape))

    def generate(context, builder, signature, args):
        old = arrayobj.make_array(signature.args[0])(context, builder, args[0])
        new = arrayobj.make_array(signature.return_type)(context, builder)
        lengths = cgutils.unpack_tuple(builder, args[1])
        strides = [old.itemsize]
        for length in lengths[:0:-1]:
            strides.insert(0, builder.mul(strides[0], length))
        arrayobj.populate_array(new, old.data, lengths, strides, old.itemsize, old.meminfo)
        return impl_ret_borrowed(context, builder, signature.return_type, new._getvalue())

    return result(x, shape), generate


@intrinsic
def multiply(context, x, y, out):
    """Put the product of two matrices into a third: of `numpy.dot`, what returns no array."""

    def generate(context, builder, signature, args):
        linalg.ensure_blas()
        linalg.dot_3_mm(context, builder, out(x, y, out), args)
        return context.get_dummy_value()

    return types.void(x, y, out), generate


def aligned(count: int, dtype: str) -> Any:
    """Return an array that begins with a line of the cache: `deep-64` takes 0.95 × the time."""
    size = np.dtype(dtype).itemsize * count
    # NaN, -1 and True, so that what is read before it is written shows.
    octets = np.full(size + _LINE, 255, np.uint8)
    start = -octets.ctypes.data % _LINE
    return octets[start : start + size].view(dtype)


def contiguous(*arrays: Any) -> tuple[Any, ...]:
    """Return arrays in C order and aligned: these themselves if they are, or copies."""
    return tuple(np.require(x, None, ("C", "A")) for x in arrays)


def vector_of(x: Any, dtype: str) -> Any:
    """Return the items of a value in C order, as an array that a compiled loop is for."""
    x = np.ascontiguousarray(x, dtype)
    if not (x.flags.aligned and x.flags.writeable):
        x = x.copy()  # Numba would compile the loop again
    return x.reshape(-1)


def taking(
    forms: Sequence[tuple[tuple[int, ...], int]],
) -> Callable[[Callable[..., Any]], Callable[[tuple[Any, ...]], bool]]:
    """Return a compiler of a function of a tuple of arrays: shape and bytes of an item of each.

    It looks at shapes, layout and size of the items; data types are for the caller to compare.
    """

    def compiled(function: Callable[..., Any]) -> Callable[[tuple[Any, ...]], bool]:
        kind = Arrays(forms)
        dispatcher = njit(**OPTIONS)(function)
        dispatcher.compile(types.boolean(kind))
        # Called as it is: a tuple takes Numba longer to look at than a call of `single` takes.
        entry: Callable[[tuple[Any, ...]], bool] = dispatcher.overloads[(kind,)].entry_point
        return entry

    return compiled
