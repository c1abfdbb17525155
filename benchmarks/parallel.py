"""Logistic regression on rows that are spread over the workers of a Dask cluster.

``python -m benchmarks.parallel --rows 10000000 --columns 40 --workers 2``: time of a step and of
the whole, memory of each process, bytes that move in a step.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

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

    def total(w: Any) -> Any:
        parts = [client.submit(_applied, step, w, chunk, pure=False) for chunk in chunks]
        while len(parts) > 1:
            pairs = [parts[i : i + 2] for i in range(0, len(parts), 2)]
            parts = [client.submit(_added, *pair, pure=False) for pair in pairs]
        return parts[0].result()

    return total


def _applied(function: Callable[..., Any], w: Any, chunk: Sequence[Any]) -> Any:
    return function(w, *chunk)


def _added(left: Any, right: Any = None) -> Any:
    return left if right is None else (left[0] + right[0], left[1] + right[1])


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
    """Return the minimum by steps along the gradient with momentum (Nesterov 1983), their number.

    The loss of `count` rows of unit variance has slopes that change by at most count / 4 or so.
    """
    w = before = np.zeros(columns)
    for step in range(1, steps + 1):
        ahead = w + (step - 1) / (step + 2) * (w - before)
        _, gradient = total(ahead)
        before, w = w, ahead - 4.0 / count * 0.8 * gradient
        if np.max(np.abs(gradient)) < 1e-6 * count:
            break
    return w, step


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--columns", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--chunks", type=int, default=40)
    given = parser.parse_args()
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        print("skipped: Dask's distributed is not installed: pip install 'gradscale[dask]'")
        return
    count = given.rows // given.chunks
    print("| workers | s to load | steps | s | s a step | MB of the largest worker | kB a step |")
    print("|--:|--:|--:|--:|--:|--:|--:|")
    for workers in range(1, given.workers + 1):
        cluster = LocalCluster(workers, threads_per_worker=1, dashboard_address=":0")
        with cluster, Client(cluster) as client:
            start = time.perf_counter()
            chunks = client.map(rows, range(given.chunks), count=count, columns=given.columns)
            client.gather(client.map(len, chunks))
            loaded = time.perf_counter()
            total = data_parallel(autodiff.compile(autodiff.value_and_grad(loss)), chunks, client)
            total(np.zeros(given.columns))
            begun = time.perf_counter()
            _, steps = converged(total, given.columns, count * given.chunks)
            run_s = time.perf_counter() - begun
            bytes_ = [x["metrics"]["memory"] for x in client.scheduler_info()["workers"].values()]
            moved = 8 * given.columns * (2 * given.chunks - 1) / 1e3
            print(
                f"| {workers} | {loaded - start:.1f} | {steps} | {run_s:.1f} | "
                f"{run_s / steps:.3f} | {max(bytes_) / 1e6:.0f} | {moved:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
