import pandas as pd
import pytest

from compare.results.reading import ResultsError
from compare.results.samples import SampleStore, read_samples
from compare.results.schema import SAMPLE_COLUMNS

CELLS = [("circuit", 1, "graph"), ("circuit", 1, "shared"), ("mlp-width", 8, "graph")]


def samples(cell, engines=None, count=3):
    problem, size, engine = cell
    return [
        {
            "problem": problem,
            "size": size,
            "engine": name,
            "mode": "warm",
            "round": number,
            "counts": 1,
            "seconds": 0.25 * (number + 1),
            "processor_s": 0.25,
            "loops": 4,
        }
        for name in engines or [engine]
        for number in range(count)
    ]


@pytest.fixture
def store(tmp_path):
    """A store with the samples of three cells; the first has those of the calibration workload."""
    store = SampleStore(tmp_path)
    store.add(CELLS[0], samples(CELLS[0], ["primal", "control", "graph"]), 0)
    for cell in CELLS[1:]:
        store.add(cell, samples(cell), 0)
    return store


@pytest.mark.parametrize("complete", [None, False, True])
def test_samples_are_read_in_every_state_of_a_run(store, tmp_path, complete):
    if complete is not None:
        store.finish(complete=complete)
    frame = read_samples(tmp_path)
    assert list(frame.columns) == [column.name for column in SAMPLE_COLUMNS]
    assert len(frame) == 15
    assert frame["seconds"].dtype == "float64"
    assert frame["size"].dtype == "Int64"
    assert (tmp_path / "samples").exists() == (complete is not True)


def test_a_cell_that_is_added_again_is_replaced(store, tmp_path):
    store.add(CELLS[1], samples(CELLS[1], count=2), 0)
    assert len(read_samples(tmp_path).query("engine == 'shared'")) == 2


@pytest.mark.parametrize("finished", [False, True])
def test_only_the_samples_of_kept_cells_stay(store, tmp_path, finished):
    if finished:
        store.finish(complete=True)
    assert store.keep([CELLS[1]]) == 1
    store.add(CELLS[0], samples(CELLS[0], ["primal", "graph"]), 1)
    store.finish(complete=True)
    frame = read_samples(tmp_path)
    assert set(frame["problem"]) == {"circuit"}
    # What was timed beside a cell that is kept stays beside it.
    assert frame.groupby(["engine", "run"]).size().to_dict() == {
        ("control", 0): 3,
        ("primal", 0): 3,
        ("primal", 1): 3,
        ("graph", 1): 3,
        ("shared", 0): 3,
    }


def test_nothing_kept_is_nothing_left(store, tmp_path):
    assert store.keep([]) == 0
    with pytest.raises(ResultsError, match="no samples"):
        read_samples(tmp_path)


def test_a_foreign_file_is_told(tmp_path):
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "samples.parquet")
    with pytest.raises(ResultsError, match="its columns are a; expected problem, size"):
        read_samples(tmp_path)
    (tmp_path / "samples.parquet").write_bytes(b"nothing of the kind")
    with pytest.raises(ResultsError, match="is damaged, or is no file of samples"):
        read_samples(tmp_path / "samples.parquet")


def test_a_damaged_file_is_named_or_read_as_it_was(store, tmp_path, rng):
    """One byte is another one: never another exception, never numbers that cannot be."""
    store.finish(complete=True)
    path = tmp_path / "samples.parquet"
    whole = path.read_bytes()
    refused = 0
    for place in rng.integers(0, len(whole), 60):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(bytes(damaged))
        try:
            assert (read_samples(tmp_path)["seconds"] >= 0).all()
        except ResultsError as error:
            assert "samples.parquet" in str(error)  # noqa: PT017 (some bytes are of no weight)
            refused += 1
    assert refused > 10
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ResultsError, match=r"samples\.parquet is damaged"):
        read_samples(tmp_path)


def test_a_file_from_before_processes_were_told_apart_is_read(store, tmp_path):
    store.finish(complete=True)
    path = tmp_path / "samples.parquet"
    pd.read_parquet(path).drop(columns="process").to_parquet(path)
    assert set(read_samples(tmp_path)["process"]) == {0}
