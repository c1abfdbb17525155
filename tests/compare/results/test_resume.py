import json

import pytest

from compare.results.reading import ResultsError, read_results
from compare.results.resume import previous_run, write_json
from compare.results.schema import RESULT_COLUMNS
from compare.results.store import append_row, create_results

MACHINE = "a processor, 2 cores, 24 GiB"
REQUESTED = {"problems": ["circuit"], "engines": ["graph", "shared"], "budget_s": 3.0}
FINGERPRINTS = {("circuit", 1, "graph"): "aa", ("circuit", 1, "shared"): "bb"}


def row(engine, fingerprint, status="ok"):
    return {
        "problem": "circuit",
        "size": 1,
        "engine": engine,
        "status": status,
        "fingerprint": fingerprint,
        "machine": MACHINE,
    }


@pytest.fixture
def folder(tmp_path):
    """The folder of a run that was killed after its first cell."""
    create_results(tmp_path / "results.csv")
    append_row(tmp_path / "results.csv", row("graph", "aa"))
    write_json(tmp_path / "run.json", {"requested": REQUESTED, "resumed": 0, "verified": "cc"})
    return tmp_path


def resumed(folder, requested=REQUESTED, fingerprints=FINGERPRINTS, machine=MACHINE):
    return previous_run(folder, requested, fingerprints, machine)


def test_cells_of_the_same_fingerprint_are_kept(folder):
    before = (folder / "results.csv").read_bytes()
    previous = resumed(folder)
    assert previous.done == {("circuit", 1, "graph"): "ok"}
    assert previous.run == 1
    assert previous.metadata["verified"] == "cc"
    assert previous.remarks == ("1 of 2 cells are kept.",)
    assert (folder / "results.csv").read_bytes() == before


def test_a_changed_fingerprint_makes_its_rows_stale(folder):
    append_row(folder / "results.csv", row("shared", "bb", "timeout"))
    previous = resumed(folder, fingerprints=FINGERPRINTS | {("circuit", 1, "graph"): "dd"})
    assert previous.done == {("circuit", 1, "shared"): "timeout"}
    assert read_results(folder / "results.csv")["engine"].tolist() == ["shared"]
    assert len(read_results(folder / "results.stale.csv")) == 2
    assert "1 of 2 rows are stale" in previous.remarks[0]


def test_a_cell_that_is_there_twice_counts_once(folder):
    append_row(folder / "results.csv", row("graph", "aa", "timeout"))
    assert resumed(folder).done == {("circuit", 1, "graph"): "ok"}
    assert len(read_results(folder / "results.csv")) == 1


def test_a_row_cut_off_anywhere_is_removed(folder):
    path = folder / "results.csv"
    whole = path.read_bytes()
    append_row(path, row("shared", "bb"))
    both = path.read_bytes()
    for length in range(len(whole) + 1, len(both)):
        path.write_bytes(both[:length])
        previous = resumed(folder)
        assert previous.done == {("circuit", 1, "graph"): "ok"}
        assert "cut off in the middle" in previous.remarks[0]
        assert path.read_bytes() == whole
    path.write_bytes(both)
    assert len(resumed(folder).done) == 2


def test_a_header_cut_off_is_written_again(folder):
    path = folder / "results.csv"
    path.write_bytes(path.read_bytes()[:20])
    assert resumed(folder).done == {}
    assert list(read_results(path).columns) == [column.name for column in RESULT_COLUMNS]


def test_rows_are_never_appended_under_the_header_of_an_older_version(folder):
    path = folder / "results.csv"
    names = [column.name for column in RESULT_COLUMNS]
    older = ["definition" if n == "fingerprint" else n for n in names if n != "processes"]
    path.write_text(",".join(older) + "\n")
    assert resumed(folder).done == {}
    assert path.read_text() == ",".join(names) + "\n"


def test_an_empty_folder_starts_anew(tmp_path):
    assert "starts anew" in resumed(tmp_path).remarks[0]


def test_settings_are_compared_under_their_name_before_version_3(folder):
    write_json(folder / "run.json", {"asked": REQUESTED | {"budget_s": 5.0}})
    with pytest.raises(ResultsError, match=r"budget_s was 5\.0 and is now 3\.0"):
        resumed(folder)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"budget_s": 5.0}, r"budget_s was 3\.0 and is now 5\.0"),
        ({"engines": ["graph"]}, "engines was graph, shared and is now graph"),
        ({"seed": 1}, "seed was None and is now 1"),
    ],
)
def test_other_settings_are_refused(folder, change, text):
    with pytest.raises(ResultsError, match=text):
        resumed(folder, requested=REQUESTED | change)


def test_an_engine_that_was_installed_since_makes_nothing_stale(folder):
    engines = [*REQUESTED["engines"], "of a plug-in"]
    assert resumed(folder, requested=REQUESTED | {"engines": engines}).done


def test_another_machine_is_refused(folder):
    with pytest.raises(ResultsError, match="run of another machine"):
        resumed(folder, machine="another processor, 64 cores, 256 GiB")


def test_a_folder_that_does_not_tell_is_refused(folder):
    (folder / "run.json").unlink()
    with pytest.raises(ResultsError, match="does not tell what its run was asked"):
        resumed(folder)


def test_json_is_written_whole_or_not_at_all(folder, monkeypatch):
    before = (folder / "run.json").read_text()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="not written"):
        write_json(folder / "run.json", {"requested": {}})
    assert (folder / "run.json").read_text() == before
    assert json.loads(before)["requested"] == REQUESTED
    assert not list(folder.glob(".*"))


def test_a_run_of_a_cluster_goes_on_with_the_classes_of_its_families(folder):
    done = row("shared", "bb") | {"family": "notes", "machine_class": "c", "host": "h"}
    append_row(folder / "results.csv", done | {"machine": "another, 64 cores"})
    previous = resumed(folder, machine=None)
    assert len(previous.done) == 2
    assert previous.classes == {"notes": "c"}
