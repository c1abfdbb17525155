"""A scheduler and its workers on loopback: sweeps with workers that are killed.

By hand, with 20 kills: ``GRADSCALE_KILLS=20 python -m pytest tests/compare/cluster -m exhaustive``.
"""

import os
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest

import compare
from compare.cluster.connecting import ClusterError, connect, tls_arguments
from compare.cluster.worker import serve
from compare.engines.engine import Engine

distributed = pytest.importorskip("distributed", reason="Dask's distributed is not installed")

#: Columns that are no times, and not of the conditions at the moment.
SAME = ("problem", "size", "engine", "status", "label", "parameters", "operations", "max_error")
SAME += ("reference", "seed", "fingerprint", "host", "machine_class", "attempt", "versions")
#: Nothing here takes longer, or it fails.
LONGEST_S = 900.0
# Of sockets of Dask that a killed worker leaves behind, and of its own use of asyncio.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


class Crew:
    """A scheduler in this process, a client, and workers with their nannies in others."""

    def __init__(self, tls=()):
        words = {"protocol": "tls", **tls_arguments(tls)} if tls else {}
        self.cluster = distributed.LocalCluster(
            n_workers=0, host="127.0.0.1", dashboard_address=":0", silence_logs=50, **words
        )
        self.tls = ["--dask-tls", *map(str, tls)] if tls else []
        self.client = distributed.Client(self.cluster, set_as_default=False)
        self.workers = []

    def hire(self, number):
        """Start some workers."""
        place = self.cluster.scheduler_address
        command = [sys.executable, "-m", "compare", "worker", place, *self.tls]
        for _ in range(number):
            self.workers.append(
                subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )

    def kill(self, address):
        """Kill the worker at an address and its nanny, and nothing else; return their children."""
        pid = self.client.run(os.getpid, workers=[address])[address]
        nanny = next(w for w in self.workers if pid in [c.pid for c in children_of(w)])
        others = children_of(nanny)
        nanny.kill()
        psutil.Process(pid).kill()
        nanny.wait()
        return others

    def close(self):
        """End everything."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:
                worker.kill()
        self.client.close(timeout=10)
        self.cluster.close(timeout=10)


def children_of(process):
    """Return the processes below one."""
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


@pytest.fixture(scope="module")
def crew():
    crew = Crew()
    yield crew
    crew.close()


ENGINES = tuple(compare.get_engine(name) for name in ("hand-written", "finite-differences"))


def plan(problems, engines=ENGINES, sizes=(2, 3)):
    chosen = tuple(compare.PROBLEMS[name] for name in problems)
    return compare.Plan(chosen, engines, compare.Budget(20.0, 2**32), lambda problem: sizes)


def swept(crew, which, says=lambda text: None, **more):
    """Return the rows of a sweep, which must end in time."""
    lost = []
    runner = compare.DaskRunner(crew.client, LONGEST_S, says, lost.append, **more)
    rows, end_s = [], time.monotonic() + LONGEST_S
    for ended in compare.sweep(which, runner=runner):
        assert time.monotonic() < end_s
        rows.append(ended.row)
    return rows, lost


def survives(crew, rng):
    """Kill the worker that measures, and its nanny, at a random moment; one more joins late."""
    after_s, victims = rng.uniform(0.0, 4.0), []

    def kill():
        time.sleep(after_s)
        processing = crew.client.processing()
        address = next(name for name, keys in processing.items() if keys)
        victims.extend(crew.kill(address))
        crew.hire(1)

    killer = threading.Thread(target=kill)

    def says(text):
        if " on " in text and "joins" not in text and not killer.ident:
            killer.start()

    which = plan(("logistic-map",))
    rows, lost = swept(crew, which, says)
    killer.join(LONGEST_S)
    cells = [(r["problem"], r["size"], r["engine"], r["status"]) for r in rows]
    expected = [(c.problem.name, c.size, e.name, "ok") for c, e in which.cells()]
    assert sorted(cells) == sorted(expected), [(r["message"], lost) for r in rows]
    assert lost
    assert {r["attempt"] for r in rows} <= {1, 2}
    assert len({(r["host"], r["machine_class"]) for r in rows}) == 1
    assert all(r["calibration_s"] > 0 for r in rows)
    # What the worker had started ends with it.
    assert not psutil.wait_procs(victims, timeout=20)[1]


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(int(os.environ.get("GRADSCALE_KILLS", "1"))))
def test_a_sweep_survives_a_worker_that_is_killed_with_its_nanny(crew, seed):
    crew.hire(max(0, 2 - len(crew.client.scheduler_info()["workers"])))
    crew.client.wait_for_workers(2, timeout=LONGEST_S)
    survives(crew, np.random.default_rng(seed))


def poison(case):
    """Kill the Dask worker above this process, as one that takes all memory of a machine does."""
    import psutil

    for parent in psutil.Process().parents():
        if "multiprocessing" in " ".join(parent.cmdline()):
            parent.kill()
    raise AssertionError("there was no worker above")


@pytest.mark.exhaustive
def test_a_poison_engine_ends_as_crashed_and_no_other(crew):
    crew.hire(max(0, 1 - len(crew.client.scheduler_info()["workers"])))
    engines = (Engine("poison", "", ("numpy",), poison), ENGINES[0])
    rows, _ = swept(crew, plan(("mlp-width",), engines))
    ended = {(r["size"], r["engine"]): (r["status"], r["attempt"]) for r in rows}
    assert ended == {
        (2, "poison"): ("crashed", 3),
        (2, "hand-written"): ("ok", 3),
        (3, "hand-written"): ("ok", 1),
    }


def certificates(folder):
    """Return a certificate, its key and the authority that signed it, made by OpenSSL."""
    folder.mkdir()
    new = ("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj")
    sign = ("openssl", "x509", "-req", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial")
    for command in (
        (*new, "/CN=authority", "-x509", "-keyout", "ca.key", "-out", "ca.pem"),
        (*new, "/CN=gradscale", "-keyout", "key.pem", "-out", "request.pem"),
        (*sign, "-in", "request.pem", "-out", "cert.pem"),
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return [folder / name for name in ("cert.pem", "key.pem", "ca.pem")]


@pytest.mark.exhaustive
@pytest.mark.skipif(shutil.which("openssl") is None, reason="the command openssl is not there")
def test_an_encrypted_sweep_has_the_same_rows(crew, tmp_path):
    which = plan(("logistic-map",), sizes=(2,))
    crew.hire(max(0, 1 - len(crew.client.scheduler_info()["workers"])))
    files, others = certificates(tmp_path / "ours"), certificates(tmp_path / "theirs")
    encrypted = Crew(files)
    try:
        encrypted.hire(1)
        address = encrypted.cluster.scheduler_address
        assert address.startswith("tls://")
        found = [
            sorted(tuple(str(row.get(name)) for name in SAME) for row in swept(of, which)[0])
            for of in (encrypted, crew)
        ]
        assert found[0] == found[1]
        assert len(found[0]) == 2
        wrong = [*files[:2], others[2]]
        with pytest.raises(ClusterError, match=r"answers at tls://.*certificate"):
            connect(address, wrong)
        with pytest.raises(ClusterError, match=r"answers at tls://.*certificate"):
            serve(address, wrong)
    finally:
        encrypted.close()
