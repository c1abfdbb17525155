"""The functions of a library by the names of NumPy's and SciPy's."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autodiff.adapters.wrapped import Wrapped
from autodiff.core.pytrees import flatten

__all__ = ["Namespace", "products"]


class Namespace:
    """The functions of a library by the names of NumPy's.

    Parameters
    ----------
    name : str
        The name of the library.
    xp : module
        Its functions, most of them by NumPy's names.
    special : module
        Its functions by the names of SciPy's.
    table : dict of str to callable
        Functions that it has otherwise than NumPy. One may return NotImplemented.
    """

    def __init__(
        self, name: str, xp: Any, special: Any, table: Mapping[str, Callable[..., Any]]
    ) -> None:
        self.name, self.xp, self._special, self._table = name, xp, special, table

    def __repr__(self) -> str:
        return f"<NumPy's functions of arrays of {self.name}>"

    def asarray(self, x: Any) -> Wrapped:
        """Return an array that NumPy's functions compute with in the library."""
        return x if type(x) is Wrapped else Wrapped(self.moved(x, None), self)

    def function(self, path: str, elementwise: bool = False) -> Callable[..., Any] | None:
        """Return the function of the library by the name of NumPy's, such as ``linalg.inv``."""
        if path in self._table:
            return self._table[path]
        found: Any = self.xp
        for part in path.split("."):
            found = getattr(found, part, None)
        found = found or getattr(self._special, path, None)
        return found if callable(found) else None

    def called(self, path: str, function: Any, home: Any, args: Any, kwargs: Any) -> Any:
        """Return the result of a function of NumPy or SciPy, by the library or else on the host.

        What comes from the host is put beside the array `home`.
        """
        elementwise = isinstance(function, np.ufunc)
        found = self.function(path, elementwise)
        result = NotImplemented
        if found is not None:
            numbers = elementwise and len(args) > 1
            result = found(
                *[self.held(x, home, numbers) for x in args],
                **{k: self.held(x, home) for k, x in kwargs.items()},
            )
        if result is not NotImplemented:
            return self.given(result)
        if "out" in kwargs:
            return NotImplemented
        return self.by_host(path, function, home, args, kwargs)

    def by_host(self, path: str, function: Any, home: Any, args: Any, kwargs: Any) -> Any:
        """Return the result of NumPy or SciPy, for want of a function of the library."""
        leaves, structure = flatten((args, kwargs))
        args, kwargs = structure.unflatten(
            [self.on_host(x.array, path) if type(x) is Wrapped else x for x in leaves]
        )
        leaves, structure = flatten(function(*args, **kwargs))
        # A copy: what is a view there, or read-only, would be neither here.
        return structure.unflatten(
            [
                Wrapped(self.moved(np.array(x), home), self)
                if isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "fciub"
                else x
                for x in leaves
            ]
        )

    def on_host(self, array: Any, path: str) -> Any:
        """Return an array as NumPy's, or refuse one that is on a device."""
        raise self.lacking(path, "a device")

    def lacking(self, path: str, where: str) -> TypeError:
        """Return the error of a function that the library does not have."""
        return TypeError(
            f"{path}: {self.name} has no such function, and NumPy and SciPy compute on the host, "
            f"but the array is on {where}: use functions that {self.name} has, or move the array "
            "to the host"
        )

    def held(self, x: Any, home: Any, numbers: bool = False) -> Any:
        """Return an argument as the library takes it, beside an array; `numbers` of its type."""
        if type(x) is Wrapped:
            return x.array
        if isinstance(x, list | tuple):
            return type(x)([self.held(i, home, numbers) for i in x])
        if isinstance(x, np.ndarray):
            return self.moved(x if x.flags.writeable else x.copy(), home)
        return x.item() if isinstance(x, np.generic) else x

    def moved(self, x: Any, home: Any) -> Any:
        """Return a value as an array of the library, beside another one if given."""
        return self.xp.asarray(x)

    def given(self, x: Any) -> Any:
        """Return a result of the library with its arrays wrapped."""
        if isinstance(x, tuple | list):
            return tuple(map(self.given, x))
        return Wrapped(x, self) if hasattr(x, "shape") and hasattr(x, "dtype") else x

    def cast(self, array: Any, dtype: np.dtype[Any]) -> Any:
        """Return a copy in another data type."""
        return array.astype(dtype)

    def copied(self, array: Any) -> Any:
        """Return a copy."""
        return array.copy()

    def taken(self, array: Any, index: Any) -> Any:
        """Return some elements."""
        return array[index]

    def written(self, array: Any, index: Any, value: Any) -> Any:
        """Return an array with some elements written: itself, if it can change."""
        array[index] = value
        return array


def products(matmul: Callable[..., Any], conj: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Return the products of stacks of vectors, for a library that has only those of matrices."""
    return {
        "vecdot": lambda x, y: matmul(conj(x)[..., None, :], y[..., :, None])[..., 0, 0],
        "matvec": lambda x, y: matmul(x, y[..., :, None])[..., 0],
        "vecmat": lambda x, y: matmul(conj(x)[..., None, :], y)[..., 0, :],
    }
