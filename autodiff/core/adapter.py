"""Arrays of JAX and PyTorch, which do not answer NumPy's protocols, as ones that do."""

import importlib
import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from autodiff.core.libraries import ADAPTERS

__all__ = ["Namespace", "Wrapped", "wrap"]

_NUMBERS = (bool, int, float, complex)


def wrap(xp: ModuleType) -> "Namespace":
    """Return the adapter of an array library; from now on derivatives take its arrays.

    Parameters
    ----------
    xp : module
        ``jax.numpy``, ``torch``, or the namespace of `array_api_compat` for one of them.

    Returns
    -------
    Namespace
        ``asarray`` makes arrays that NumPy's functions compute with in `xp`.

    Raises
    ------
    TypeError
        If `xp` is another module.

    Notes
    -----
    `grad`, `value_and_grad`, `vjp`, `jvp`, `elementwise_grad`, `hvp`, `jacobian` and `hessian` of a
    plain NumPy function then take arrays of `xp`, on whatever device, and return such; under
    ``jax.jit`` too. Arrays of NumPy beside them become arrays of `xp`. Libraries that answer
    NumPy's protocols themselves, as CuPy and Dask do, need no adapter.

    Examples
    --------
    >>> wrap(np)
    Traceback (most recent call last):
    TypeError: wrap: numpy arrived; jax.numpy or torch is expected: other arrays need no adapter
    """
    name = getattr(xp, "__name__", str(xp))
    if name == "jax.numpy":
        return _adapter("jax")
    if name == "torch" or name.endswith("array_api_compat.torch"):
        return _adapter("torch")
    raise TypeError(
        f"wrap: {name} arrived; jax.numpy or torch is expected: other arrays need no adapter"
    )


def _adapter(name: str) -> "Namespace":
    known = [x for x in ADAPTERS.values() if x.name == name]
    if known:
        return known[0]  # type: ignore[no-any-return]
    library = importlib.import_module(name)
    made = Namespace(name, library)
    ADAPTERS[library.Array if name == "jax" else library.Tensor] = made
    return made


class Namespace:
    """The functions of a library by the names of NumPy's.

    Parameters
    ----------
    name : str
        ``"jax"`` or ``"torch"``.
    library : module
        The library.
    """

    def __init__(self, name: str, library: ModuleType) -> None:
        self.name = name
        self.xp: Any = importlib.import_module("jax.numpy") if name == "jax" else library
        self.special: Any = importlib.import_module(
            "jax.scipy.special" if name == "jax" else "torch.special"
        )
        self._table: dict[str, Callable[..., Any]] = (
            _jax_functions(self.xp) if name == "jax" else _torch_functions(library)
        )

    def __repr__(self) -> str:
        return f"<NumPy's functions of arrays of {self.name}>"

    def asarray(self, x: Any) -> "Wrapped":
        """Return an array that NumPy's functions compute with in the library."""
        return x if type(x) is Wrapped else Wrapped(self.xp.asarray(x), self)

    def function(self, path: str, elementwise: bool = False) -> Callable[..., Any] | None:
        """Return the function of the library by the name of NumPy's, such as ``linalg.inv``."""
        if path in self._table:
            return self._table[path]
        if self.name == "torch" and not elementwise and path not in _SAME_IN_TORCH:
            # Others take arguments of the same names or places for something else.
            return None
        found: Any = self.xp
        for part in path.split("."):
            found = getattr(found, part, None)
        found = found or getattr(self.special, path, None)
        return found if callable(found) else None

    def held(self, x: Any, scalar_like: Any = None) -> Any:
        """Return an argument as the library takes it."""
        if type(x) is Wrapped:
            return x.array
        if isinstance(x, list | tuple):
            return type(x)([self.held(i, scalar_like) for i in x])
        if isinstance(x, np.ndarray):
            return self.xp.asarray(x if x.flags.writeable else x.copy())
        if isinstance(x, np.generic):
            x = x.item()
        if self.name == "torch":
            if isinstance(x, np.dtype | type) and x not in (list, tuple):
                return getattr(self.xp, np.dtype(x).name)
            if scalar_like is not None and isinstance(x, _NUMBERS):
                wide = type(x) is float and not scalar_like.dtype.is_floating_point
                kind = self.xp.float64 if wide else scalar_like.dtype
                if type(x) is complex or (type(x) is float and scalar_like.dtype.is_complex):
                    kind = self.xp.complex128
                return self.xp.as_tensor(
                    x, dtype=None if type(x) is bool else kind, device=scalar_like.device
                )
        return x

    def given(self, x: Any) -> Any:
        """Return a result of the library with its arrays wrapped."""
        if isinstance(x, tuple | list):
            return tuple(map(self.given, x))
        return Wrapped(x, self) if hasattr(x, "shape") and hasattr(x, "dtype") else x


