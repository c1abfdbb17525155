"""The adapter of PyTorch."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.adapters.namespace import Namespace, products

__all__ = ["Torch"]

_NUMBERS = (bool, int, float, complex)


class Torch(Namespace):
    """PyTorch's functions."""

    def __init__(self) -> None:
        torch: Any = importlib.import_module("torch")
        super().__init__(
            "torch", torch, torch.special, products(torch.matmul, torch.conj) | _functions(torch)
        )

    def function(self, path: str, elementwise: bool = False) -> Callable[..., Any] | None:
        """Return the function of the library by the name of NumPy's, such as ``linalg.inv``."""
        if not elementwise and path not in self._table and path not in _SAME:
            # Others take arguments of the same names or places for something else.
            return None
        return super().function(path, elementwise)

    def held(self, x: Any, home: Any, numbers: bool = False) -> Any:
        """Return an argument as PyTorch takes it, beside an array; `numbers` in its type."""
        x = super().held(x, home, numbers)
        if isinstance(x, np.dtype | type) and x not in (list, tuple):
            return getattr(self.xp, np.dtype(x).name)
        if numbers and isinstance(x, _NUMBERS):
            wide = type(x) is float and not home.dtype.is_floating_point
            kind = self.xp.float64 if wide else home.dtype
            if type(x) is complex or (type(x) is float and home.dtype.is_complex):
                kind = self.xp.complex128
            return self.xp.as_tensor(x, dtype=None if type(x) is bool else kind, device=home.device)
        return x

    def moved(self, x: Any, home: Any) -> Any:
        """Return an array of NumPy's on the device of another."""
        return self.xp.as_tensor(x, device=None if home is None else home.device)

    def given(self, x: Any) -> Any:
        """Return a result with its arrays wrapped, none of them conjugated only by a mark."""
        return super().given(x.resolve_conj().resolve_neg() if self.xp.is_tensor(x) else x)

    def on_host(self, array: Any, path: str) -> Any:
        """Return an array as NumPy's, or refuse one that is on a device."""
        if array.device.type != "cpu":
            raise self.lacking(path, str(array.device))
        return array.resolve_conj().resolve_neg().numpy()

    def cast(self, array: Any, dtype: np.dtype[Any]) -> Any:
        """Return a copy in another data type: rules write into it."""
        return array.to(self.held(dtype, array), copy=True)

    def copied(self, array: Any) -> Any:
        """Return a copy."""
        return array.clone()

    def taken(self, array: Any, index: Any) -> Any:
        """Return some elements; PyTorch has no steps backwards."""
        index, axes = _forwards(array.shape, index)
        return (array.flip(axes) if axes else array)[index]

    def written(self, array: Any, index: Any, value: Any) -> Any:
        """Return the array with some elements written."""
        index, axes = _forwards(array.shape, index)
        if not axes:
            array[index] = value
            return array
        turned = array.flip(axes)
        turned[index] = value
        return array.copy_(turned.flip(axes))


#: Functions of PyTorch with the arguments of NumPy's.
_SAME = frozenset(
    {
        *("angle", "count_nonzero", "inner"),
        *("isclose", "kron", "moveaxis", "outer", "real", "swapaxes", "tensordot", "tril"),
        *("triu", "vdot", "linalg.det", "linalg.eig", "linalg.eigh", "linalg.pinv"),
        *("fft.fft", "fft.ifft", "fft.rfft", "fft.irfft"),
        *("fft.fft2", "fft.fftn", "fft.ifftn", "fft.rfftn", "fft.irfftn"),
    }
)


def _forwards(shape: Any, index: Any) -> tuple[Any, list[int]]:
    """Return an index whose steps go forwards, and the axes that are turned around for it."""
    items = index if type(index) is tuple else (index,)
    if not any([type(i) is slice and (i.step or 1) < 0 for i in items]):
        return index, []
    rest = len(shape) - sum(_axes(i) for i in items)
    found: list[Any] = []
    turned: list[int] = []
    axis = 0
    for i in items:
        if type(i) is slice and (i.step or 1) < 0:
            chosen, last = range(shape[axis])[i], shape[axis] - 1
            ends = (last - chosen[0], last - chosen[-1] + 1) if chosen else (0, 0)
            i = slice(ends[0], ends[1], -i.step)
            turned.append(axis)
        found.append(i)
        axis += rest if i is ... else _axes(i)
    return tuple(found), turned


