"""The written report: its order, its safety, its size, and that it needs nothing else."""

import base64
import gzip
import json
import re
from html.parser import HTMLParser

import pytest

from compare.report.content import report_of
from compare.report.html import inline_code, packed, render_html
from compare.report.markdown import markdown_text, render_markdown
from compare.report.record import RunRecord
from compare.report.write import write_report
from compare.results.schema import RESULT_COLUMNS

ORDER = [
    "summary",
    "cost",
    "operations",
    "swell",
    "published",
    "build",
    "memory",
    "growth",
    "agreement",
    "training",
    "collapse",
    "failed",
    "measured",
]


class Reader(HTMLParser):
    """Everything that a browser would load, the order of sections, the scripts, the text."""

    def __init__(self):
        super().__init__()
        self.loads, self.sections, self.scripts, self.texts, self.stack = [], [], 0, [], []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.stack.append(tag)
        self.scripts += tag == "script"
        if tag == "section":
            self.sections.append(found["id"])
        for name in ("src", "href", "xlink:href", "srcset", "data", "action"):
            if found.get(name) and not found[name].startswith("#"):
                self.loads.append((tag, found[name]))

    def handle_data(self, text):
        if self.stack[-1:] not in (["script"], ["style"]):
            self.texts.append(text)

    def handle_endtag(self, tag):
        while self.stack and self.stack.pop() != tag:
            pass


@pytest.fixture(scope="module")
def page(written):
    return (written / "report.html").read_text()


@pytest.fixture(scope="module")
def read(page):
    reader = Reader()
    reader.feed(page)
    return reader


@pytest.fixture(scope="module")
def markdown(written):
    return (written / "report.md").read_text()


def test_the_finding_stands_first_and_the_sections_in_order(page, read):
    assert read.sections == ORDER
    assert page.index('class="finding"') < page.index("<section")
    assert "a closed formula could be derived" in page.split("<section")[0]


def test_the_folder_holds_the_page_the_markdown_and_the_charts(written):
    names = sorted(path.name for path in written.rglob("*") if path.is_file())
    charts = ["agreement", "build", "cost", "memory", "operations", "swell", "training"]
    pictures = [f"{name}.{kind}" for name in charts for kind in ("png", "svg")]
    assert names == sorted([*pictures, "report.html", "report.md"])


def test_the_page_is_less_than_a_megabyte(written):
    assert (written / "report.html").stat().st_size < 1_000_000


def test_the_page_loads_nothing(page, read):
    assert read.loads == []
    assert not re.search(r"url\(|@import|<link|<iframe|<img", page)
    style = page.split("<style>")[1].split("</style>")[0]
    assert "http" not in style
    script = page.split("<script>")[1].split("</script>")[0]
    assert not re.search(r"https?:|fetch\(|import\(|XMLHttp", script)


def test_what_comes_from_outside_is_text(page, read):
    assert read.scripts == 3
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in page
    assert "RecursionError: <script>alert('x')</script> in module " in "".join(read.texts)


def test_charts_and_their_library_are_packed_once(page):
    def unpacked(name):
        text = re.search(rf'id="{name}">([A-Za-z0-9+/=]*)</script>', page)[1]
        return gzip.decompress(base64.b64decode(text)).decode()

    charts = json.loads(unpacked("charts"))
    assert list(charts["specs"]) == [
        "cost",
        "operations",
        "swell",
        "build",
        "memory",
        "agreement",
        "training",
    ]
    assert len(charts["datasets"]["cells"]) > 100
    for wide, narrow in charts["specs"].values():
        assert "cells" not in wide.get("datasets", {})
        assert "cells" not in narrow.get("datasets", {})
    assert "vegaEmbed" in unpacked("bundle")


def test_a_page_reads_without_scripts(page):
    for name in ("cost", "operations", "build", "memory", "agreement", "training"):
        figure = page.split(f'data-chart="{name}"')[1].split("</figure>")[0]
        assert figure.count("<svg") == 2
    for name in re.findall(r'href="#(s\d+)"', page):
        assert page.count(f'id="{name}"') == 1


def test_every_failed_cell_is_in_both(page, markdown, results):
    for form, row in ((page, "<tr>"), (markdown, "\n|")):
        part = form.split("Cells that failed")[-1].split("How it was measured")[0]
        statuses = re.findall(
            r"(timeout|memory|unsupported|error|mismatch)(?: \(\w+\))?(?:</td>| \|)", part
        )
        assert len(statuses) == (results["status"] != "ok").sum()
        assert row in part


def test_the_columns_are_explained(page, markdown):
    for column in RESULT_COLUMNS:
        assert f"<code>{column.name}</code>" in page
        assert f"| `{column.name}` |" in markdown


