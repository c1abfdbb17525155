"""`Compiled`: value and gradient as machine code, made by a C compiler or by Numba.

A compiled file is kept by the content of its source in a directory that only the user can write,
and its numbers are held against those of the Python form at the first run.
"""

from __future__ import annotations

import ast
import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Compiled", "compile_c", "compile_numba"]

Floats = npt.NDArray[np.float64]
_FLAGS = ("-O1", "-fPIC", "-shared", "-std=c99", "-ffp-contract=off")
_LONG = 20_000  # characters of source, from which on optimising takes far longer than it saves
_CLOSE = 1e-9  # of the largest entry


# A directory that is ours alone ---------------------------------------------------------------


def _check_private(path: Path) -> None:
    """Refuse a file or directory that others can write, or in which they can exchange it."""
    if not hasattr(os, "getuid"):
        return
    for place in (path, *path.parents):
        status = os.lstat(place)
        shared = status.st_mode & 0o022 and not (
            stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        )
        foreign = status.st_uid not in (os.getuid(), 0)
        if place == path and (status.st_uid != os.getuid() or status.st_mode & 0o022):
            shared = True
        if shared or foreign or (place == path and stat.S_ISLNK(status.st_mode)):
            raise PermissionError(
                f"compile: {place} can be written by others, so that machine code in {path} may be "
                "theirs; take away their right (chmod go-w), or name another directory in "
                "XDG_CACHE_HOME"
            )


