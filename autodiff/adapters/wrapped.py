"""Arrays that answer NumPy's protocols by the functions of a library."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["Wrapped"]

#: Kinds of NumPy's numbers: types that other libraries add, such as bfloat16, are of none.
_KINDS = frozenset("fciub")


class Wrapped:
    """An array of a library that answers NumPy's protocols.

    Parameters
    ----------
    array : array
        The array of the library.
    adapter : Namespace
        The functions of the library.
    """

    __array_priority__ = 100.0
    __slots__ = ("adapter", "array")

    def __init__(self, array: Any, adapter: Any) -> None:
        self.array, self.adapter = array, adapter

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return tuple(self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its data type, as NumPy names it."""
        kind: np.dtype[Any] = self.array.dtype
        if not isinstance(kind, np.dtype):
            name = str(kind).rpartition(".")[2]
            kind = np.dtype(name) if hasattr(np, name) else kind
        if getattr(kind, "kind", "") not in _KINDS:
            raise TypeError(
                f"an array of {self.adapter.name} of type {kind} arrived, which NumPy does not "
                "have: convert it to float32"
            )
        return kind

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: math.prod(self.shape))
    T = property(lambda self: np.transpose(self))
    real = property(lambda self: np.real(self))
    imag = property(lambda self: np.imag(self))

    def __repr__(self) -> str:
        return f"Wrapped({self.array!r})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError(
            f"an array of {self.adapter.name} arrived where NumPy needs one of its own: take "
            "functions of NumPy that the library has, or convert x.array yourself"
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs or any([hasattr(x, "operands") for x in inputs]):
            return NotImplemented
        return self.adapter.called(ufunc.__name__.lstrip("_"), ufunc, self.array, inputs, {})

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if any([t is not Wrapped and not issubclass(t, np.ndarray) for t in types]):
            return NotImplemented
        if function in _FACTS:
            return _FACTS[function](*args, **kwargs)
        module = function.__module__.split(".")[1:]
        path = ".".join([*[m for m in module if m in ("linalg", "fft")], function.__name__])
        return self.adapter.called(path, function, self.array, args, kwargs)

    def __getitem__(self, index: Any) -> "Wrapped":
        return Wrapped(
            self.adapter.taken(self.array, self.adapter.held(index, self.array)), self.adapter
        )

    def __setitem__(self, index: Any, value: Any) -> None:
        if hasattr(value, "operands"):
            raise TypeError(
                f"a tensor cannot be written into an array of {self.adapter.name}: put it together "
                "by np.where, np.concatenate or np.stack"
            )
        index, value = (self.adapter.held(x, self.array) for x in (index, value))
        self.array = self.adapter.written(self.array, index, value)

    def astype(self, dtype: Any) -> "Wrapped":
        """Return the array in another data type."""
        return Wrapped(self.adapter.cast(self.array, np.dtype(dtype)), self.adapter)

    def copy(self) -> "Wrapped":
        """Return a copy."""
        return Wrapped(self.adapter.copied(self.array), self.adapter)

    def reshape(self, *shape: Any) -> "Wrapped":
        """Return the elements in another shape."""
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return Wrapped(self.array.reshape(wanted), self.adapter)

    def item(self) -> Any:
        """Return the one element as a number of Python."""
        return self.array.item()

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.array)

    def __float__(self) -> float:
        return float(self.array)

    def __index__(self) -> int:
        return int(self.array)


def _operators(name: str, ufunc: np.ufunc) -> None:
    def operate(self: Any, other: Any) -> Any:
        return NotImplemented if hasattr(other, "operands") else ufunc(self, other)

    def reflected(self: Any, other: Any) -> Any:
        return NotImplemented if hasattr(other, "operands") else ufunc(other, self)

    setattr(Wrapped, f"__{name}__", operate)
    setattr(Wrapped, f"__r{name}__", reflected)


for _name, _ufunc in {
    **{"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide},
    **{"matmul": np.matmul, "pow": np.power, "mod": np.remainder, "and": np.bitwise_and},
    **{"or": np.bitwise_or, "xor": np.bitwise_xor, "eq": np.equal, "ne": np.not_equal},
    **{"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal},
    **{"floordiv": np.floor_divide},
}.items():
    _operators(_name, _ufunc)
for _name, _ufunc in {
    "neg": np.negative,
    "pos": np.positive,
    "abs": np.absolute,
    "invert": np.invert,
}.items():
    setattr(Wrapped, f"__{_name}__", lambda self, ufunc=_ufunc: ufunc(self))
for _name in ("sum", "mean", "max", "min", "prod", "any", "all", "ravel", "transpose", "argmax"):
    setattr(
        Wrapped,
        _name,
        lambda self, *args, name=_name, **kwargs: getattr(np, name)(self, *args, **kwargs),
    )

#: What is known without computing.
_FACTS: dict[Any, Callable[..., Any]] = {
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
    np.iscomplexobj: lambda x: x.dtype.kind == "c",
    np.result_type: lambda *xs: np.result_type(*[x.dtype if type(x) is Wrapped else x for x in xs]),
}
