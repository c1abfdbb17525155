"""``gradscale worker``: a Dask worker of one thread that measures one batch at a time."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from compare.cluster.connecting import (
    ANSWER_S,
    BATCH,
    ClusterError,
    answers,
    checked_address,
    quiet,
    require_dask,
    tls_arguments,
)
from compare.cluster.job import CORES
from compare.process.threads import candidate_cores, pin, pinned_cores

__all__ = ["serve"]


def serve(
    address: str, tls: Sequence[str | Path] = (), says: Callable[[str], None] = print
) -> None:
    """Serve a scheduler until it ends, or a signal comes."""
    require_dask()
    address = checked_address(address, encrypted=bool(tls))
    quiet()
    asyncio.run(_serve(address, tls, says))


async def _serve(address: str, tls: Sequence[str | Path], says: Callable[[str], None]) -> None:
    import dask
    from distributed import Nanny

    words = tls_arguments(tls)
    await answers(address, words)
    cores = pinned_cores()
    environment = {CORES: ",".join(map(str, cores))}
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # not on Windows
            loop.add_signal_handler(number, ending.set)
    # It listens where it reaches the scheduler: on loopback if that is there. Memory is watched by
    # the budgets of cells; whoever listens for a browser would be one more open port.
    with dask.config.set({"distributed.nanny.pre-spawn-environ": {}}):
        try:
            nanny = await Nanny(
                address,
                nthreads=1,
                resources={BATCH: 1},
                memory_limit=0,
                env=environment,
                dashboard=False,
                death_timeout=6 * ANSWER_S,
                **words,
            )
        except Exception as error:  # sockets, TLS and Dask itself each raise their own
            raise ClusterError(f"the worker cannot start: {error}") from error
    try:
        # Its own threads stay off the core that is measured on; a worker that it starts anew
        # finds in its environment which cores there are.
        measured = candidate_cores(1, cores)
        pin(0, [core for core in cores if core not in measured])
        says(f"serving {address} from {nanny.worker_address}; Ctrl-C ends it")
        finished = asyncio.ensure_future(nanny.finished())
        ended = asyncio.ensure_future(ending.wait())
        await asyncio.wait([finished, ended], return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
    finally:
        await nanny.close(timeout=ANSWER_S)
