"""Logistic regression on rows that are spread over the workers of a Dask cluster.

``python -m benchmarks.parallel --rows 10000000 --columns 40 --workers 2``: time of a step and of
the whole, memory of each process, bytes that go over loopback in a step (those of other programs
too), and by how much the sum over chunks is off the whole on few rows.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import psutil
from scipy.optimize import minimize

import autodiff

__all__ = ["converged", "data_parallel", "loss", "main", "rows"]


def data_parallel(function: Callable[..., Any], chunks: Sequence[Any], client: Any) -> Any:
    """Return the function of the first argument that adds up value and gradient over all chunks.

    Parameters
    ----------
    function : callable
        ``function(w, *chunk)`` returns a value and a gradient, such as
        ``autodiff.value_and_grad(loss)`` or the same compiled.
    chunks : sequence of Future
        The chunks, each a tuple of arrays, as tasks made them: those of a lost worker are made
        again elsewhere, which what was scattered is not.
    client : distributed.Client
        The cluster.

    Returns
    -------
    callable
        ``total(w)`` returns the sums of the values and of the gradients.
    """
    # One object on each worker, where it lives from step to step with the plans that it has made.
    step = client.scatter(function, broadcast=True, hash=False)
    client.gather(client.map(len, chunks))

    def total(w: Any) -> Any:
        # Where the chunks are: Dask would move some to who is idle, though all are as large.
        holders = client.who_has(chunks)
        parts = [
            client.submit(
                *(_applied, step, w, chunk),
                workers=holders.get(chunk.key) or None,
                allow_other_workers=True,
                pure=False,
            )
            for chunk in chunks
        ]
        while len(parts) > 1:
            pairs = [parts[i : i + 2] for i in range(0, len(parts), 2)]
            parts = [client.submit(_added, *pair, pure=False) for pair in pairs]
        return parts[0].result()

    return total


def _applied(function: Callable[..., Any], w: Any, chunk: Sequence[Any]) -> Any:
    return function(w, *chunk)


def _added(left: Any, right: Any = None) -> Any:
    """Return the sums of values and of gradients, nested ones too."""
    if right is None:
        return left
    flat, back = autodiff.ravel(left)
    return back(flat + autodiff.ravel(right)[0])


def loss(w: Any, x: Any, y: Any) -> Any:
    """Return the logistic loss of rows with labels -1 and 1."""
    return np.sum(np.logaddexp(0.0, -y * (x @ w)))


def rows(chunk: int, count: int, columns: int) -> tuple[Any, Any]:
    """Return the rows of a chunk and their labels, drawn by its number."""
    rng = np.random.default_rng([7, chunk])
    x = rng.normal(size=(count, columns))
    truth = np.linspace(-1.0, 1.0, columns)
    return x, np.where(x @ truth + rng.logistic(size=count) > 0, 1.0, -1.0)


def converged(total: Callable[..., Any], columns: int, count: int, steps: int = 200) -> Any:
    """Return the minimum of the loss of `count` rows by L-BFGS, and how often it was computed."""

    def mean(w: Any) -> Any:
        value, gradient = total(w)
        return value / count, gradient / count

    how = {"maxiter": steps, "ftol": 1e-15, "gtol": 1e-7}
    found = minimize(mean, np.zeros(columns), jac=True, method="L-BFGS-B", options=how)
    return found.x, found.nfev


def peak_bytes() -> int:
    """Return the most memory that this process has held."""
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def loopback_bytes() -> int:
    """Return the bytes that processes of this machine have sent each other so far."""
    counters = psutil.net_io_counters(pernic=True)
    return sum(x.bytes_sent for name, x in counters.items() if name.startswith("lo"))


def difference(client: Any, columns: int) -> float:
    """Return by how much the sum over chunks differs from the whole, relative, on few rows."""
    function = autodiff.value_and_grad(loss)
    parts = [rows(i, 10_000, columns) for i in range(7)]
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    chunks = client.map(rows, range(7), count=10_000, columns=columns)
    w = np.linspace(0.5, -0.5, columns)
    found = data_parallel(autodiff.compile(function), chunks, client)(w)
    pairs = list(zip(found, function(w, x, y), strict=True))
    return float(max(np.max(np.abs(a - b)) / np.max(np.abs(b)) for a, b in pairs))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--columns", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--chunks", type=int, default=40)
    given = parser.parse_args()
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError:
        print("skipped: Dask's distributed is not installed: pip install 'gradscale[dask]'")
        return
    # It would copy chunks to whoever is idle for a moment.
    dask.config.set({"distributed.scheduler.work-stealing": False})
    count = given.rows // given.chunks
    print(
        "| workers | s to load | steps | s | s a step | peak MB of each process | kB a step | off |"
    )
    print("|--:|--:|--:|--:|--:|---|--:|--:|")
    for workers in range(1, given.workers + 1):
        cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0")
        with cluster, Client(cluster) as client:
            off = difference(client, given.columns)
            start = time.perf_counter()
            chunks = client.map(rows, range(given.chunks), count=count, columns=given.columns)
            total = data_parallel(autodiff.compile(autodiff.value_and_grad(loss)), chunks, client)
            loaded = time.perf_counter()
            total(np.zeros(given.columns))
            begun, before = time.perf_counter(), loopback_bytes()
            _, steps = converged(total, given.columns, count * given.chunks)
            run_s = time.perf_counter() - begun
            moved = (loopback_bytes() - before) / steps
            peaks = [peak_bytes(), *client.run(peak_bytes).values()]
            print(
                f"| {workers} | {loaded - start:.1f} | {steps} | {run_s:.1f} | "
                f"{run_s / steps:.3f} | client and scheduler {peaks[0] / 1e6:.0f}, workers "
                f"{', '.join(f'{x / 1e6:.0f}' for x in peaks[1:])} | {moved / 1e3:.0f} | "
                f"{off:.0e} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