class Wrapped:
    """An array of a library that answers NumPy's protocols.

    Parameters
    ----------
    array : array
        The array of the library.
    adapter : Namespace
        Its functions.
    """

    __array_priority__ = 100.0
    __slots__ = ("adapter", "array")

    def __init__(self, array: Any, adapter: Namespace) -> None:
        self.array, self.adapter = array, adapter

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return tuple(self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its data type, as NumPy names it."""
        kind = self.array.dtype
        return kind if isinstance(kind, np.dtype) else np.dtype(str(kind).rpartition(".")[2])

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
        function = self.adapter.function(ufunc.__name__.lstrip("_"), True)
        if function is None or method != "__call__" or kwargs:
            return NotImplemented
        held = self.adapter.held
        like = self.array if len(inputs) > 1 else None
        return self.adapter.given(function(*[held(x, like) for x in inputs]))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in _FACTS:
            return _FACTS[function](*args, **kwargs)
        module = function.__module__.split(".")[1:]
        path = ".".join([*[m for m in module if m in ("linalg", "fft")], function.__name__])
        found = self.adapter.function(path)
        if found is None:
            return NotImplemented
        held = self.adapter.held
        result = found(*map(held, args), **{k: held(x) for k, x in kwargs.items()})
        return self.adapter.given(result)

    def __getitem__(self, index: Any) -> "Wrapped":
        return Wrapped(self.array[self._index(index)], self.adapter)

    def _index(self, index: Any) -> Any:
        # The library takes integers as they are, and slices that are made of them.
        return self.adapter.held(index)

    def __setitem__(self, index: Any, value: Any) -> None:
        index, value = self._index(index), self.adapter.held(value)
        if self.adapter.name == "jax":
            self.array = self.array.at[index].set(value)
        else:
            self.array[index] = value

    def astype(self, dtype: Any) -> "Wrapped":
        """Return the array in another data type."""
        kind = self.adapter.held(np.dtype(dtype))
        # A copy as in NumPy: rules write into it. Arrays of JAX are never written into.
        jax = self.adapter.name == "jax"
        cast = self.array.astype(kind) if jax else self.array.to(kind, copy=True)
        return Wrapped(cast, self.adapter)

    def copy(self) -> "Wrapped":
        """Return a copy."""
        again = self.array.copy if self.adapter.name == "jax" else self.array.clone
        return Wrapped(again(), self.adapter)

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
for _name, _ufunc in {"neg": np.negative, "abs": np.absolute, "invert": np.invert}.items():
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


#: Functions of PyTorch with the arguments of NumPy's.
_SAME_IN_TORCH = frozenset(
    {
        *("angle", "arange", "broadcast_arrays", "count_nonzero", "cross", "eye", "full", "inner"),
        *("isclose", "kron", "moveaxis", "ones", "outer", "real", "swapaxes", "tensordot", "tril"),
        *("triu", "vdot", "zeros", "linalg.det", "linalg.eig", "linalg.eigh", "linalg.pinv"),
        *("linalg.qr", "linalg.svd", "fft.fft", "fft.ifft", "fft.rfft", "fft.irfft"),
        *("fft.fft2", "fft.fftn", "fft.ifftn", "fft.rfftn", "fft.irfftn"),
    }
)


def _jax_functions(jnp: Any) -> dict[str, Callable[..., Any]]:
    """Return the functions that JAX has otherwise than NumPy."""

    def sums_at(x: Any, weights: Any = None, minlength: int = 0) -> Any:
        # The length must be known where values are not.
        return jnp.bincount(x, weights, length=minlength)

    return {
        "bincount": sums_at,
        "psi": importlib.import_module("jax.scipy.special").digamma,
        "sort": lambda x, axis=-1, **kw: jnp.sort(x, axis=axis),
        "argsort": lambda x, axis=-1, **kw: jnp.argsort(x, axis=axis, stable=True),
    }


def _torch_functions(torch: Any) -> dict[str, Callable[..., Any]]:
    """Return the functions that PyTorch or its array_api_compat has otherwise than NumPy."""
    xp: Any = importlib.import_module("array_api_compat.torch")

    def like(make: Callable[..., Any]) -> Callable[..., Any]:
        def filled(x: Any, *args: Any, dtype: Any = None, shape: Any = None, **kw: Any) -> Any:
            values = args[:1] if make is torch.full else ()
            dtype = args[len(values)] if len(args) > len(values) else dtype
            lengths = tuple(x.shape if shape is None else shape)
            return make(lengths, *values, dtype=dtype or x.dtype, device=x.device)

        return filled

    def reduction(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(x: Any, axis: Any = None, *, keepdims: bool = False, **kwargs: Any) -> Any:
            return function(x, axis=axis, keepdims=keepdims)

        return call

    def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
        total = torch.zeros(minlength, dtype=weights.dtype, device=weights.device)
        return total.index_add(0, x, weights)

    def where(condition: Any, x: Any, y: Any) -> Any:
        kind = torch.result_type(x, y)
        x, y = (v if torch.is_tensor(v) else torch.as_tensor(v, dtype=kind) for v in (x, y))
        return torch.where(condition.bool(), x, y)

    def transpose(x: Any, axes: Any = None) -> Any:
        return x.permute(tuple(reversed(range(x.ndim))) if axes is None else tuple(axes))

    def matrix(name: str) -> Callable[..., Any]:
        return lambda x, *args, **kwargs: getattr(torch.linalg, name)(x, *args, **kwargs)

    def in_one_type(x: Any, y: Any) -> Any:
        return torch.matmul(*(v.to(torch.result_type(x, y)) for v in (x, y)))

    return {
        **{f"{k}_like": like(getattr(torch, k)) for k in ("zeros", "ones", "empty", "full")},
        **{
            k: reduction(getattr(xp, k))
            for k in ("sum", "prod", "max", "min", "mean", "any", "all", "argmax", "argmin")
        },
        **{
            "var": lambda x, axis=None, ddof=0, keepdims=False: xp.var(
                x, axis=axis, correction=ddof, keepdims=keepdims
            )
        },
        "amax": reduction(xp.max),
        "amin": reduction(xp.min),
        "bincount": bincount,
        "where": where,
        "transpose": transpose,
        "matmul": in_one_type,
        "dot": in_one_type,
        "power": torch.pow,
        "psi": torch.special.digamma,
        "equal": torch.eq,
        "not_equal": torch.ne,
        "subtract": lambda x, y: torch.sub(*(v.to(torch.result_type(x, y)) for v in (x, y))),
        "broadcast_to": lambda x, shape: torch.broadcast_to(x, tuple(shape)),
        "einsum": lambda text, *xs, optimize=False: torch.einsum(text, *xs),
        "diff": lambda x, n=1, axis=-1: torch.diff(x, n, axis),
        "invert": torch.bitwise_not,
        "conjugate": lambda x: torch.conj(x).resolve_conj(),
        "conj": lambda x: torch.conj(x).resolve_conj(),
        "imag": lambda x: torch.imag(x) if x.is_complex() else torch.zeros_like(x),
        "fabs": torch.abs,
        "absolute": torch.abs,
        "rint": torch.round,
        "cbrt": lambda x: torch.sign(x) * torch.pow(torch.abs(x), 1.0 / 3.0),
        "degrees": torch.rad2deg,
        "radians": torch.deg2rad,
        "cumsum": lambda x, axis=None: torch.cumsum(x, axis),
        "cumprod": lambda x, axis=None: torch.cumprod(x, axis),
        "concatenate": lambda xs, axis=0: xp.concat(list(xs), axis=axis),
        "stack": lambda xs, axis=0: xp.stack(list(xs), axis=axis),
        "flip": lambda x, axis=None: xp.flip(x, axis=axis),
        "roll": lambda x, shift, axis=None: xp.roll(x, shift, axis=axis),
        "expand_dims": lambda x, axis: xp.expand_dims(x, axis=axis),
        "squeeze": lambda x, axis=None: x.squeeze() if axis is None else xp.squeeze(x, axis=axis),
        "take_along_axis": lambda x, i, axis: torch.take_along_dim(x, i, axis),
        "sort": lambda x, axis=-1, **kw: torch.sort(x, axis).values,
        "argsort": lambda x, axis=-1, **kw: torch.argsort(x, axis, stable=True),
        "copy": lambda x, order=None: x.clone(),
        "reshape": lambda x, shape, **kw: x.reshape(shape),
        "ravel": lambda x, **kw: x.reshape(-1),
        "trace": lambda x, offset=0, axis1=0, axis2=1: torch.diagonal(x, offset, axis1, axis2).sum(
            -1
        ),
        "astype": lambda x, dtype: x.to(dtype, copy=True),
        "array": lambda x, dtype=None, **kw: torch.asarray(x, dtype=dtype, copy=True),
        "asarray": lambda x, dtype=None, **kw: torch.as_tensor(x, dtype=dtype),
        "linalg.solve": matrix("solve"),
        "linalg.inv": matrix("inv"),
        "linalg.slogdet": matrix("slogdet"),
        "linalg.cholesky": matrix("cholesky"),
    }
