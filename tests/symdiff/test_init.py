"""The package as a whole: what it exports and what it imports."""

import subprocess
import sys

import symdiff


def test_exports_exist():
    assert all(hasattr(symdiff, name) for name in symdiff.__all__)


def test_imports_neither_rival_nor_harness():
    code = "import symdiff, sys; print([m for m in ('autodiff', 'compare') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