def _axes(item: Any) -> int:
    """Return how many axes a part of an index takes."""
    if item is None or item is ...:
        return 0
    return item.ndim if str(getattr(item, "dtype", "")) == "torch.bool" else 1


def _functions(torch: Any) -> dict[str, Callable[..., Any]]:
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
        return torch.where(torch.as_tensor(condition).bool(), x, y)

    def transpose(x: Any, axes: Any = None) -> Any:
        return x.permute(tuple(reversed(range(x.ndim))) if axes is None else tuple(axes))

    def pad(array: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
        if mode != "constant" or not isinstance(constant_values, int | float):
            return NotImplemented
        widths = np.broadcast_to(pad_width, (array.ndim, 2))[::-1].ravel().tolist()
        return torch.nn.functional.pad(array, widths, value=constant_values)

    def cross(x: Any, y: Any, *ends: int, axis: int | None = None) -> Any:
        if ends and set(ends) != {-1}:
            return NotImplemented
        return torch.linalg.cross(x, y, dim=-1 if axis is None else axis)

    def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
        return torch.linalg.svd(x, full_matrices) if compute_uv else torch.linalg.svdvals(x)

    def qr(x: Any, mode: str = "reduced") -> Any:
        if mode == "raw":
            return NotImplemented
        return torch.linalg.qr(x, mode)[1] if mode == "r" else torch.linalg.qr(x, mode)

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
        "sign": torch.sgn,
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
        # PyTorch has a loss by that name.
        "kl_div": lambda *xs: NotImplemented,
        "concatenate": lambda xs, axis=0: xp.concat(list(xs), axis=axis),
        "stack": lambda xs, axis=0: xp.stack(list(xs), axis=axis),
        "flip": lambda x, axis=None: xp.flip(x, axis=axis),
        "roll": lambda x, shift, axis=None: xp.roll(x, shift, axis=axis),
        "expand_dims": lambda x, axis: xp.expand_dims(x, axis=axis),
        "squeeze": lambda x, axis=None: x.squeeze() if axis is None else xp.squeeze(x, axis=axis),
        "take_along_axis": lambda x, i, axis: torch.take_along_dim(x, i, axis),
        "sort": lambda x, axis=-1, **kw: torch.sort(x, axis).values,
        "argsort": lambda x, axis=-1, **kw: torch.argsort(x, dim=axis, stable=True),
        "partition": lambda x, kth, axis=-1, **kw: torch.sort(x, axis).values,
        "argpartition": lambda x, kth, axis=-1, **kw: torch.argsort(x, dim=axis, stable=True),
        "copy": lambda x, order=None: x.clone(),
        "reshape": lambda x, shape, **kw: x.reshape(shape),
        "ravel": lambda x, **kw: x.reshape(-1),
        "trace": lambda x, offset=0, axis1=0, axis2=1: torch.diagonal(x, offset, axis1, axis2).sum(
            -1
        ),
        "astype": lambda x, dtype: x.to(dtype, copy=True),
        "array": lambda x, dtype=None, **kw: torch.asarray(x, dtype=dtype, copy=True),
        "asarray": lambda x, dtype=None, **kw: torch.as_tensor(x, dtype=dtype),
        "pad": pad,
        "scipy.expm": torch.linalg.matrix_exp,
        "cross": cross,
        "linalg.svd": svd,
        "linalg.qr": qr,
        "linalg.solve": matrix("solve"),
        "linalg.inv": matrix("inv"),
        "linalg.slogdet": matrix("slogdet"),
        "linalg.cholesky": matrix("cholesky"),
    }