def test_the_command_and_the_conditions_are_there(page, markdown):
    for text in (
        "gradscale run --out reports/reference",
        "AMD EPYC 7B13",
        "3.11.9",
        "sympy 1.14.0",
    ):
        assert text in page
        assert text in markdown


def test_the_markdown_shows_the_charts_and_has_no_html(markdown, written):
    for name in ("cost", "operations", "build", "memory", "agreement", "training"):
        assert f"](charts/{name}.svg)" in markdown
        assert (written / "charts" / f"{name}.svg").is_file()
    assert "<script" not in markdown
    assert "&lt;script&gt;" in markdown
    titles = re.findall(r"^## (.*)$", markdown, re.M)
    assert titles[0] == "How far each engine came"
    assert titles[-2:] == ["Cells that failed", "How it was measured"]


def test_rows_of_a_markdown_table_have_as_many_cells_as_its_header(markdown):
    width = None
    for line in markdown.splitlines():
        if not line.startswith("|"):
            width = None
            continue
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1
        width = width or cells
        assert cells == width, line


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", "a\\|b"),
        ("*x* _y_ [z](u)", "\\*x\\* \\_y\\_ \\[z\\](u)"),
        ("`<b>` & <c>", "`<b>` &amp; &lt;c&gt;"),
        ("one ` tick <i>", "one \\` tick &lt;i&gt;"),
        ("two\nlines", "two lines"),
        ("`a|b`", "`a\\|b`"),
    ],
)
def test_markdown_is_escaped(text, escaped):
    assert markdown_text(text) == escaped


def test_html_keeps_numbers_with_their_units():
    assert inline_code("at 2.4 × and 3 ms") == "at 2.4&nbsp;× and 3&nbsp;ms"
    assert inline_code("a ` b") == "a ` b"


def test_the_same_frames_make_the_same_bytes(
    results, summary, agreement, training, run, swell, written, tmp_path
):
    write_report(tmp_path, RunRecord(results, summary, agreement, training, swell, metadata=run))
    for path in sorted(written.rglob("*")):
        if path.is_file():
            again = tmp_path / path.relative_to(written)
            assert again.read_bytes() == path.read_bytes(), path.name
    assert packed("x") == packed("x")


def test_nothing_was_measured(tmp_path):
    page = write_report(tmp_path / "new" / "folder", RunRecord())
    text = page.read_text()
    assert page == tmp_path / "new" / "folder" / "report.html"
    assert "No cell was finished, so there is nothing to compare yet." in text
    assert 'id="training"' not in text
    assert "No cell was finished" in (page.parent / "report.md").read_text()


def test_one_engine_without_agreement_or_training(tmp_path, results, summary):
    alone = results[results["engine"] == "graph"]
    record = RunRecord(alone, summary, metadata={"quick": True})
    page = write_report(tmp_path, record).read_text()
    assert "This was a quick run" in page
    assert "Every cell ended as ok." in page
    assert not (tmp_path / "charts" / "agreement.svg").exists()


def test_a_later_report_leaves_no_chart_of_an_earlier_one(tmp_path, training):
    write_report(tmp_path, RunRecord(training=training))
    assert (tmp_path / "charts" / "training.svg").exists()
    write_report(tmp_path, RunRecord())
    assert not (tmp_path / "charts" / "training.svg").exists()
    assert not (tmp_path / "charts" / "training.png").exists()


def test_no_part_of_a_file_is_left_when_writing_fails(tmp_path, monkeypatch):
    def broken(*_):
        raise OSError(28, "disk full")

    monkeypatch.setattr("os.fsync", broken)
    with pytest.raises(OSError, match=r"disk full.*Free some space"):
        write_report(tmp_path, RunRecord())
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


@pytest.mark.parametrize(
    "collapse",
    [
        {},
        {"linear_equal": True},
        {"linear_equal": False, "sigmoid_equal": True, "linear_latex": "W_2 W_1"},
        {"sigmoid_text": "1/(1 + exp(-x))", "more": 3},
        "not a mapping",
    ],
    ids=str,
)
def test_the_collapse_shows_what_is_there(collapse):
    report = report_of(RunRecord(metadata={"collapse": collapse}))
    text = render_markdown(report, {}) + render_html(report, {}, {})
    for value in collapse.values() if isinstance(collapse, dict) else ():
        if isinstance(value, str):
            assert value in text


def test_two_curves_that_are_equal_bit_by_bit(training):
    same = training.assign(loss_graph=training["loss_hand"])
    report = report_of(RunRecord(training=same))
    section = next(s for s in report.sections if s.name == "training")
    assert "bit by bit" in section.sentences[1]
    different = report_of(RunRecord(training=training)).sections[-3]
    assert "differ by at most 1e-14" in different.sentences[1]
