"""NumPy's functions on PyTorch's tensors, under NumPy's names and with NumPy's defaults."""

import functools
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["SPELLED", "TorchNumPy", "TorchSpecial"]

#: Names of NumPy that the array API standard or PyTorch spells differently.
SPELLED = {
    "absolute": "abs",
    "amax": "max",
    "amin": "min",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "array": "asarray",
    "concatenate": "concat",
    "fabs": "abs",
    "power": "pow",
    "transpose": "permute_dims",
    "true_divide": "divide",
}


def _dot(torch: Any, a: Any, b: Any) -> Any:
    return a @ b if np.ndim(a) and np.ndim(b) else a * b


def _asarray(torch: Any, values: Any, dtype: Any = None) -> Any:
    """Return nested lists of tensors as one tensor that depends on them."""
    if isinstance(values, list | tuple):
        return torch.stack([torch.as_tensor(_asarray(torch, value)) for value in values])
    return torch.as_tensor(values, dtype=torch.float64 if isinstance(values, float) else None)


def _transpose(torch: Any, x: Any, axes: Any = None) -> Any:
    return x.permute(tuple(axes) if axes is not None else tuple(range(x.ndim))[::-1])


def _larger(torch: Any, x: Any, y: Any) -> Any:
    return torch.maximum(_float64(torch, x), _float64(torch, y))


def _smaller(torch: Any, x: Any, y: Any) -> Any:
    return torch.minimum(_float64(torch, x), _float64(torch, y))


def _ravel(torch: Any, x: Any) -> Any:
    return torch.flatten(x)


def _size(torch: Any, x: Any, axis: int | None = None) -> int:
    return int(x.numel() if axis is None else x.shape[axis])


def _float64(torch: Any, x: Any) -> Any:
    return torch.as_tensor(x, dtype=torch.float64)


def _median(torch: Any, x: Any, axis: int | None = None) -> Any:
    """Return the middle, of two the mean: PyTorch's own median is the lower of them."""
    return torch.quantile(x, 0.5, dim=axis)


#: Functions that neither the standard nor PyTorch has with NumPy's meaning.
_WRITTEN: dict[str, Callable[..., Any]] = {
    "array": _asarray,
    "asarray": _asarray,
    "dot": _dot,
    "float64": _float64,
    "maximum": _larger,
    "median": _median,
    "minimum": _smaller,
    "ravel": _ravel,
    "shape": lambda torch, x: tuple(x.shape),
    "ndim": lambda torch, x: x.ndim,
    "size": _size,
    "transpose": _transpose,
}


class TorchNumPy:
    """A stand-in for the module ``numpy`` that computes with tensors.

    Calls without a tensor, such as ``np.zeros(3)`` or ``np.sqrt(2.0)``, are NumPy's own, of
    float64; what they return becomes a tensor or a number.

    Parameters
    ----------
    part : str
        Submodule, such as ``"linalg"``; the module itself by default.
    """

    def __init__(self, part: str = "") -> None:
        import array_api_compat.torch as standard

        torch: Any = importlib.import_module("torch")

        self._torch, self._part = torch, part
        self._spelt = functools.reduce(getattr, filter(None, [part]), standard)
        self._numpy = functools.reduce(getattr, filter(None, [part]), np)

    def constant(self, value: Any) -> Any:
        """Return an array of NumPy as a tensor, a number of NumPy as one of Python."""
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
            return self._torch.from_numpy(np.array(value))
        return value

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._numpy, name)
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("linalg", "fft") and not self._part:
            made: Any = TorchNumPy(name)
        elif isinstance(value, type) and issubclass(value, np.generic) and name not in _WRITTEN:
            made = getattr(self._torch, name)
        elif callable(value):
            made = self._dispatched(name, value)
        else:
            made = value
        setattr(self, name, made)
        return made

    def _dispatched(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of NumPy that calls PyTorch's where an argument is a tensor."""
        torch, constant = self._torch, self.constant
        tensor = torch.Tensor
        if not self._part and name in _WRITTEN:
            counterpart: Any = functools.partial(_WRITTEN[name], torch)
        else:
            spelt = SPELLED.get(name, name)
            counterpart = getattr(self._spelt, spelt, None) or getattr(torch, spelt, None)

        def dispatched(*arguments: Any, **words: Any) -> Any:
            for x in arguments:
                if isinstance(x, tensor) or (isinstance(x, list | tuple) and _holds(x, tensor)):
                    break
            else:
                if not _holds(tuple(words.values()), tensor):
                    return constant(original(*arguments, **words))
            if counterpart is None:
                raise NotImplementedError(f"PyTorch has no counterpart of numpy.{name}")
            return counterpart(*arguments, **words)

        return dispatched


def _holds(value: Any, kind: type) -> bool:
    """Return whether a value is of a type, or a list or tuple that holds one which is."""
    if isinstance(value, list | tuple):
        return any(_holds(item, kind) for item in value)
    return isinstance(value, kind)


class TorchSpecial:
    """A stand-in for the module ``scipy.special``: PyTorch's functions under SciPy's names."""

    def __getattr__(self, name: str) -> Any:
        special: Any = importlib.import_module("torch.special")
        for spelt in (name, f"bessel_{name}", f"modified_bessel_{name}"):
            if hasattr(special, spelt):
                return getattr(special, spelt)
        raise AttributeError(name)

    def __repr__(self) -> str:
        return "torch.special"
