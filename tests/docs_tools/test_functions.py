"""The page of functions is that of the code."""

from pathlib import Path

from docs_tools.functions import page

PAGE = Path(__file__).parents[2] / "docs" / "functions.md"


def test_the_page_is_up_to_date():
    written = PAGE.read_text(encoding="utf-8")
    assert page() == written, "make it again: python -m docs_tools.functions > docs/functions.md"


def test_the_page_tells_the_strategies_apart():
    rows = dict(
        line[2:].split("` |")[::1] for line in page().splitlines() if line.startswith("| `")
    )
    assert rows["`np.linalg.eigh"].split("|")[0].strip() == ""
    assert rows["`np.linalg.eigh"].split("|")[1].strip() == "yes"
    assert rows["`np.place"].strip() == "yes |  |"
    assert rows["`scipy.special.erf"].split("|")[:2] == [" yes ", " yes "]
