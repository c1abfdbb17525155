import pandas as pd

from compare.results.machines import machine_metadata, marked_hosts, read_machines
from compare.results.resume import write_json


def test_machines_by_class_and_the_one_of_earlier_runs(tmp_path):
    fast, slow = {"machine": "fast", "python": "3.12"}, {"machine": "slow", "python": "3.12"}
    write_json(tmp_path / "machine.json", fast)
    assert read_machines(tmp_path) == {"": fast}
    assert machine_metadata(tmp_path) == fast
    write_json(tmp_path / "machine.json", {"a": fast})
    assert machine_metadata(tmp_path) == fast
    write_json(tmp_path / "machine.json", {"a": fast, "b": slow})
    assert machine_metadata(tmp_path) == {"machine": "fast; slow", "python": "3.12"}


def test_rows_of_hosts_that_are_not_alike_are_marked_once():
    rows = pd.DataFrame(
        {
            "machine_class": ["c", "c", "c", "d", "d"],
            "host": ["x", "x", "y", "x", "z"],
            "calibration_s": [0.010, None, 0.0112, 0.010, 0.0109],
            "message": ["", "remark", "", "", "remark"],
        }
    )
    marked = marked_hosts(rows)
    mark = "hosts of its class differ: the calibration workload takes 10 ms on x, 11.2 ms on y"
    assert marked["message"].tolist() == [mark, f"remark; {mark}", mark, "", "remark"]
    pd.testing.assert_frame_equal(marked_hosts(marked), marked)
    alike = marked_hosts(marked.assign(calibration_s=0.01))
    assert alike["message"].tolist() == rows["message"].tolist()
