"""The page on SciPy tells the truth."""

from pathlib import Path

from docs_tools.scipy import page, rows

PAGE = Path(__file__).parents[2] / "docs" / "scipy.md"


def test_the_page_is_that_of_the_table():
    text = PAGE.read_text(encoding="utf-8")
    written = {line for line in text.splitlines() if line.startswith("| `")}
    known = {line.split("`")[1] for line in written}
    made = {line for line in page().splitlines() if line.startswith("| `")}
    # Another version of SciPy may have further functions, or fewer.
    assert {line for line in made if line.split("`")[1] in known} <= written
    assert page().split("## ")[0].splitlines()[4:] == text.split("## ")[0].splitlines()[4:]


def test_every_module_has_a_section():
    assert {"scipy.linalg", "scipy.stats", "scipy.sparse", "scipy.optimize"} <= rows().keys()
