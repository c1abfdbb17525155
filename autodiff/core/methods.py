"""Methods and attributes of arrays, on tensors.

Each is the NumPy function of the same name. Those that would write into the array, or hand out
its buffer, raise.
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.core.batched import buffer_id

__all__ = ["ArrayMethods", "put_in_place"]

#: Methods that are the function of the same name.
_SAME = (
    *("all", "any", "argmax", "argmin", "argpartition", "argsort", "choose"),
    *("cumprod", "cumsum", "diagonal", "dot", "max", "mean", "min", "nonzero"),
    *("prod", "ravel", "repeat", "round", "searchsorted", "squeeze", "std", "sum", "swapaxes"),
    *("take", "trace", "var"),
)
#: Methods that change an array in place, and what to write instead.
_IN_PLACE = {
    "fill": "np.full_like",
    "partition": "np.partition(t, kth)",
    "put": "np.where",
    "resize": "np.resize or reshape",
    "setfield": "np.where",
    "sort": "np.sort(t)",
}
#: Methods that turn the elements into something that has no derivative.
_LOSING = {
    "as_integer_ratio": "use np.mean, np.var, ... instead of statistics.mean, fractions.Fraction",
    "hex": "use the tensor itself",
    "item": "index it: t[0]",
    "tolist": "use list(tensor)",
    "tobytes": "use the tensor itself",
    "tofile": "save the result of the function instead",
    "dump": "save the result of the function instead",
    "dumps": "save the result of the function instead",
}


def _same(name: str) -> Callable[..., Any]:
    function = getattr(np, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"As ``np.{name}`` of the tensor."
    return method


def _in_place(name: str, instead: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        plain, stores = self._now(), self.tape.stores
        if type(plain) is not type(self):
            done = stores.plainly(getattr(plain, name), args, kwargs)
            if done is not NotImplemented:
                return done
        if stores is None or name not in _WRITTEN:
            raise self.tape.refused(
                f"{name}() would change a tensor in place: use {instead}, a new array"
            )
        return _WRITTEN[name](self, *args, **kwargs)

    method.__name__, method.__doc__ = name, f"Write in place, or say that {instead} is to be used."
    return method


def _losing(name: str, instead: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        plain = self._now()
        if type(plain) is not type(self):
            return getattr(plain, name)(*args, **kwargs)
        if self.tape.stores is None or name not in _KEPT:
            raise self.tape.refused(f"{name}() of a tensor would lose its derivative: {instead}")
        return _KEPT[name](self, *args, **kwargs)

    method.__name__, method.__doc__ = name, f"Raise: {instead}."
    return method


def _written(x: Any, value: Any) -> None:
    x[...] = value


def _item(x: Any, *place: Any) -> Any:
    """Return an element, which stays a tensor."""
    if not place:
        return x.reshape(())[()]
    place = place[0] if len(place) == 1 else place
    return x.reshape(-1)[place] if isinstance(place, int | np.integer) else x[place]


def _listed(x: Any) -> Any:
    """Return nested lists of elements, which stay tensors."""
    return [_listed(part) for part in x] if x.ndim else x


#: What the methods do where tensors can be written into.
_WRITTEN: dict[str, Callable[..., None]] = {
    "fill": _written,
    "sort": lambda x, axis=-1, **kwargs: _written(x, np.sort(x, axis, **kwargs)),
    "partition": lambda x, kth, axis=-1, **kwargs: _written(x, np.partition(x, kth, axis)),
    "put": np.put,
}
_KEPT: dict[str, Callable[..., Any]] = {"item": _item, "tolist": _listed}


class Flat:
    """The elements of an array that can be written into, one after the other: ``array.flat``."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def __len__(self) -> int:
        return int(self._array.size)

    def __getitem__(self, index: Any) -> Any:
        return np.ravel(self._array)[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        places = np.arange(len(self))[index]
        if np.ndim(places):
            # As many values as there are places, from the start again where they are fewer.
            value = np.resize(value, np.shape(places))
        self._array[np.unravel_index(places, self._array.shape)] = value

    def __iter__(self) -> Any:
        return iter(np.ravel(self._array))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(np.ravel(self._array), dtype)


class ArrayMethods:
    """Methods and attributes of arrays."""

    __slots__ = ()

    @property
    def T(self) -> Any:  # noqa: N802 (the name is NumPy's)
        """The axes reversed."""
        return np.transpose(self)

    @property
    def mT(self) -> Any:  # noqa: N802 (the name is NumPy's)
        """The last two axes swapped."""
        return np.matrix_transpose(self)

    @property
    def real(self) -> Any:
        """The real part."""
        return np.real(self)

    @real.setter
    def real(self, value: Any) -> None:
        np.real(self)[...] = value

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return np.imag(self)

    @imag.setter
    def imag(self, value: Any) -> None:
        np.imag(self)[...] = value

    @property
    def flat(self: Any) -> Any:
        """The elements along one axis."""
        return self.reshape(-1) if self.tape.stores is None else Flat(self)

    @flat.setter
    def flat(self: Any, value: Any) -> None:
        Flat(self)[:] = value

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return int(np.dtype(self.dtype).itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return int(np.size(self)) * self.itemsize

    def reshape(self, *shape: Any, **kwargs: Any) -> Any:
        """Return the same elements in another shape, as ``np.reshape``."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, **kwargs)

    def flatten(self, order: Any = "C") -> Any:
        """Return a copy of the elements along one axis."""
        return np.copy(np.ravel(self, order))

    def transpose(self, *axes: Any) -> Any:
        """Return the axes permuted, as ``np.transpose``."""
        if len(axes) == 1 and not isinstance(axes[0], int | np.integer):
            axes = axes[0]
        return np.transpose(self, axes or None)

    def clip(self, min: Any = None, max: Any = None, **kwargs: Any) -> Any:
        """As ``np.clip``, which asks for both bounds."""
        return np.clip(self, min, max, **kwargs)

    def compress(self, condition: Any, axis: int | None = None) -> Any:
        """Return the slices where a condition holds, as ``np.compress``."""
        return np.compress(condition, self, axis=axis)

    def copy(self, order: Any = "C") -> Any:
        """Return a copy, which in-place operators may change without changing the original."""
        return np.copy(self, order)

    def conj(self) -> Any:
        """Return the complex conjugate; a real tensor is its own, no copy."""
        return np.conjugate(self) if np.iscomplexobj(self) else self

    conjugate = conj

    def astype(
        self,
        dtype: Any,
        order: Any = "K",
        casting: Any = "unsafe",
        subok: bool = True,
        copy: bool = True,
    ) -> Any:
        """Return the value in another floating-point type."""
        return np.astype(self, dtype, copy=copy)  # type: ignore[call-overload]

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


def _attribute(name: str, ufunc: np.ufunc | None) -> property:
    """Return the getter of an attribute that a tensor has where it stands for a plain array only.

    And universal functions: ``np.exp(np.array([t, u]))`` calls ``t.exp()``.
    """

    def read(self: Any) -> Any:
        plain = self._now()
        if type(plain) is not type(self):
            return self.tape.stores.attribute(plain, name)
        if ufunc is not None:
            return functools.partial(ufunc, self)
        hint = ", as it has no memory of its own: use NumPy functions of the tensor"
        raise AttributeError(
            f"a tensor has no attribute {name!r}{hint if hasattr(np.ndarray, name) else ''}"
        )

    return property(read)


for _name in _SAME:
    setattr(ArrayMethods, _name, _same(_name))
for _name, _instead in _IN_PLACE.items():
    setattr(ArrayMethods, _name, _in_place(_name, _instead))
for _name, _instead in _LOSING.items():
    setattr(ArrayMethods, _name, _losing(_name, _instead))
# By names that are known: a class with ``__getattr__`` makes Python look up every attribute of its
# objects anew, which takes three times as long.
_functions = {n: f for n, f in vars(np).items() if isinstance(f, np.ufunc) and f.nin == 1}
# Those of two that NumPy calls so.
_functions |= {"arctan2": np.arctan2, "fmod": np.fmod, "hypot": np.hypot}
for _name in {*_functions, *dir(np.ndarray), *dir(np.float64), *dir(np.complex128)}:
    if not _name.startswith("_") and not hasattr(ArrayMethods, _name):
        setattr(ArrayMethods, _name, _attribute(_name, _functions.get(_name)))


def put_in_place(old: Any, new: Any) -> Any:
    """Return the result of an in-place operator, as NumPy would leave it in the old array."""
    if new is NotImplemented:
        return new
    if old.tape.stores is not None:
        return old.tape.stores.replaced(old, new)
    owner = buffer_id(old)
    if owner is None:
        return new
    if new.shape != old.shape:
        raise ValueError(
            f"in-place operator: the result has shape {new.shape}, the array {old.shape}: "
            "write a = a + b instead of a += b"
        )
    new = new.astype(old.dtype, copy=False)
    old.tape.written[owner] = len(old.tape.nodes)
    whole: Any = old
    while _is_view(whole, owner):
        whole = whole.operands[0]
    old.tape.write(whole)
    if old.tape.batch is not None:
        # Held, so that its memory, and with it the identity, goes to no other array.
        old.tape.nodes.append(old)
    return new


def _is_view(x: Any, owner: int) -> bool:
    """Return whether a tensor shows its operand, in memory of that owner."""
    if x.primitive is None or x.primitive.kind in ("elementwise", "discrete"):
        return False
    source: Any = x.operands[0] if x.operands else None
    return type(source) is type(x) and source.tape is x.tape and buffer_id(source) == owner
