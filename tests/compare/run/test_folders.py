"""No run touches another one's folder unless it is told to."""

import pytest

from compare.results.reading import ResultsError
from compare.results.resume import write_json
from compare.run.folders import latest_run, make_latest, new_folder, refuse_other_run


def test_each_run_has_a_folder_of_its_own_and_the_latest_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    old = tmp_path / "reports" / "latest"
    old.mkdir(parents=True)
    (old / "results.csv").write_text("of before")
    folders = [new_folder("my loss/2") for _ in range(3)]
    assert [f.name[10:] for f in folders] == ["-my-loss-2", "-my-loss-2-2", "-my-loss-2-3"]
    for folder in folders:
        make_latest(folder)
        assert latest_run().resolve() == folder.resolve()
    kept = [path.read_text() for path in tmp_path.glob("reports/runs/*-earlier/results.csv")]
    assert kept == ["of before"]


def test_where_there_are_no_links_a_file_names_the_latest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def refused(*_, **__):
        raise OSError("no privilege")

    monkeypatch.setattr("pathlib.Path.symlink_to", refused)
    folder = new_folder("quick")
    make_latest(folder)
    assert latest_run() == folder


def test_a_folder_that_holds_a_run_is_refused(tmp_path):
    refuse_other_run(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    refuse_other_run(tmp_path)
    write_json(tmp_path / "run.json", {"created": "2026-01-01T00:00:00"})
    with pytest.raises(ResultsError, match=r"run of 2026.*--resume.*--overwrite.*--out"):
        refuse_other_run(tmp_path)


def test_a_name_that_cannot_be_a_folder_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(ResultsError, match=r"cannot hold the folder of the run.*--out"):
        new_folder("quick")
