"""``python -m benchmarks.published NAME``: a published table, made again."""

import click
from rich.console import Console
from rich.table import Table

from benchmarks.published.tables import TABLES
from compare.cli import main


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("name", type=click.Choice(list(TABLES)))
def published(name: str) -> None:
    """Print a published table of counts or ratios, with ours: no times across machines."""
    table = TABLES[name]
    shown = Table("", "published", "ours", title=table.figure)
    for row in table.rows():
        shown.add_row(row.what, f"{row.published:.4g}", f"{row.ours:.4g}")
    Console().print(shown)
    click.echo(f"{table.source}.\nWhat differs: {table.differs}.")


if __name__ == "__main__":
    main(group=published, name="python -m benchmarks.published")
