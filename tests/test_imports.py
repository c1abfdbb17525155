import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("pandas", "jinja2", "scipy", "jax", "torch", "dask")


@pytest.mark.parametrize(
    ("package", "absent"),
    [
        ("autodiff", (*HEAVY, "sympy", "symdiff", "compare")),
        ("symdiff", (*HEAVY, "autodiff", "compare")),
        ("compare", (*HEAVY, "sympy", "autodiff", "symdiff", "numpy")),
        (
            "compare.process.worker",
            (*HEAVY, "sympy", "autodiff", "symdiff", "numpy", "rich", "click"),
        ),
    ],
)
def test_a_package_imports_what_it_needs_and_no_more(package, absent):
    code = f"import sys, {package}; print(*[m for m in {absent!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_the_import_contract_holds():
    found = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    assert found.returncode == 0, found.stdout + found.stderr
