"""The tables of the README that are made from the schema: ``python -m compare.readme``."""

import re
import sys
from pathlib import Path

from compare.schema import RESULT_COLUMNS, markdown_table

__all__ = ["with_columns"]


def with_columns(text: str) -> str:
    r"""Return the text of the README with the table of columns put between its marks.

    Parameters
    ----------
    text : str
        The README.

    Returns
    -------
    str
        The same with the present table.

    Examples
    --------
    >>> "run_s" in with_columns("<!-- columns -->\n<!-- end of columns -->")
    True
    """
    begin, end = "<!-- columns -->", "<!-- end of columns -->"
    table = f"{begin}\n{markdown_table(RESULT_COLUMNS)}\n{end}"
    return re.sub(f"{begin}.*?{end}", lambda _: table, text, flags=re.DOTALL)


if __name__ == "__main__":
    readme = Path(sys.argv[1] if len(sys.argv) > 1 else "README.md")
    readme.write_text(with_columns(readme.read_text(encoding="utf-8")), encoding="utf-8")
