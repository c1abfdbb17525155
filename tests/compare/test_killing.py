import importlib.util
from pathlib import Path

import numpy as np
import pytest

_spec = importlib.util.spec_from_file_location("killing", Path(__file__).with_name("killing.py"))
killing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(killing)


@pytest.mark.exhaustive
def test_a_run_that_is_killed_and_resumed_ends_as_one_that_is_not(tmp_path):
    undisturbed = killing.finish(tmp_path / "undisturbed")
    killing.check_samples(tmp_path / "undisturbed")
    cells, hits = killing.disturb(tmp_path / "killed", np.random.default_rng(3), kills=3)
    assert hits
    assert sorted(cells) == sorted(undisturbed)
    killing.check_samples(tmp_path / "killed")
