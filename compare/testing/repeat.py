"""The program that repeats a comparison: it can be pasted into a shell's Python or a file."""

import dataclasses
import inspect
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import numpy as np

from compare.problems.arguments import converted

__all__ = ["repetition"]

#: Arguments with more entries than this, taken together, are saved to a file.
_MOST_WRITTEN = 32
_DEFAULTS: dict[str, Any] = {
    "wrt": None,
    "engines": None,
    "rtol": None,
    "atol": None,
    "analytic": False,
    "isolate": False,
    "samples": 256,
    "seed": 0,
}


def repetition(
    f: Callable[..., Any],
    args: Sequence[Any],
    gradient: Any,
    settings: Mapping[str, Any],
    folder: str | os.PathLike[str] | None,
) -> str:
    """Return a program that repeats a comparison."""
    keeper = _Keeper(args, gradient, folder)
    call = [_function(f, "f", keeper), *(keeper.text(f"x{i}", x) for i, x in enumerate(args))]
    for name, value in settings.items():
        if value != _DEFAULTS[name]:
            call.append(f"{name}={_setting(value)}")
    if callable(gradient):
        call.append(f"gradient={_function(gradient, 'gradient', keeper)}")
    elif gradient is not None:
        call.append(f"gradient={keeper.text('gradient', gradient)}")
    saved = keeper.save()
    lines = [
        *(["from math import inf, nan"] if any("inf" in t or "nan" in t for t in call) else []),
        *(["import numpy as np"] if saved or any("np." in t for t in call) else []),
        "from compare import assert_gradients_agree",
        *keeper.preparations,
        *([f"with np.load({str(saved)!r}) as file:", "    saved = dict(file)"] if saved else []),
        f"assert_gradients_agree({', '.join(call)})",
    ]
    return "\n".join("    " + line for line in lines)


class _Keeper:
    """Texts that stand for values: written out where they are short, else read from a file."""

    def __init__(
        self, args: Sequence[Any], gradient: Any, folder: str | os.PathLike[str] | None
    ) -> None:
        entries = sum(np.size(x) for x in (*_parts(list(args)), *_parts(gradient)) if _is_array(x))
        self.writes = entries <= _MOST_WRITTEN
        self.folder = folder
        self.arrays: dict[str, Any] = {}
        self.preparations: list[str] = []

    def text(self, name: str, value: Any) -> str:
        """Return an expression for a value."""
        value = converted(value, name)
        fields = _fields(value)
        if fields is not None:
            kind = _function(type(value), type(value).__name__, self)
            parts = [f"{k}={self.text(f'{name}_{k}', x)}" for k, x in fields.items()]
            return f"{kind}({', '.join(parts)})"
        if isinstance(value, tuple | list):
            parts = [self.text(f"{name}_{i}", x) for i, x in enumerate(value)]
            if isinstance(value, list):
                return f"[{', '.join(parts)}]"
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if isinstance(value, dict):
            parts = [f"{k!r}: {self.text(f'{name}_{k}', x)}" for k, x in value.items()]
            return f"{{{', '.join(parts)}}}"
        if isinstance(value, np.ndarray) and not self.writes:
            self.arrays[name] = value
            return f"saved[{name!r}]"
        if isinstance(value, np.generic):
            return f"np.{value.dtype}({value.item()!r})"
        if isinstance(value, np.ndarray):
            kind = "" if value.dtype in (float, np.int64) else f", np.{value.dtype}"
            plain = f"np.array({value.tolist()!r}{kind})"
            return plain if value.size else f"np.zeros({value.shape}, np.{value.dtype})"
        if value is None or isinstance(value, bool | int | float | str):
            return repr(value)
        if callable(value):
            return _function(value, name, self)
        self.prepare(f"{name} = ...  # a {type(value).__name__} of your test")
        return name

    def prepare(self, line: str) -> None:
        """Put a line in front of the call, unless it stands there."""
        if line not in self.preparations:
            self.preparations.append(line)

    def save(self) -> Path | None:
        """Save the arrays that were not written out, and return the file if there are any."""
        if not self.arrays:
            return None
        folder = Path(self.folder or tempfile.mkdtemp(prefix="gradients-"))
        number = 0
        while (path := folder / f"gradients{number or ''}.npz").exists():
            number += 1
        np.savez(path, **self.arrays)
        return path


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _fields(value: Any) -> dict[str, Any] | None:
    """Return the fields of a NamedTuple or a dataclass, None of anything else."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return dict(value._asdict())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
    return None


def _parts(value: Any) -> list[Any]:
    """Return the leaves of a structure of arrays."""
    fields = _fields(value)
    if fields is not None:
        value = fields
    if isinstance(value, tuple | list):
        return [leaf for part in value for leaf in _parts(part)]
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _parts(part)]
    return [value]


def _setting(value: Any) -> str:
    """Return an expression for a setting; an engine is named."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(_setting(x) for x in value)}]"
    return repr(getattr(value, "name", value))


def _function(f: Callable[..., Any], name: str, keeper: _Keeper) -> str:
    """Return an expression for a function, and see that it is imported or at least located."""
    module, qualified = getattr(f, "__module__", None), getattr(f, "__qualname__", "")
    try:
        file = inspect.getsourcefile(f)
        line = inspect.getsourcelines(f)[1]
    except (OSError, TypeError):
        file, line = None, 0
    if _is_found(f, module, qualified):
        keeper.prepare(f"from {module} import {qualified}")
        return qualified
    if file and qualified.isidentifier() and os.path.exists(file):
        keeper.prepare("import runpy")
        keeper.prepare(f"{qualified} = runpy.run_path({file!r})[{qualified!r}]")
        return qualified
    where = f" at {file}:{line}" if file else ""
    keeper.prepare(f"{name} = ...  # {qualified or type(f).__name__}{where}")
    return name


def _is_found(f: Callable[..., Any], module: str | None, qualified: str) -> bool:
    """Return whether a new process would import a function by these names."""
    if not module or not qualified.isidentifier():
        return False
    top, *_, last = module.split(".") if "." in module else (module, module)
    # Modules of tests are loaded by path, under names that no other process knows.
    if last == "conftest" or last.startswith("test_") or last.endswith("_test"):
        return False
    if PathFinder.find_spec(top) is None and top not in sys.builtin_module_names:
        return False
    return getattr(sys.modules.get(module), qualified, None) is f
