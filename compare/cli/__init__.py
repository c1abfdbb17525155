"""The command line: ``gradscale`` and its commands.

Exit codes: 0 done, 1 a gradient is wrong or a cell slower, 2 the input is wrong,
130 interrupted.
"""

import io
import sys
from collections.abc import Sequence

import click

from compare.cli.cluster import worker
from compare.cli.codes import BAD_INPUT, INTERRUPTED
from compare.cli.compare import compare
from compare.cli.conformance import conformance
from compare.cli.inspect import list_, report, verify
from compare.cli.run import run
from compare.results.machine import gradscale_version

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(gradscale_version(), prog_name="gradscale")
def cli() -> None:
    """Compare gradients written as formulas with gradients computed on a graph.

    Exit codes: 0 done, 1 a gradient is wrong or a cell slower, 2 the input is wrong,
    130 interrupted.
    """


for _command in (run, verify, list_, report, compare, conformance, worker):
    cli.add_command(_command)


def main(
    arguments: Sequence[str] | None = None, group: click.Command = cli, name: str = "gradscale"
) -> None:
    """Run a command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal, or a file, that has no sign for ×.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = group.main(args=arguments, prog_name=name, standalone_mode=False)
    except click.exceptions.Abort:
        code = INTERRUPTED
    except KeyboardInterrupt:
        code = INTERRUPTED
    except click.ClickException as error:
        click.echo(f"{name}: {error.format_message()}", err=True)
        code = BAD_INPUT
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        click.echo(f"{name}: {message}", err=True)
        code = BAD_INPUT
    except MemoryError:
        click.echo(f"{name}: the system gave no more memory to this process", err=True)
        code = BAD_INPUT
    # RuntimeError: no more threads; ImportError: no memory for a library that is needed now.
    except (ValueError, TypeError, RuntimeError, ImportError) as error:
        click.echo(f"{name}: {error}", err=True)
        code = BAD_INPUT
    sys.exit(code)
