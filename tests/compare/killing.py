"""Kill a run at random moments, resume it, and hold the end against a run that nobody disturbed.

By hand, with any number of kills: ``python tests/compare/killing.py 100``.
"""

import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil

import compare

SIZES = (2, 8, 32)
#: Few and quick cells, among them some that end as timeout, unsupported and mismatch.
OPTIONS = (
    "--quick",
    "--budget-s=1",
    f"--sizes={','.join(map(str, SIZES))}",
    *(f"--problem={name}" for name in ("logistic-map", "mlp-depth")),
    *(f"--engine={name}" for name in ("graph", "expanded", "hand-written", "complex-step")),
    "--engine=finite-differences",
)
#: A run is killed this often before it is left to finish.
KILLS_OF_A_RUN = 8
_LONGEST_WAIT_S = 8.0


def start(folder, *more):
    """Return a run in a process of its own."""
    command = [sys.executable, "-m", "compare", "run", *OPTIONS, "--out", str(folder), *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def whole_rows(folder):
    """Return the lines of results.csv that are whole, without the header."""
    path = folder / "results.csv"
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1].split(b"\n")[1:-1]


def kill(process):
    """Kill a run alone with signal 9, and return those of its workers that outlive it."""
    parent = psutil.Process(process.pid)
    children = parent.children(recursive=True)
    parent.kill()
    process.wait()
    process.stderr.close()
    _, alive = psutil.wait_procs(children, timeout=10)
    return alive


def report(folder):
    """Write the report of a run that was killed."""
    subprocess.run([sys.executable, "-m", "compare", "report", str(folder)], check=True)
    assert (folder / "report.html").stat().st_size > 10**4


def finish(folder, *more):
    """Let a run finish and return its cells with their statuses."""
    process = start(folder, *more)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    rows = compare.read_results(folder / "results.csv")
    return [tuple(row) for row in rows[["problem", "size", "engine", "status"]].to_numpy()]


def disturb(folder, rng, kills=KILLS_OF_A_RUN):
    """Kill a run some times, finish it, and return its cells and how many kills hit it."""
    hits, written = 0, []
    for number in range(kills):
        process = start(folder, *["--resume"][: number > 0])
        time.sleep(rng.uniform(0.3, _LONGEST_WAIT_S))
        if process.poll() is not None:
            process.stderr.close()
            break
        assert kill(process) == []
        hits += 1
        now = whole_rows(folder)
        assert now[: len(written)] == written, "a row that was written has changed"
        if now and not written:
            report(folder)
        written = now
    cells = finish(folder, "--resume")
    assert whole_rows(folder)[: len(written)] == written, "a row was measured twice"
    leftovers = [f.name for f in folder.rglob(".*") if f.name != ".lock"]
    assert leftovers == []
    assert not (folder / "samples").exists()
    assert (folder / "report.html").stat().st_size > 10**5
    return cells, hits


def check_samples(folder):
    """Hold samples.parquet against the rows: each timed cell has its samples, once."""
    rows = compare.read_results(folder / "results.csv").query("status == 'ok'")
    samples = compare.read_samples(folder)
    key = ["problem", "size", "engine"]
    counted = samples[samples["counts"] == 1].groupby(key).size()
    for row in rows.to_dict("records"):
        assert counted[tuple(row[name] for name in key)] == row["samples"]
    assert not samples.duplicated([*key, "run", "process", "round"]).any()


def main(kills):
    """Kill runs until so many kills have hit, and print what came of it."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = finish(Path(folder) / "undisturbed")
        check_samples(Path(folder) / "undisturbed")
        ends = Counter(status for *_, status in undisturbed)
        print(f"undisturbed: {len(undisturbed)} cells, {dict(ends)}", flush=True)
        hits = runs = 0
        while hits < kills:
            place = Path(folder) / f"run-{runs}"
            cells, hit = disturb(place, rng, min(KILLS_OF_A_RUN, kills - hits))
            assert sorted(cells) == sorted(undisturbed), set(cells) ^ set(undisturbed)
            check_samples(place)
            hits, runs = hits + hit, runs + 1
            print(
                f"{hits} kills, {runs} runs finished: {len(cells)} cells, all as undisturbed",
                flush=True,
            )
    print(f"{hits} kills: no cell lost, none twice, no row measured again, no process left")


if __name__ == "__main__":
    main(int(sys.argv[1]))
