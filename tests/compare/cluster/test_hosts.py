"""Two hosts and a head, each in a network of its own: one host is lost in the middle of a run."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

pytest.importorskip("distributed", reason="Dask's distributed is not installed")

LONGEST_S = 900.0
PYTHON = (sys.executable, "-m")
#: One batch of two engines; each line that is printed is JSON, the last one the rows.
CLIENT = """
import json
import compare
from compare.cluster.connecting import connect

def tell(text):
    print(json.dumps(text), flush=True)

engines = tuple(map(compare.get_engine, ("hand-written", "finite-differences")))
problems, budget = (compare.PROBLEMS["logistic-map"],), compare.Budget(20.0, 2**32)
plan = compare.Plan(problems, engines, budget, lambda problem: (2,))
with connect("tcp://10.77.0.1:8786") as client:
    runner = compare.DaskRunner(client, 120.0, tell, tell)
    rows = [ended.row for ended in compare.sweep(plan, runner=runner)]
tell([[row[x] for x in ("engine", "status", "attempt", "host")] for row in rows])
"""
#: A host has a name of its own, and a file of its own where those of one machine take turns.
HOST = """
hostname "$1" && touch /tmp/gradscale-worker.lock
mount --bind "$(mktemp)" /tmp/gradscale-worker.lock && shift && exec "$@"
"""


def told(*command):
    """Return what a command prints, or skip where it is not allowed."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"network namespaces are not allowed here: {done.stderr.strip()}")
    return done.stdout


class Networks:
    """A head that is wired to two hosts, which do not reach each other."""

    def __init__(self):
        self.head, *self.hosts = [f"gs{os.getpid()}{x}" for x in ("head", "a", "b")]
        self.processes = []

    def wire(self):
        """Make the networks, or skip where that is not allowed."""
        for name in (self.head, *self.hosts):
            told("ip", "netns", "add", name)
            told("ip", "-n", name, "link", "set", "lo", "up")
        for i, host in enumerate(self.hosts):
            peer = ("peer", "name", "up0", "netns", host)
            told("ip", "link", "add", f"down{i}", "netns", self.head, "type", "veth", *peer)
            for name, end, place in ((self.head, f"down{i}", 1), (host, "up0", 2)):
                told("ip", "-n", name, "addr", "add", f"10.77.{i}.{place}/24", "dev", end)
                told("ip", "-n", name, "link", "set", end, "up")

    def start(self, name, *command, **words):
        """Start a command in the network of a name."""
        process = subprocess.Popen(["ip", "netns", "exec", name, *command], **words)
        self.processes.append(process)
        return process

    def lose(self, name):
        """Kill every process of a host."""
        for pid in self.pids(name):
            os.kill(pid, 9)

    def pids(self, name):
        """Return the processes of a host."""
        found = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
        return list(map(int, found.stdout.split()))

    def close(self):
        """End everything."""
        for name in (*self.hosts, self.head):
            self.lose(name)
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        for process in self.processes:
            process.wait(20)


@pytest.fixture
def networks():
    if not shutil.which("ip") or not shutil.which("unshare") or os.geteuid():
        pytest.skip("network namespaces need Linux, the command ip and its administrator")
    networks = Networks()
    try:
        networks.wire()
        yield networks
    finally:
        networks.close()


def measuring(pids):
    """Return whether one of some processes is that of an engine."""
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(" ".join(psutil.Process(pid).cmdline()))
    return any("compare.process" in command for command in found)


@pytest.mark.exhaustive
def test_a_host_that_is_lost_is_made_up_for_by_the_other(networks, tmp_path):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = ("distributed.cli.dask_scheduler", "--host", "0.0.0.0", "--port", "8786")
    networks.start(networks.head, *PYTHON, *scheduler, "--no-dashboard", **quiet)
    for i, host in enumerate(networks.hosts):
        worker = (*PYTHON, "compare", "worker", f"tcp://10.77.{i}.1:8786")
        apart = ("unshare", "--uts", "--mount", "sh", "-c", HOST, "sh", host)
        networks.start(host, *apart, *worker, **quiet)
    piped = {"stdout": subprocess.PIPE, "text": True}
    client = networks.start(networks.head, sys.executable, "-c", CLIENT, **piped)
    end_s = time.monotonic() + LONGEST_S
    lost = None
    while lost is None:
        assert client.poll() is None
        assert time.monotonic() < end_s
        lost = next((x for x in networks.hosts if measuring(networks.pids(x))), None)
        time.sleep(0.1)
    time.sleep(np.random.default_rng().uniform(0.0, 2.0))
    networks.lose(lost)
    told_by_client, _ = client.communicate(timeout=LONGEST_S)
    print(told_by_client)
    *_, rows = map(json.loads, told_by_client.splitlines())
    assert sorted(rows) == [
        [engine, "ok", 2, rows[0][-1]] for engine in ("finite-differences", "hand-written")
    ]
    joined = {text.split(" ")[2] for text in told_by_client.splitlines() if "joins" in text}
    assert len(joined) == 2
