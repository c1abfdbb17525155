"""Connections to a Dask scheduler, and what may be wrong with them, each in a sentence."""

import asyncio
import importlib.util
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client

__all__ = [
    "ANSWER_S",
    "BATCH",
    "ClusterError",
    "answers",
    "checked_address",
    "connect",
    "quiet",
    "require_dask",
    "tls_arguments",
]

#: Resource of Dask that a worker has one of and every batch takes: it measures one at a time.
BATCH = "batch"
#: Time that a scheduler has to answer, in s.
ANSWER_S = 10


class ClusterError(RuntimeError):
    """A cluster that cannot be used, and why."""


def require_dask() -> None:
    """Refuse to go on without Dask."""
    if importlib.util.find_spec("distributed") is None:
        raise ClusterError(
            "a sweep on a cluster needs Dask, which is not installed: pip install 'gradscale[dask]'"
        )


def tls_arguments(files: Sequence[str | Path]) -> dict[str, Any]:
    """Return the arguments of Dask for encrypted connections; none without files."""
    if not files:
        return {}
    from distributed import Security

    for file in files:
        if not Path(file).is_file():
            raise ClusterError(
                f"--dask-tls: {file} is no file; expected a certificate, its key, and the "
                "certificate of the authority that signed it, in PEM"
            )
    cert, key, authority = map(str, files)
    roles = {f"tls_{role}_cert": cert for role in ("client", "worker", "scheduler")}
    roles |= {f"tls_{role}_key": key for role in ("client", "worker", "scheduler")}
    return {
        "security": Security(tls_ca_file=authority, require_encryption=True, **roles),
    }


def checked_address(address: str, *, encrypted: bool) -> str:
    """Return the address of a scheduler, or refuse what is none."""
    scheme, _, place = address.rpartition("://")
    scheme = scheme or ("tls" if encrypted else "tcp")
    host, _, port = place.rpartition(":")
    if (
        "/" in place
        or not (host and port.isdecimal() and 0 < int(port) < 1 << 16)
        or scheme not in ("tcp", "tls")
    ):
        raise ClusterError(f"{address} arrived; expected a scheduler such as tcp://127.0.0.1:8786")
    if (scheme == "tls") != encrypted:
        raise ClusterError(
            f"{address} arrived {'with' if encrypted else 'without'} --dask-tls, which goes with "
            f"tls:// and only with it; expected {'tls' if encrypted else 'tcp'}://{place}"
        )
    return f"{scheme}://{place}"


def connect(address: str, tls: Sequence[str | Path] = ()) -> "Client":
    """Return a client of the scheduler at an address."""
    require_dask()
    from distributed import Client

    address, words = checked_address(address, encrypted=bool(tls)), tls_arguments(tls)
    quiet()
    asyncio.run(answers(address, words))
    try:
        return Client(address, timeout=ANSWER_S, set_as_default=False, **words)
    except Exception as error:  # sockets, TLS and Dask itself each raise their own
        raise _unanswered(address, error) from None


async def answers(address: str, words: Mapping[str, Any]) -> None:
    """Refuse an address where no Dask scheduler answers, also one where somebody else is silent."""
    from distributed.comm import connect

    try:
        arguments = words["security"].get_connection_args("client") if words else {}
        # Dask's own limit ends when the other side is there, before it has said anything.
        comm = await asyncio.wait_for(connect(address, timeout=ANSWER_S, **arguments), ANSWER_S + 1)
        comm.abort()
    except Exception as error:  # sockets, TLS and Dask itself each raise their own
        raise _unanswered(address, error) from None


def _unanswered(address: str, error: BaseException) -> ClusterError:
    """Return the error of a scheduler that does not answer."""
    told = str(error.__cause__ or "") or str(error)
    reason = " ".join(told.rpartition(">: ")[2].split())[:200]
    return ClusterError(
        f"no Dask scheduler answers at {address} within {ANSWER_S} s"
        f"{f' ({reason})' if reason else ''}. Start one with "
        "dask scheduler --host 127.0.0.1 --port 8786, or correct the address."
    )


def quiet() -> None:
    """Keep Dask's own log off the terminal: what it tells of lost workers is told in sentences."""
    import distributed  # noqa: F401  (which sets the levels of its loggers when it is imported)

    for name in ("distributed", *(n for n in logging.root.manager.loggerDict)):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)
