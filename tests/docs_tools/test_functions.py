"""The page of functions is that of the code."""

from pathlib import Path

from docs_tools.functions import page

PAGE = Path(__file__).parents[2] / "docs" / "functions.md"


def test_the_page_is_up_to_date():
    written = PAGE.read_text(encoding="utf-8")
    assert page() == written, "make it again: python -m docs_tools.functions > docs/functions.md"


def test_the_page_tells_the_strategies_apart():
    known = page().partition("## What is refused")[0].splitlines()
    rows = dict(line[2:].split("` |")[::1] for line in known if line.startswith("| `"))
    assert rows["`np.linalg.eigh"].split("|")[0].strip() == ""
    assert rows["`np.linalg.eigh"].split("|")[1].strip() == "yes"
    assert rows["`np.place"].strip() == "yes |  |"
    assert rows["`scipy.special.erf"].split("|")[:2] == [" yes ", " yes "]


def test_every_program_that_is_refused_is_so_by_a_strategy_with_a_sentence():
    refused = page().partition("## What is refused")[2].splitlines()
    rows = [line for line in refused if line.startswith("| `")]
    assert len(rows) > 20
    assert all(any(len(told) > 20 for told in row.split(" | ")[1:]) for row in rows)
