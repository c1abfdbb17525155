"""Fixtures of the symbolic engine's tests: their own seed, and formulas compiled as C."""

import ctypes
import itertools
import shutil
import subprocess

import numpy as np
import pytest

COMPILER = shutil.which("gcc") or shutil.which("clang") or shutil.which("cc")
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wshadow", "-pedantic", "-Werror", "-O1"]
POINTER = ctypes.POINTER(ctypes.c_double)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20180153)


@pytest.fixture
def compiled(tmp_path):
    """Return a function that computes value and gradient by the C source of a gradient."""

    counter = itertools.count()

    def compile_gradient(g):
        stem = tmp_path / f"gradient{next(counter)}"
        source, library = stem.with_suffix(".c"), stem.with_suffix(".so")
        source.write_text(g.code(language="c"), encoding="ascii")
        command = [COMPILER, *STRICT, "-shared", "-fPIC", str(source), "-o", str(library), "-lm"]
        subprocess.run(command, check=True, capture_output=True)
        function = ctypes.CDLL(str(library)).value_and_gradient
        function.restype = None

        def call(**point):
            entered = [np.ascontiguousarray(value, dtype=float) for value in point.values()]
            results = {name: np.full(np.shape(point[name]), -7.0) for name in g(**point)}
            value = np.empty(())
            arrays = [*entered, value, *results.values()]
            function(*(array.ctypes.data_as(POINTER) for array in arrays))
            return float(value), results

        return call

    return compile_gradient
