"""``gradscale worker``, and the options of a cluster."""

from pathlib import Path

import click

from compare.cli.codes import DONE

__all__ = ["dask_tls", "worker"]

dask_tls = click.option(
    "--dask-tls",
    nargs=3,
    type=click.Path(path_type=Path),
    metavar="CERT KEY CA",
    help="Certificate, key and authority (PEM) of an encrypted cluster, whose address is tls://.",
)


@click.command()
@click.argument("address")
@dask_tls
def worker(address: str, dask_tls: tuple[Path, ...] | None) -> int:
    """Measure batches for the Dask scheduler at ADDRESS, until it ends or Ctrl-C.

    One worker a machine is enough: two of one machine never measure at once. Whoever reaches a
    Dask port can run code there: keep it on loopback (tcp://127.0.0.1:8786), or use --dask-tls.
    """
    from compare.cluster.worker import serve

    serve(address, dask_tls or (), click.echo)
    return DONE
