"""`SymbolicArray`: what a traced function receives in place of NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy

from symdiff.construct import Expr, number
from symdiff.errors import Untraceable
from symdiff.operations import COMPARISONS, ELEMENTWISE, LOGIC, compare, condition, numeric

__all__ = ["SymbolicArray", "elements", "map_elements"]

Objects = npt.NDArray[np.object_]


def objects(values: Any, shape: tuple[int, ...]) -> Objects:
    """Return a sequence of expressions as an object array of a shape."""
    out = np.empty(shape, dtype=object)
    flat = out.reshape(-1)
    for position, value in enumerate(values):
        flat[position] = value
    return out


def elements(value: Any) -> Objects:
    """Return anything that takes part in a traced operation as an object array of expressions.

    Parameters
    ----------
    value : SymbolicArray, array_like
        A traced array, or constants.

    Returns
    -------
    numpy.ndarray
        Of dtype object, its entries SymPy expressions or conditions.

    Examples
    --------
    >>> elements([1.0, 0.5])
    array([1, 1/2], dtype=object)
    """
    if isinstance(value, SymbolicArray):
        return value._elements
    if isinstance(value, (list, tuple)) and any(isinstance(v, SymbolicArray) for v in value):
        raise TypeError(
            "a list that holds traced values arrived where one array is expected; "
            "join them with np.stack or np.concatenate"
        )
    array = np.asarray(value)
    if array.dtype == bool:
        return objects(map(sympy.sympify, array.ravel().tolist()), array.shape)
    return objects(map(number, array.ravel().tolist()), array.shape)


def map_elements(form: Callable[..., Expr], *operands: Objects) -> SymbolicArray:
    """Return a formula applied to each element of the operands, broadcast as NumPy does.

    Parameters
    ----------
    form : callable
        Takes one expression an operand.
    *operands : numpy.ndarray
        Object arrays.

    Returns
    -------
    SymbolicArray
        Of the common shape.

    Examples
    --------
    >>> map_elements(lambda a, b: a + b, elements([1, 2]), elements(3))
    SymbolicArray([4, 5])
    """
    spread = np.broadcast_arrays(*operands)
    shape = spread[0].shape
    return SymbolicArray(
        objects((form(*entry) for entry in zip(*(s.flat for s in spread), strict=True)), shape)
    )


class SymbolicArray:
    """An array of expressions which NumPy's functions and operators accept.

    Parameters
    ----------
    values : numpy.ndarray
        Of dtype object, its entries SymPy expressions or conditions.

    Examples
    --------
    >>> t = SymbolicArray(objects(sympy.symbols("a b", real=True), (2,)))
    >>> np.exp(2 * t)
    SymbolicArray([exp(2*a), exp(2*b)])
    """

    __array_priority__ = 1000.0
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, values: Objects) -> None:
        self._elements = values

    def __repr__(self) -> str:
        return f"SymbolicArray({self._elements.tolist()})"

    # What NumPy asks for ------------------------------------------------------------------

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return np

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError(
            "a traced value cannot become a NumPy array, nor an index into one: it holds no "
            "numbers. Join traced values with np.stack or np.concatenate; leave out np.array and "
            "np.asarray; write a @ b in place of a.dot(b), and np.where in place of an assignment "
            "to an entry"
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from symdiff.routines import REDUCTIONS, check_keywords

        name = f"np.{ufunc.__name__}"
        check_keywords(name if method == "__call__" else f"{name}.{method}", kwargs)
        if method == "reduce" and ufunc in REDUCTIONS:
            return REDUCTIONS[ufunc](inputs[0], **{"axis": 0, **kwargs})
        if method == "outer":
            left, right = (elements(value) for value in inputs)
            left = left.reshape(left.shape + (1,) * right.ndim)
            return _operate(ufunc, SymbolicArray(left), SymbolicArray(right))
        if method != "__call__":
            reducible = ", ".join(f"np.{known.__name__}" for known in REDUCTIONS)
            raise Untraceable(
                f"{name}.{method}: not traceable; .reduce of {reducible} is, and .outer of every "
                "elementwise operation"
            )
        return _elementwise(ufunc, [elements(value) for value in inputs])

    def __array_function__(
        self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        from symdiff.routines import call

        return call(func, args, kwargs)

    # Shape --------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self._elements.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._elements.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._elements.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the numbers for which the elements stand: float64."""
        return np.dtype(np.float64)

    @property
    def T(self) -> SymbolicArray:  # noqa: N802 - NumPy's name
        """The array with its axes reversed."""
        return SymbolicArray(self._elements.T)

    @property
    def mT(self) -> SymbolicArray:  # noqa: N802 - NumPy's name
        """The array with its last two axes swapped."""
        return SymbolicArray(self._elements.mT)

    @property
    def flat(self) -> Iterator[SymbolicArray]:
        """The elements, one after the other."""
        return iter(self.reshape(-1))

    def __len__(self) -> int:
        return len(self._elements)

    def __iter__(self) -> Iterator[SymbolicArray]:
        if self.ndim == 0:
            raise TypeError("iteration over a traced scalar: it has no axis")
        return (self[position] for position in range(len(self)))

    def __getitem__(self, index: Any) -> SymbolicArray:
        entries = index if isinstance(index, tuple) else (index,)
        if any(isinstance(entry, SymbolicArray) for entry in entries):
            raise TypeError(
                "a traced value cannot be an index: which entry it selects is not known; "
                "use np.where"
            )
        chosen = self._elements[index]
        return SymbolicArray(chosen if isinstance(chosen, np.ndarray) else objects([chosen], ()))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "traced values cannot be assigned to; use np.where to replace entries, or np.stack and "
            "np.concatenate to build an array"
        )

    # What has no symbolic meaning -----------------------------------------------------------

    def __bool__(self) -> bool:
        raise TypeError(
            "the truth of a traced value is not known: write np.where(condition, a, b) in place of "
            "`if`, `and`, `or`, and np.maximum / np.minimum in place of max / min"
        )

    def __float__(self) -> float:
        raise TypeError(_no_number("float"))

    def __int__(self) -> int:
        raise TypeError(_no_number("int"))

    def __index__(self) -> int:
        raise TypeError(_no_number("an index or int"))

    def __complex__(self) -> complex:
        raise TypeError(_no_number("complex"))

    def item(self) -> SymbolicArray:
        """Return the only element as a traced scalar."""
        if self.size != 1:
            raise ValueError(f"item: the array of shape {self.shape} has not one element")
        return self.reshape(())

    def astype(self, dtype: Any, **kwargs: Any) -> SymbolicArray:
        """Return the array itself, which stands for float64 numbers; other dtypes are refused."""
        if not np.issubdtype(np.dtype(dtype), np.floating):
            raise Untraceable(f"astype({dtype!r}): not traceable; formulas have real values only")
        return SymbolicArray(objects(map(numeric, self._elements.flat), self.shape))

    # Methods that are NumPy's functions ------------------------------------------------------

    def sum(self, axis: Any = None, **kwargs: Any) -> SymbolicArray:
        """Return `numpy.sum` of the array."""
        return _numpy("sum", self, axis=axis, **kwargs)

    def mean(self, axis: Any = None, **kwargs: Any) -> SymbolicArray:
        """Return `numpy.mean` of the array."""
        return _numpy("mean", self, axis=axis, **kwargs)

    def prod(self, axis: Any = None, **kwargs: Any) -> SymbolicArray:
        """Return `numpy.prod` of the array."""
        return _numpy("prod", self, axis=axis, **kwargs)

    def max(self, axis: Any = None, **kwargs: Any) -> SymbolicArray:
        """Return `numpy.max` of the array."""
        return _numpy("max", self, axis=axis, **kwargs)

    def min(self, axis: Any = None, **kwargs: Any) -> SymbolicArray:
        """Return `numpy.min` of the array."""
        return _numpy("min", self, axis=axis, **kwargs)

    def var(self, axis: Any = None, **kwargs: Any) -> SymbolicArray:
        """Return `numpy.var` of the array."""
        return _numpy("var", self, axis=axis, **kwargs)

    def std(self, axis: Any = None, **kwargs: Any) -> SymbolicArray:
        """Return `numpy.std` of the array."""
        return _numpy("std", self, axis=axis, **kwargs)

    def cumsum(self, axis: Any = None) -> SymbolicArray:
        """Return `numpy.cumsum` of the array."""
        return _numpy("cumsum", self, axis=axis)

    def dot(self, other: Any) -> SymbolicArray:
        """Return `numpy.dot` of the array and another."""
        return _numpy("dot", self, other)

    def clip(self, min: Any = None, max: Any = None) -> SymbolicArray:
        """Return `numpy.clip` of the array."""
        return _numpy("clip", self, min, max)

    def trace(self, offset: int = 0) -> SymbolicArray:
        """Return `numpy.trace` of the array."""
        return _numpy("trace", self, offset)

    def diagonal(self, offset: int = 0) -> SymbolicArray:
        """Return `numpy.diagonal` of the array."""
        return _numpy("diagonal", self, offset)

    def reshape(self, *shape: Any, **kwargs: Any) -> SymbolicArray:
        """Return the elements in another shape."""
        return SymbolicArray(self._elements.reshape(*shape, **kwargs))

    def transpose(self, *axes: Any) -> SymbolicArray:
        """Return the array with its axes permuted."""
        return SymbolicArray(self._elements.transpose(*axes))

    def swapaxes(self, first: int, second: int) -> SymbolicArray:
        """Return the array with two axes exchanged."""
        return SymbolicArray(self._elements.swapaxes(first, second))

    def ravel(self) -> SymbolicArray:
        """Return the elements along one axis."""
        return self.reshape(-1)

    def flatten(self) -> SymbolicArray:
        """Return the elements along one axis."""
        return self.reshape(-1)

    def squeeze(self, axis: Any = None) -> SymbolicArray:
        """Return the array without axes of length one."""
        return SymbolicArray(self._elements.squeeze(axis))

    def repeat(self, repeats: Any, axis: int | None = None) -> SymbolicArray:
        """Return `numpy.repeat` of the array."""
        return _numpy("repeat", self, repeats, axis)

    def copy(self) -> SymbolicArray:
        """Return the array itself: traced values never change."""
        return self

    # Operators --------------------------------------------------------------------------------

    def __neg__(self) -> SymbolicArray:
        return _operate(np.negative, self)

    def __pos__(self) -> SymbolicArray:
        return self

    def __abs__(self) -> SymbolicArray:
        return _operate(np.absolute, self)

    def __invert__(self) -> SymbolicArray:
        return _operate(np.invert, self)

    def __pow__(self, exponent: Any, modulo: None = None) -> SymbolicArray:
        return _operate(np.power, self, exponent)

    def __rpow__(self, base: Any, modulo: None = None) -> SymbolicArray:
        return _operate(np.power, base, self)


