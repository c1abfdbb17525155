import subprocess
import sys

import autodiff


def test_the_import_needs_numpy_and_little_else():
    code = (
        "import sys, numpy; before = set(sys.modules); import autodiff; "
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    foreign = set(found.stdout.split()) - set(sys.stdlib_module_names) - {"autodiff", "numpy"}
    assert not foreign
    for heavy in ("sympy", "scipy", "pandas", "jax", "torch"):
        assert heavy not in found.stdout.split()


def test_public_names_exist():
    for name in autodiff.__all__:
        assert getattr(autodiff, name).__doc__
