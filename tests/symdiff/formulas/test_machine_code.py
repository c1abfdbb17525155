"""Gradients as machine code: the same numbers, and nothing run that others could have written."""

import shutil

import numpy as np
import pytest

from symdiff import gradient
from symdiff.formulas.machine_code import Compiled

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")


def loss(p, x, y):
    return np.sum(np.tanh(p["W"] @ x + p["b"]) ** 2) + np.sqrt(np.sum(x**2)) / y


SHAPES = {"p": {"W": (2, 3), "b": (2,)}, "x": (3,), "y": ()}


@pytest.fixture
def point(rng):
    p = {"W": rng.normal(size=(3, 2)).T, "b": rng.normal(size=2)}
    return {"p": p, "x": rng.normal(size=3), "y": 2}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "symdiff"


def _check(compiled, g, point):
    value, found = compiled.value_and_gradient(**point)
    expected, partials = g.value_and_gradient(**point)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    for name, part in partials.items():
        for ours, theirs in zip(
            found[name].values() if isinstance(part, dict) else [found[name]],
            part.values() if isinstance(part, dict) else [part],
            strict=True,
        ):
            assert type(ours) is type(theirs)
            np.testing.assert_allclose(ours, theirs, rtol=1e-13)


@needs_compiler
def test_the_same_numbers_from_a_file_that_is_kept(point, cache):
    g = gradient(loss, wrt=["p", "y"], inputs=SHAPES)
    _check(g.compile(backend="c"), g, point)
    [library] = cache.glob("*.so")
    made = library.stat().st_mtime_ns
    _check(g.compile(), g, {**point, "x": [0, 0, 0], "y": 0})  # NaN and infinity as the formula
    assert library.stat().st_mtime_ns == made
    with pytest.raises(ValueError, match="what was traced"):
        g.compile()(**{**point, "x": [1.0, 2.0]})
    with pytest.raises(TypeError, match="unknown argument 'z'"):
        g.compile()(**point, z=1)


@needs_compiler
def test_what_others_can_write_is_not_run(cache):
    g = gradient(lambda x: x**2, x=())
    assert g.compile()(x=3) == {"x": 6.0}
    [library] = cache.glob("*.so")
    library.chmod(0o722)
    with pytest.raises(PermissionError, match=r"\.so can be written by others"):
        g.compile()
    library.chmod(0o700)
    cache.chmod(0o777)
    with pytest.raises(PermissionError, match="chmod go-w"):
        g.compile()
    cache.chmod(0o700)
    cache.parent.chmod(0o777)
    with pytest.raises(PermissionError, match="XDG_CACHE_HOME"):
        g.compile()


def test_without_a_compiler(monkeypatch, cache):
    monkeypatch.setenv("CC", "no-such-compiler")
    g = gradient(lambda x: x**2, x=())
    with pytest.raises(RuntimeError, match=r"no C compiler was found.*numba.*as it is"):
        g.compile()
    with pytest.raises(ValueError, match="no backend 'rust'"):
        g.compile(backend="rust")


def test_other_numbers_are_noticed_at_the_first_run():
    g = gradient(lambda x: np.sum(x**2), x=(2,))

    def wrong(x, out):
        out[:] = 5.0, 2.0, 4.5

    compiled = Compiled(wrong, False, {"x": (2,)}, {"x": (2,)}, g)
    with pytest.raises(RuntimeError, match="other numbers than the formula"):
        compiled(x=[1.0, 2.0])


def test_numba(point):
    pytest.importorskip("numba")
    g = gradient(loss, wrt=["p", "y"], inputs=SHAPES)
    compiled = g.compile(backend="numba")
    _check(compiled, g, point)
    _check(compiled, g, {**point, "y": 0})