def _no_number(kind: str) -> str:
    """Return why a traced value has no number of a kind, and what to write instead."""
    return (
        f"a traced value has no number yet and cannot become {kind}: use NumPy's functions (np.exp "
        "in place of math.exp), leave out conversions, and join values with np.stack"
    )


def _numpy(name: str, *args: Any, **kwargs: Any) -> SymbolicArray:
    """Return NumPy's function of a name, as its dispatch would call it."""
    from symdiff.routines import call

    result: SymbolicArray = call(getattr(np, name), args, kwargs)
    return result


def _elementwise(ufunc: np.ufunc, operands: list[Objects]) -> SymbolicArray:
    """Return a ufunc of object arrays, by whichever table has it."""
    if ufunc in ELEMENTWISE:
        form = ELEMENTWISE[ufunc].form
        return map_elements(lambda *args: form(*map(numeric, args)), *operands)
    if ufunc in COMPARISONS:
        relation = COMPARISONS[ufunc]
        return map_elements(lambda x, y: compare(relation, x, y), *operands)
    if ufunc in LOGIC:
        logic = LOGIC[ufunc]
        return map_elements(lambda *args: logic(*map(condition, args)), *operands)
    from symdiff.routines import UFUNC_PRODUCTS, not_known

    if ufunc in UFUNC_PRODUCTS:
        product: SymbolicArray = UFUNC_PRODUCTS[ufunc](*operands)
        return product
    raise Untraceable(not_known(f"numpy.{ufunc.__name__}"))


def _operate(ufunc: np.ufunc, *operands: Any) -> SymbolicArray:
    """Return a ufunc of operands of which one at least is traced."""
    result: SymbolicArray = ufunc(*operands)
    return result


def _binary(ufunc: np.ufunc) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the two methods of a binary operator: from the left and from the right."""
    return (
        lambda self, other: _operate(ufunc, self, other),
        lambda self, other: _operate(ufunc, other, self),
    )


for _name, _ufunc in {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "matmul": np.matmul,
    "mod": np.remainder,
    "floordiv": np.floor_divide,
    "and": np.logical_and,
    "or": np.logical_or,
}.items():
    for _side, _method in zip(("", "r"), _binary(_ufunc), strict=True):
        setattr(SymbolicArray, f"__{_side}{_name}__", _method)

for _name, _ufunc in {
    "gt": np.greater,
    "ge": np.greater_equal,
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}.items():
    setattr(SymbolicArray, f"__{_name}__", _binary(_ufunc)[0])
