"""Gradients of whole matrices in other forms: with something put in, as files, as C with loops."""

import ctypes
import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import sympy

from symdiff import Unparsable, gradient
from symdiff.matrix import MatrixGradient

_spec = importlib.util.spec_from_file_location("problems", Path(__file__).parent / "problems.py")
problems = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(problems)

COMPILER = shutil.which("gcc") or shutil.which("clang") or shutil.which("cc")
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wshadow", "-pedantic", "-Werror", "-O1"]


@pytest.fixture
def by_matrices():
    return gradient(lambda w: np.sum(w**2), strategy="matrix", w=("n",))


def _point(shapes, rng):
    return {name: np.abs(rng.normal(size=shape)) for name, shape in shapes.items()}


def test_files_and_substitutions_keep_every_number(tmp_path, rng):
    path = tmp_path / "gradient.txt"
    for problem in problems.PROBLEMS.values():
        point = problems.point_of(problem, problems.LENGTHS, rng)
        g = gradient(problem.function, wrt=problem.wrt, strategy="matrix", inputs=problem.shapes)
        value, found = g.value_and_gradient(**point)
        if not g._structures:
            g.save(path)
            again = MatrixGradient.load(path)
            assert repr(again) == repr(g)
            same_value, same = again.value_and_gradient(**point)
            assert same_value == pytest.approx(value, rel=1e-13, nan_ok=True)
            for name in found:
                np.testing.assert_allclose(same[name], found[name], rtol=1e-11, atol=1e-13)
        for name in [name for name in g._inputs if name in point]:
            rest = {other: entry for other, entry in point.items() if other != name}
            new_value, new = g.subs({name: point[name]}).value_and_gradient(**rest)
            assert new_value == pytest.approx(value, rel=1e-9, nan_ok=True)
            for other in new:
                np.testing.assert_allclose(new[other], found[other], rtol=1e-7, atol=1e-9)


def test_what_is_put_in():
    g = gradient(lambda x, y: np.sum(np.exp(x)) * y, strategy="matrix", x=("n",), y=())
    assert g.simplify() is g
    point = {"x": np.array([0.5, 1.0])}
    np.testing.assert_allclose(g.subs(x="2*x")(**point, y=3)["x"], 6 * np.exp([1.0, 2.0]))
    for square in ("z**2", "z^2", sympy.Symbol("z") ** 2):
        assert g.subs(y=square)(**point, z=3)["z"] == pytest.approx(6 * np.sum(np.exp([0.5, 1])))
    assert list(g.subs(x=[1, 2, 3]).partials) == ["y"]
    for put, words in {
        "2*z": "length n is that of no argument",
        2.0: "length n is that of no argument",
        ((1.0, 2.0),) * 2: r"'x' has shape \(n,\), and what is put in for it \(2, 2\)",
    }.items():
        with pytest.raises(ValueError, match=words):
            g.subs(x=np.array(put) if isinstance(put, tuple) else put)
    with pytest.raises(ValueError, match=r"no argument 'q'.*x, y"):
        g.subs(q=1)
    with pytest.raises(TypeError, match="real numbers"):
        g.subs(x=[1j])


def test_hostile_files_are_refused(by_matrices, tmp_path):
    path = tmp_path / "gradient.txt"
    by_matrices.save(path)
    lines = path.read_text().split("\n")
    assert lines[2] == '["input", [], ["w", ["n"]]]'
    changes = [
        (0, "symdiff matrices, format 2"),
        (2, '["input", [], ["w; import os", ["n"]]]'),
        (2, '["input", [], ["w", ["__import__(1)"]]]'),
        (2, '["input", [], ["w", [-1]]]'),
        (3, '["eval", [0], [[0], false]]'),
        (3, '["sumsquares", [7], [[0], false]]'),
        (3, '["sumsquares", [0], ["os.system", false]]'),
        (3, '["reshape", [0], ["print(1)"]]'),
        (3, '["length", [], ["print(1)"]]'),
        (3, '["array", [], [0]]'),
        (3, "[" * 5000),
        (4, "end 9"),
        (1, json.dumps({"wrt": ["q"], "names": {}, "least": {}, "arrays": [], "value": 1})),
        (1, lines[1].replace('"arrays": []', '"arrays": [["|O", [1], ""]]')),
    ]
    for at, line in changes:
        changed = lines.copy()
        changed[at] = line
        path.write_text("\n".join(changed))
        with pytest.raises(Unparsable, match=r"^line \d"):
            MatrixGradient.load(path)


