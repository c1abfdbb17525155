"""`TracedArray`: NumPy's protocols, operators and refusals, for arrays of formulas of any kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, NoReturn, Self

import numpy as np

from symdiff.errors import KNOWN, Untraceable, name_of, noted
from symdiff.tracing.catching import RAISING, check_not_caught

__all__ = ["TracedArray", "add_methods", "known_index"]


class TracedArray:
    """An array that holds no numbers yet: base of what traced functions receive."""

    __array_priority__ = 1000.0
    __hash__ = None  # type: ignore[assignment]
    __slots__ = ()

    # What answers NumPy's functions; registered by the module of functions, which needs the class.
    call_ufunc: ClassVar[Callable[..., Any]]  #: takes the array, ufunc, method, inputs, keywords
    call_function: ClassVar[Callable[..., Any]]  #: takes the array, function, arguments, keywords

    shape: Any

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """The class of what it stands for, which `isinstance` and `match` ask for."""
        return np.ndarray if self.shape else np.float64

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        known = self.known()
        if known is not None:
            return known if dtype is None else known.astype(dtype)
        raise noted(
            TypeError(
                "a traced value cannot become a NumPy array, nor an index into one: it holds no "
                "numbers. Join traced values with np.stack or np.concatenate; leave out np.array "
                "and np.asarray; write a @ b in place of a.dot(b); entries are assigned to those "
                "of a traced array: np.zeros_like(x) or x.copy() in place of np.zeros"
            )
        )

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return np

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        where, (target, *others) = kwargs.get("where", True), kwargs.get("out") or (None,)
        if method == "__call__" and where is not True and not others:
            if not isinstance(target, TracedArray):
                raise Untraceable(
                    f"np.{ufunc.__name__}(where=...): traceable with out=, a traced array which "
                    "holds what stands elsewhere, such as np.zeros_like(x); or use np.where"
                )
            whole: Any = target
            whole[...] = np.where(where, ufunc(*inputs), whole.copy())
            return target
        return self.call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(
        self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if func in _NEUTRAL and not {"where", "initial"}.isdisjoint(kwargs):
            return _reduced(func, *args, **kwargs)
        if func.__name__ in RAISING:
            check_not_caught(name_of(func), np.linalg.LinAlgError)
        return self.call_function(func, args, kwargs)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the numbers for which the elements stand: float64."""
        return np.dtype(np.float64)

    def known(self) -> Any:
        """Return its numbers where no argument has a part in them, else None."""
        return None

    def counted(self) -> Self:
        """Return conditions as numbers: 1 where they hold, else 0."""
        raise NotImplementedError

    def is_condition(self) -> bool:
        """Return whether the elements hold or do not."""
        return False

    def astype(self, dtype: Any, **kwargs: Any) -> Self:
        """Return a copy, which stands for float64 numbers as well; other dtypes are refused."""
        if self.is_condition() and np.dtype(dtype).kind in "iub":
            return self.copy() if np.dtype(dtype).kind == "b" else self.counted()
        if not np.issubdtype(np.dtype(dtype), np.floating):
            raise Untraceable(f"astype({dtype!r}): not traceable; formulas have real values only")
        return self.copy() if kwargs.get("copy", True) else self

    def copy(self, order: str = "C") -> Self:
        """Return a copy, which keeps its values when this array is written into."""
        raise NotImplementedError

    def tolist(self) -> Any:
        """Return a list of lists of the traced elements."""
        rows: Any = self
        return [row.tolist() for row in rows] if self.shape else self

    def sort(self, axis: int = -1, **keywords: Any) -> None:
        """Put the elements in order, in place."""
        whole: Any = self
        whole[...] = np.sort(whole, axis=axis, **keywords)

    def update(self, operation: Callable[..., Any], other: Any) -> Any:
        """Return an in-place operator: what it wrote into this array, or a new scalar."""
        raise NotImplementedError

    # What has no symbolic meaning -----------------------------------------------------------

    def no_number(self, kind: str) -> str:
        """Return the message for code that wants a number of a kind: the reason, and the cure."""
        raise NotImplementedError

    def refuse(self, message: str) -> NoReturn:
        """Refuse what an array of NumPy's of this shape does, where it does."""
        error = TypeError(message)
        raise error if any(n != 1 for n in self.shape) else noted(error)

    def __bool__(self) -> bool:
        known = self.known()
        if known is not None:
            return bool(known)
        self.refuse(
            "the truth of a traced value is not known: write np.where(condition, a, b) in place of "
            "`if`, `and`, `or`, and np.maximum / np.minimum in place of max / min; leave out "
            "`assert`"
        )

    def __float__(self) -> float:
        known = self.known()
        if known is not None:
            return float(known)
        self.refuse(self.no_number("float"))

    def __int__(self) -> NoReturn:
        self.refuse(self.no_number("int"))

    def __index__(self) -> NoReturn:
        raise TypeError(self.no_number("an index or int"))

    def __complex__(self) -> NoReturn:
        self.refuse(self.no_number("complex"))

    def __getattr__(self, name: str) -> NoReturn:
        known = not name.startswith("__") and hasattr(np.ndarray, name)
        if not known:
            raise AttributeError(f"arrays have no attribute {name!r}")
        refusal = Untraceable(f"x.{name} of an array: not known to the symbolic tracer; {KNOWN}")
        raise AttributeError(str(refusal)) from refusal

    # Operators --------------------------------------------------------------------------------

    def __neg__(self) -> Any:
        return np.negative(self)

    def __pos__(self) -> Self:
        return self.copy()

    def __abs__(self) -> Any:
        return np.absolute(self)

    def __invert__(self) -> Any:
        return np.logical_not(self)


