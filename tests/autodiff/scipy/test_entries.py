"""The table of what stands for functions of SciPy."""

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autodiff
import autodiff.scipy
from autodiff.core.scipy_names import SCIPY
from autodiff.scipy.entries import TABLE, add, has_tensor

FILES = Path(__file__).parent
ELSEWHERE = FILES.parent / "rules" / "test_special.py"


def test_names_are_those_of_the_table():
    assert sorted(SCIPY) == sorted(TABLE)


@pytest.mark.each("name", sorted(SCIPY))
def test_the_path_leads_to_the_entry(name):
    module, _, last = SCIPY[name].rpartition(".")
    found = importlib.import_module(module)
    assert getattr(found, last) is TABLE[name].answer
    assert last in found.__all__


def test_every_entry_has_a_test():
    texts = "".join(
        path.read_text(encoding="utf-8") for path in [*FILES.glob("test_*.py"), ELSEWHERE]
    )
    for name in TABLE:
        module, _, last = name.rpartition(".")
        if module == "scipy.special":
            # The spherical functions are walked by the parts of their names.
            assert last in texts or last.rpartition("_")[0] in texts
            continue
        ways = (f'"{name}"', f'"{last}"', f'"{name}.', f".{last}(")
        listed = any(way in texts for way in ways)
        # Some names are made of parts: csr_array and its like.
        assert listed or f'"{last[:3]}"' in texts, name


def test_a_name_is_in_the_table_once():
    with pytest.raises(ValueError, match="twice"):
        add("scipy.linalg.expm", None)


def test_scipy_comes_late():
    text = (
        "import sys, autodiff, autodiff.scipy; "
        "assert not any(name.split('.')[0] == 'scipy' for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", text], check=True)


def test_tensors_are_found_in_containers():
    def probe(x):
        assert has_tensor([1.0, (x, 2.0)])
        assert has_tensor({"a": x})
        assert has_tensor(np.array([x[0], 1.0], dtype=object))
        return np.sum(x)

    autodiff.grad(probe)(np.ones(2))
    assert not has_tensor([1.0, {"a": (np.ones(2), None)}])
