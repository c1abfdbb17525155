"""The fixture in the tests of other people: in a process of their own."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TESTS = """
import numpy as np
import pytest


def loss(w, x):
    return np.sum(np.tanh(x @ w) ** 2)


def right(w, x):
    h = np.tanh(x @ w)
    return x.T @ (2 * h * (1 - h**2))


w, x = np.linspace(-1, 1, 40).reshape(20, 2), np.linspace(0, 1, 60).reshape(3, 20)


def test_right(gradients_agree):
    agreed = gradients_agree(loss, w, x, wrt="w", gradient=right)
    assert "your gradient" in agreed.gradients


def test_wrong(gradients_agree):
    gradients_agree(loss, w, x, wrt="w", gradient=lambda w, x: 2 * right(w, x))


def test_seed(gradients_agree):
    assert gradients_agree.keywords["seed"] == 7
"""


def run(folder, *arguments, settings=""):
    """Return the output of pytest in a folder, the plugin found as an installed one is."""
    # What an installation leaves behind, in case this is a checkout that was never installed.
    site = folder / "site"
    metadata = site / "gradscale_of_the_test-1.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text("Name: gradscale-of-the-test\nVersion: 1\n")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = project["entry-points"]["pytest11"].items()
    lines = ["[pytest11]", *(f"{name} = {module}" for name, module in points)]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    files = [p.relative_to(ROOT).as_posix() for p in (ROOT / "compare").rglob("*.py")]
    (metadata / "RECORD").write_text("".join(f"{name},,\n" for name in files))
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n" + settings)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{site}", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "test_theirs.py").write_text(TESTS)
    return tmp_path


def test_a_right_gradient_passes_and_a_wrong_one_fails_with_the_message(folder):
    found = run(folder, "--gradients-seed", "7")
    assert "1 failed, 2 passed" in found.stdout, found.stdout + found.stderr
    assert "AssertionError: the gradients of loss do not agree" in found.stdout
    assert "your gradient agrees with nobody: it is probably wrong" in found.stdout
    assert "runpy.run_path(" in found.stdout
    assert "gradients.npz" in found.stdout
    assert "asserting.py" not in found.stdout, "frames of ours are of no use to them"


def test_the_seed_of_the_settings(folder):
    found = run(folder, "-k", "seed", settings="gradients_seed = 7\n")
    assert "1 passed" in found.stdout
    found = run(folder, "-k", "seed", settings="gradients_seed = seven\n")
    assert "gradients_seed is 'seven' in the settings" in found.stdout


def test_nothing_is_imported_before_the_fixture_is_used(folder):
    heavy = (
        "numpy",
        "sympy",
        "pandas",
        "scipy",
        "autodiff",
        "symdiff",
        "compare.testing.asserting",
    )
    (folder / "test_theirs.py").write_text(
        f"import sys\n\ndef test_light():\n    assert not set({heavy!r}) & set(sys.modules)\n"
    )
    found = run(folder)
    assert "1 passed" in found.stdout, found.stdout + found.stderr


@pytest.mark.exhaustive
def test_the_fixture_works_under_xdist_and_importlib(folder):
    found = run(folder, "-n", "2", "--import-mode=importlib", "-k", "right")
    assert "1 passed" in found.stdout, found.stdout + found.stderr
    assert run(folder, "--fixtures").stdout.count("gradients_agree --") == 1


@pytest.mark.exhaustive
def test_the_conformance_suite_runs_on_a_library_and_marks_what_is_known(folder):
    (folder / "mylib.py").write_text(
        "import autodiff\n\n"
        "def grad(f, wrt):\n"
        "    g = autodiff.grad(f, wrt)\n"
        "    return lambda *args: autodiff.stop_gradient(g(*args))\n"
    )
    known = folder / "gradscale_known_failures.txt"
    known.write_text("# constants\nprograms::x³, second order\nelementwise::square(0.7)\n")
    chosen = "x³ or division or square and elementwise"
    arguments = ("--gradscale-conformance", "mylib:grad", "-k", chosen)
    found = run(folder, *arguments)
    assert "1 xfailed" in found.stdout, found.stdout + found.stderr
    assert "[XPASS(strict)] a known failure" in found.stdout
    assert "division, second order - wrong: 0" in found.stdout
    assert "first = gradient((lambda x: 1 / x), 0)" in found.stdout
    known.write_text("programs::none\n")
    (folder / "broken.py").write_text("1 / 0\n")
    for typed in ("mylib", "mylib:gradient", "mylib.py", "none.py:grad", "broken:grad", "math:pi"):
        found = run(folder, "--gradscale-conformance", typed)
        told = found.stderr + found.stdout
        assert "expected MODULE:GRADIENT or FILE.py:GRADIENT" in told
        assert "Traceback" not in told
    found = run(folder, *arguments)
    assert "no case is called 'programs::none'" in found.stderr + found.stdout