#: What changes nothing in a reduction; None if nothing does.
_NEUTRAL: dict[Any, Any] = {
    **dict.fromkeys((np.sum, np.mean), 0.0),
    np.prod: 1.0,
    **dict.fromkeys((np.max, np.amax, np.min, np.amin), None),
}


def _reduced(function: Any, a: Any, *args: Any, **keywords: Any) -> Any:
    """Return a reduction of some entries alone, or of these and a number."""
    where, initial = keywords.pop("where", True), keywords.pop("initial", np._NoValue)
    where = True if where is np._NoValue else where
    neutral = _NEUTRAL[function] if _NEUTRAL[function] is not None else initial
    if where is not True:
        if neutral is np._NoValue:
            raise ValueError(f"np.{function.__name__}(where=...) needs initial=")
        a = np.where(where, a, neutral)
    if function is np.mean:
        counts = np.broadcast_to(np.where(where, 1.0, 0.0), a.shape)
        return np.sum(a, *args, **keywords) / np.sum(counts, *args, **keywords)
    result = function(a, *args, **keywords)
    if initial is np._NoValue:
        return result
    joined: dict[Any, Any] = {np.sum: np.add, np.prod: np.multiply}
    largest = function in (np.max, np.amax)
    return joined.get(function, np.maximum if largest else np.minimum)(initial, result)


def _operators(ufunc: np.ufunc) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the two methods of a binary operator: from the left and from the right."""
    return (lambda self, other: ufunc(self, other)), (lambda self, other: ufunc(other, self))


def _in_place(ufunc: np.ufunc) -> Callable[..., Any]:
    """Return the method of an in-place operator."""
    return lambda self, other: self.update(ufunc, other)


for _name, _ufunc in {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "pow": np.power,
    "matmul": np.matmul,
    "mod": np.remainder,
    "divmod": np.divmod,
    "floordiv": np.floor_divide,
    "and": np.logical_and,
    "or": np.logical_or,
}.items():
    for _side, _operator in zip(("", "r"), _operators(_ufunc), strict=True):
        setattr(TracedArray, f"__{_side}{_name}__", _operator)
    setattr(TracedArray, f"__i{_name}__", _in_place(_ufunc))

for _name, _ufunc in {
    "gt": np.greater,
    "ge": np.greater_equal,
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}.items():
    setattr(TracedArray, f"__{_name}__", _operators(_ufunc)[0])


def known_index(index: Any) -> Any:
    """Return an index with numbers for what no argument has a part in."""
    if isinstance(index, tuple):
        return tuple(map(known_index, index))
    if isinstance(index, range):
        return list(index)
    known = index.known() if isinstance(index, TracedArray) else None
    return index if known is None or known.dtype != bool else known


def add_methods(
    kind: type[TracedArray], names: Iterable[str], call: Callable[..., Any] | None = None
) -> None:
    """Give a class the methods that are NumPy's functions of the same names.

    `call` takes the function, its arguments and keywords, and is NumPy's own dispatch if not given.
    """

    def method_of(name: str) -> Callable[..., Any]:
        function = getattr(np, name)

        def method(self: TracedArray, *args: Any, **kwargs: Any) -> Any:
            if call is None:
                return function(self, *args, **kwargs)
            return call(function, (self, *args), kwargs)

        method.__name__ = name
        method.__doc__ = f"Return `numpy.{name}` of the array."
        return method

    for name in names:
        setattr(kind, name, method_of(name))
