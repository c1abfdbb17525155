"""The page of columns, made from the schema: ``python -m docs_tools.columns > docs/columns.md``."""

from compare.results.schema import TABLES, Column

__all__ = ["columns_page"]

_INTRODUCTION = """\
# Columns

Every table that `gradscale` writes, made from `compare/results/schema.py` by
`python -m docs_tools.columns > docs/columns.md`.

A CSV is UTF-8 with a header and one row a line. An empty field is a missing value. Text that a
spreadsheet would run as a formula (its first sign, after spaces, is `=`, `+`, `-`, `@` or the
full-width form of one, and it is no number) stands behind an apostrophe, and line breaks within a
text are spaces.
`compare.read_results(path)` checks a `results.csv`, takes the apostrophes away and gives these
types of pandas, which plain `pandas.read_csv` does not:

| type | pandas | where it is missing |
|---|---|---|
| int | `Int64` | `<NA>` |
| float | `float64` | `NaN` |
| str | `str` | the empty string |"""


def columns_page() -> str:
    """Return ``docs/columns.md``: the columns of all tables, in Markdown."""
    parts = [_INTRODUCTION]
    for file, (meaning, columns) in TABLES.items():
        parts += [f"## {file}", f"A row is {meaning}.", markdown_table(columns)]
    return "\n\n".join(parts) + "\n"


def markdown_table(columns: tuple[Column, ...]) -> str:
    """Return the columns as a Markdown table.

    Examples
    --------
    >>> print(markdown_table((Column("run_s", "float", "s", "time of one gradient"),)))
    | column | type | unit | meaning |
    |---|---|---|---|
    | `run_s` | float | s | time of one gradient |
    """
    lines = ["| column | type | unit | meaning |", "|---|---|---|---|"]
    lines += [f"| `{c.name}` | {c.dtype} | {c.unit} | {c.meaning} |" for c in columns]
    return "\n".join(lines)


if __name__ == "__main__":
    print(columns_page(), end="")
