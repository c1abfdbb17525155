import pytest

from benchmarks.costs.imports import time_imports

pytestmark = pytest.mark.usefixtures("undisturbed")


def test_each_module_is_imported_in_every_round():
    samples = time_imports(["colorsys"], 2)
    assert len(samples["colorsys"]) == 2
    assert all(s.seconds > 0 for s in samples["colorsys"])


def test_what_is_slow_to_import_is_slow(tmp_path, monkeypatch):
    (tmp_path / "slow_module.py").write_text("import time\ntime.sleep(0.2)\n")
    (tmp_path / "fast_module.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    samples = time_imports(["fast_module", "slow_module"], 1)
    (slow,), (fast,) = samples["slow_module"], samples["fast_module"]
    assert slow.seconds >= 0.2
    assert fast.processor_s < 0.2, "a busy machine makes it wait, and no more"
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".py"] == []


def test_a_module_that_fails_is_told(tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("raise ValueError('broken on purpose')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(OSError, match="importing broken_module failed: ValueError: broken on"):
        time_imports(["broken_module"], 1)


def test_a_module_that_is_not_there_is_told():
    with pytest.raises(OSError, match="no module 'no_such_module'"):
        time_imports(["no_such_module"], 1)