def test_what_is_refused(by_matrices, tmp_path):
    with pytest.raises(NotImplementedError, match=r"^compile: .*strategy='adjoint'"):
        by_matrices.compile()
    with pytest.raises(ValueError, match="python, c"):
        by_matrices.code("rust")
    assert by_matrices.code() == by_matrices.source
    inverse = gradient(lambda A: np.sum(np.linalg.inv(A)), strategy="matrix", A=("n", "n"))
    with pytest.raises(NotImplementedError, match=r"no loops for inv; .*strategy='adjoint'"):
        inverse.code("c")
    weights = gradient(lambda p: np.sum(p[0] * p[1]), strategy="matrix", p=[("n",), ("n",)])
    with pytest.raises(NotImplementedError, match="'p' holds several arrays"):
        weights.save(tmp_path / "gradient.txt")
    assert not any(tmp_path.iterdir())


def _network(x, w1, w2, y):
    h = 1 / (1 + np.exp(-(x @ w1)))
    return np.mean((h @ w2 - y) ** 2) + np.max(h)


def _pieces(x, w1, w2, y):
    part = np.concatenate([w1[1:, :2], w2[::-1, :][:2, :2]]) + x[0, [0, 2]]
    rows = np.log(np.sum(np.exp(w1), axis=1)) @ np.tril(np.outer(x[0], x[0]))
    soft = np.exp(y - y.max(axis=1, keepdims=True))
    soft = soft / soft.sum(axis=1, keepdims=True)
    rest = np.einsum("ij,kj->ik", x, x) * np.eye(2) + np.trace(w1[:3, :3])
    rows = rows * x[0, -5:] * x[1, 7::-1]
    return np.sum(part**2) + np.sum(rows) + np.sum(soft * y) + np.sum(np.where(rest > 0, rest, 0))


LENGTHS = {"N": 2, "d": 3, "h": 4, "k": 2}
SHAPES = {"x": ("N", "d"), "w1": ("d", "h"), "w2": ("h", "k"), "y": ("N", "k")}


@pytest.mark.skipif(COMPILER is None, reason="no C compiler")
@pytest.mark.parametrize("named", [True, False])
def test_c_with_loops(named, tmp_path, rng):
    numbers = {name: tuple(LENGTHS[n] for n in shape) for name, shape in SHAPES.items()}
    point = _point(numbers, rng)
    for count, f in enumerate((_network, _pieces)):
        shapes = SHAPES if named and f is _network else numbers
        g = gradient(f, strategy="matrix", inputs=shapes)
        source, library = tmp_path / f"g{count}.c", tmp_path / f"g{count}.so"
        source.write_text(g.code("c"), encoding="ascii")
        command = [COMPILER, *STRICT, "-shared", "-fPIC", str(source), "-o", str(library), "-lm"]
        subprocess.run(command, check=True)
        function = ctypes.CDLL(str(library)).value_and_gradient
        results = {name: np.full(entry.shape, -7.0) for name, entry in point.items()}
        value = np.empty(())
        lengths = LENGTHS.values() if shapes is SHAPES else ()
        pointer = ctypes.POINTER(ctypes.c_double)
        arrays = [*point.values(), value, *results.values()]
        code = function(*map(ctypes.c_int, lengths), *(a.ctypes.data_as(pointer) for a in arrays))
        expected_value, expected = g.value_and_gradient(**point)
        assert code == 0
        assert float(value) == pytest.approx(expected_value, rel=1e-13)
        for name, found in results.items():
            np.testing.assert_allclose(found, expected[name], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["\uff4e\uff50", "x; import os", "__debug__"])
def test_names_that_source_would_read_otherwise(name):
    with pytest.raises(ValueError, match="is called"):
        gradient(lambda **k: np.sum(k[name]), strategy="matrix", inputs={name: ("n",)})
    with pytest.raises(ValueError, match="no identifier"):
        gradient(lambda w: np.sum(w), strategy="matrix", w=(name,))
