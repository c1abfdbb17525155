import importlib.util
from pathlib import Path

import numpy as np
import pytest

_spec = importlib.util.spec_from_file_location("killing", Path(__file__).with_name("killing.py"))
killing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(killing)


@pytest.mark.exhaustive
def test_a_run_that_is_killed_and_resumed_ends_as_one_that_is_not(tmp_path):
    """Each engine goes up the sizes of each problem to its first failure, and none twice."""
    cells, hits = killing.disturb(tmp_path / "killed", np.random.default_rng(3), kills=3)
    assert hits
    ends = {(problem, size, engine): status for problem, size, engine, status in cells}
    assert len(ends) == len(cells)
    for problem in {cell[0] for cell in cells}:
        for engine in {cell[2] for cell in cells}:
            up = [(s, ends.get((problem, s, engine))) for s in killing.SIZES]
            reached = [status for _, status in up if status is not None]
            assert None not in [status for _, status in up[: len(reached)]], up
            assert set(reached[:-1]) <= {"ok", "mismatch"}, up
            assert len(reached) == len(up) or reached[-1] not in ("ok", "mismatch"), up
    assert not {"crashed", "error"} & set(ends.values()), ends
    killing.check_samples(tmp_path / "killed")