def _directory() -> Path:
    """Return the directory of compiled files, made if it is not there."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    directory = Path(home).resolve() / "symdiff"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_private(directory)
    return directory


# C ----------------------------------------------------------------------------------------------


def _compiler() -> list[str]:
    """Return the command of a C compiler."""
    asked = shlex.split(os.environ.get("CC", ""))
    found = next((c for c in (asked[:1] or ["cc", "gcc", "clang"]) if shutil.which(c)), None)
    if found is None:
        raise RuntimeError(
            f"compile(backend='c'): no C compiler was found ({asked[0] if asked else 'cc, gcc'}); "
            "install one or name it in CC, use backend='numba', or call the gradient as it is"
        )
    return asked or [found]


def compile_c(source: str, pointers: int) -> Callable[..., None]:
    """Return the function of C source, which takes so many pointers to doubles."""
    command = [*_compiler(), *_FLAGS]
    if len(source) > _LONG:
        command[command.index("-O1")] = "-O0"
    key = "\n".join([platform.platform(), platform.machine(), *command, source])
    name = hashlib.sha256(key.encode()).hexdigest()
    directory = _directory()
    library = directory / f"{name}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=directory) as place:
            written = Path(place) / "formula.c"
            written.write_text(source, encoding="utf-8")
            made = Path(place) / "formula.so"
            run = subprocess.run(
                [*command, str(written), "-o", str(made), "-lm"],
                capture_output=True,
                text=True,
                check=False,
            )
            if run.returncode:
                raise RuntimeError(
                    f"compile(backend='c'): {command[0]} failed: {run.stderr.strip()[:500]}"
                )
            made.chmod(0o700)
            made.replace(library)
    _check_private(library)
    function = ctypes.CDLL(str(library)).value_and_gradient
    function.argtypes = [ctypes.c_void_p] * pointers
    function.restype = None
    result: Callable[..., None] = function
    return result


# Numba ------------------------------------------------------------------------------------------


def compile_numba(source: str) -> Callable[..., None]:
    """Return the function of Python source as Numba compiles it: of flat arrays and results."""
    try:
        import numba
    except ImportError:
        raise RuntimeError(
            "compile(backend='numba'): Numba is not installed; install it, use backend='c', or "
            "call the gradient as it is"
        ) from None
    tree = ast.parse(source)
    main = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.body and _returns(n))
    names = [argument.arg for argument in main.args.args]
    body: list[str] = []
    waiting = list(names)
    for statement in main.body:
        if waiting and isinstance(statement, ast.Assign) and _of_argument(statement, waiting[0]):
            name = waiting.pop(0)
            target = statement.targets[0]
            entries = target.elts if isinstance(target, ast.Tuple) else [target]
            body += [f"{ast.unparse(e)} = {name}[{k}]" for k, e in enumerate(entries)]
            continue
        if isinstance(statement, ast.Return):
            body += _stores(statement)
            continue
        body.append(ast.unparse(statement))
    helpers = [
        ast.unparse(n) if not isinstance(n, ast.FunctionDef) else f"@njit\n{ast.unparse(n)}"
        for n in tree.body
        if n is not main
    ]
    signature = ", ".join([*names, "out"])
    text = "\n".join([*helpers, "@njit", f"def main({signature}):", *(f"    {b}" for b in body)])
    namespace: dict[str, Any] = {"njit": numba.njit(error_model="numpy")}
    exec(compile(text, "<symdiff numba>", "exec"), namespace)
    result: Callable[..., None] = namespace["main"]
    return result


def _returns(function: ast.FunctionDef) -> bool:
    """Return whether a function is the one of value and gradient."""
    last = function.body[-1]
    return isinstance(last, ast.Return) and isinstance(last.value, ast.Tuple)


def _of_argument(statement: ast.Assign, name: str) -> bool:
    """Return whether a statement takes the entries of an argument."""
    used = {n.id for n in ast.walk(statement.value) if isinstance(n, ast.Name)}
    return name in used and bool(used & {"np", "float"})


def _stores(statement: ast.Return) -> list[str]:
    """Return statements that write what is returned into an array: the value, then its partials."""
    assert isinstance(statement.value, ast.Tuple)
    value, partials = statement.value.elts
    assert isinstance(partials, ast.Dict)
    entries = [value, *(entry for part in partials.values for entry in _entries(part))]
    return [f"out[{k}] = {ast.unparse(entry)}" for k, entry in enumerate(entries)]


def _entries(part: ast.expr) -> list[ast.expr]:
    """Return the entries of an array that is written out, or the one of a scalar."""
    if not isinstance(part, ast.Call) or not isinstance(part.func, ast.Attribute):
        return [part]
    if part.func.attr == "reshape":
        return _entries(part.func.value)
    lists = [arg.elts for arg in part.args if isinstance(arg, ast.List)]
    if part.func.attr == "outer":
        return [ast.BinOp(a, ast.Mult(), b) for a in lists[0] for b in lists[1]]
    return lists[0] if part.func.attr == "array" else [part]


# Calling ----------------------------------------------------------------------------------------


class Compiled:
    """Value and gradient as machine code, made by `Gradient.compile`.

    It is called as the gradient is, and gives the same numbers.
    """

    def __init__(
        self,
        run: Callable[..., None],
        takes_pointers: bool,
        inputs: Mapping[str, tuple[int, ...]],
        results: Mapping[str, tuple[int, ...]],
        reference: Any,
    ) -> None:
        self._run, self._takes_pointers = run, takes_pointers
        self._inputs, self._results = dict(inputs), dict(results)
        self._reference = reference
        self._checked = False
        sizes = [int(np.prod(shape)) for shape in self._results.values()]
        ends = np.cumsum([1, *sizes]).tolist()
        self._places = [
            (name, shape, start, end)
            for (name, shape), start, end in zip(
                self._results.items(), ends[:-1], ends[1:], strict=True
            )
        ]
        self._size = ends[-1]

    def __repr__(self) -> str:
        return f"Compiled({self._reference!r})"

    def __call__(self, /, **inputs: Any) -> dict[str, Any]:
        """Return the gradient at a point; see `value_and_gradient`."""
        return self.value_and_gradient(**inputs)[1]

    def value_and_gradient(self, /, **inputs: Any) -> tuple[float, dict[str, Any]]:
        """Return value and gradient at a point, as `Gradient.value_and_gradient` does."""
        arrays = []
        if inputs.keys() != self._inputs.keys():
            inputs = self._reference._flat(inputs)
        for name, shape in self._inputs.items():
            array = inputs[name]
            if (
                type(array) is not np.ndarray
                or array.dtype != np.float64
                or array.shape != shape
                or not array.flags.c_contiguous
            ):
                array = np.ascontiguousarray(self._reference._numbers(name, array))
            arrays.append(array)
        out = np.empty(self._size)
        self._call(arrays, out)
        found: dict[str, Any] = {}
        for name, shape, start, end in self._places:
            part = out[start:end]
            found[name] = part.reshape(shape) if len(shape) != 1 else part
            if not shape:
                found[name] = float(out[start])
        value = float(out[0])
        if not self._checked:
            self._check(inputs, value, found)
        return value, self._reference._grouped(found)

    def _call(self, arrays: Sequence[Floats], out: Floats) -> None:
        """Run the machine code on arrays that are in order in memory."""
        if not self._takes_pointers:
            self._run(*[array.reshape(-1) for array in arrays], out)
            return
        base = out.ctypes.data
        self._run(
            *[array.__array_interface__["data"][0] for array in arrays],
            base,
            *[base + 8 * start for _, _, start, _ in self._places],
        )

    def _check(self, inputs: Mapping[str, Any], value: float, found: Mapping[str, Any]) -> None:
        """Hold the first numbers against those of the Python form."""
        values = [self._reference._numbers(name, inputs[name]) for name in self._inputs]
        expected, partials = self._reference._evaluated(values)
        pairs = [(value, expected), *((found[name], partials[name]) for name in found)]
        for ours, theirs in pairs:
            finite = np.abs(np.asarray(theirs, dtype=float))
            scale = np.max(finite[np.isfinite(finite)], initial=0.0)
            if not np.allclose(ours, theirs, rtol=_CLOSE, atol=_CLOSE * scale, equal_nan=True):
                raise RuntimeError(
                    "compile: the machine code gives other numbers than the formula: "
                    f"{ours!r} and {theirs!r}; call the gradient as it is, and tell us"
                )
        self._checked = True
