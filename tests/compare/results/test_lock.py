import subprocess
import sys
import textwrap

import pytest

from compare.results.lock import locked
from compare.results.reading import ResultsError
from compare.results.resume import write_json

HOLDER = """
import sys, time
from pathlib import Path
from compare.results.lock import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that has locked a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLDER), str(tmp_path)], stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"locked\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_run_is_told_whose_the_folder_is(holder, tmp_path):
    write_json(tmp_path / "run.json", {"process": holder.pid, "created": "2026-01-01T00:00:00"})
    with pytest.raises(ResultsError, match=f"process {holder.pid}, started 2026"), locked(tmp_path):
        pass


def test_without_run_json_the_error_is_as_clear(holder, tmp_path):
    with pytest.raises(ResultsError, match=r"in use by another run\. Wait"), locked(tmp_path):
        pass


def test_the_lock_of_a_killed_process_is_gone(holder, tmp_path):
    holder.kill()
    holder.wait()
    with locked(tmp_path):
        pass


def test_a_lock_ends_with_an_error(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError
    with locked(tmp_path):
        pass
