"""``python -m benchmarks.gradbench``: the tool that GradBench starts."""

import sys

import click

from benchmarks.gradbench.engines import ENGINES
from benchmarks.gradbench.protocol import serve
from compare.cli import main


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--engine", type=click.Choice(list(ENGINES)), default="autodiff", show_default=True)
@click.option("--compiled", is_flag=True, help="Trace each function once, and run its plan.")
def gradbench(engine: str, compiled: bool) -> None:
    """Speak GradBench's protocol: messages on standard input, answers on standard output.

    Exit code: 0 at the end of the input.
    """
    serve(sys.stdin, sys.stdout, ENGINES[engine](compiled))


if __name__ == "__main__":
    main(group=gradbench, name="python -m benchmarks.gradbench")
