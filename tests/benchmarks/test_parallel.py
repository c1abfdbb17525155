"""Value and gradient of chunks on workers, added up: the sum over the whole."""

import os
import signal

import numpy as np
import pytest

import autodiff
from benchmarks.parallel import converged, data_parallel, loss, rows

distributed = pytest.importorskip("distributed", reason="Dask's distributed is not installed")


# A cluster whose worker is killed warns of sockets, tasks and connections in ways of its own.
@pytest.mark.filterwarnings("ignore")
def test_chunks_on_two_workers_one_of_which_is_lost():
    function = autodiff.value_and_grad(loss)
    parts = [rows(i, 50, 4) for i in range(5)]
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    w = np.linspace(0.5, -0.5, 4)
    value, gradient = function(w, x, y)
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    )
    with cluster, distributed.Client(cluster) as client:
        chunks = client.map(rows, range(5), count=50, columns=4)
        total = data_parallel(autodiff.compile(function), chunks, client)
        found = total(w)
        np.testing.assert_allclose(found[0], value, rtol=1e-12)
        np.testing.assert_allclose(found[1], gradient, rtol=1e-12)
        distributed.wait(chunks)
        process = next(iter(client.run(os.getpid).values()))
        os.kill(process, signal.SIGKILL)
        found = total(w)
        np.testing.assert_allclose(found[1], gradient, rtol=1e-12)
        lowest, _ = converged(total, 4, 250, steps=60)
    assert np.max(np.abs(function(lowest, x, y)[1])) < 1e-2 * np.max(np.abs(gradient))
