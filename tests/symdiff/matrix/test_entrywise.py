"""Refusals of gradients of whole matrices: each says what to do instead."""

import numpy as np
import pytest

from symdiff import gradient


@pytest.fixture
def by_matrices():
    return gradient(lambda w: np.sum(w**2), strategy="matrix", w=("n",))


@pytest.mark.parametrize("method", ["compile", "subs", "simplify"])
def test_methods_of_entries_are_refused(by_matrices, method):
    with pytest.raises(NotImplementedError, match=rf"^{method}: .*strategy='adjoint'"):
        getattr(by_matrices, method)()


def test_files_and_languages(by_matrices, tmp_path):
    with pytest.raises(NotImplementedError, match=r"^save: "):
        by_matrices.save(tmp_path / "gradient.txt")
    assert not any(tmp_path.iterdir())
    with pytest.raises(NotImplementedError, match="language='c'"):
        by_matrices.code(language="c")
    with pytest.raises(ValueError, match="python, c"):
        by_matrices.code("rust")
    assert by_matrices.code() == by_matrices.source


@pytest.mark.parametrize("name", ["\uff4e\uff50", "x; import os", "__debug__"])
def test_names_that_source_would_read_otherwise(name):
    with pytest.raises(ValueError, match="is called"):
        gradient(lambda **k: np.sum(k[name]), strategy="matrix", inputs={name: ("n",)})
    with pytest.raises(ValueError, match="no identifier"):
        gradient(lambda w: np.sum(w), strategy="matrix", w=(name,))
