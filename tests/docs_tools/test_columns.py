import subprocess
import sys
from pathlib import Path

import compare.results.schema as schema
from compare.results.schema import TABLES
from docs_tools.columns import columns_page

PAGE = Path(__file__).parents[2] / "docs" / "columns.md"


def test_the_page_of_columns_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == columns_page(), (
        "run python -m docs_tools.columns > docs/columns.md"
    )


def test_the_command_prints_the_page():
    command = [sys.executable, "-m", "docs_tools.columns"]
    found = subprocess.run(command, capture_output=True, check=True, cwd=PAGE.parents[1])
    assert found.stdout.decode().replace("\r\n", "\n") == columns_page()


def test_every_column_of_every_table_is_on_the_page_once():
    tables = {name: getattr(schema, name) for name in dir(schema) if name.endswith("_COLUMNS")}
    assert {id(t) for t in tables.values()} == {id(columns) for _, columns in TABLES.values()}
    page = columns_page()
    for _, columns in TABLES.values():
        names = [column.name for column in columns]
        assert len(set(names)) == len(names)
        for column in columns:
            assert column.meaning
            assert "|" not in column.meaning
            assert (
                f"| `{column.name}` | {column.dtype} | {column.unit} | {column.meaning} |" in page
            )
