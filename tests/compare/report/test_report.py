"""The written report: first screen, chapters, safety, and that it needs nothing else."""

import base64
import csv
import gzip
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from compare.report.charts import CHARTS
from compare.report.content import report_of
from compare.report.html import formula, inline_code, picture, render_html
from compare.report.markdown import markdown_text, render_markdown
from compare.report.record import RunRecord
from compare.report.side_by_side import side_by_side, write_side_by_side
from compare.report.write import write_report
from compare.results.schema import RESULT_COLUMNS
from compare.studies.example import Example, Part, network_example

ORDER = ["cost", "size", "build", "memory", "laws", "agreement", "training", "failures", "method"]
VOID = {"meta", "br", "input", "hr", "img", "link"}


class Reader(HTMLParser):
    """The parts that a browser would load, and that a reader without eyes or a mouse needs."""

    def __init__(self):
        super().__init__()
        self.loads, self.chapters, self.headings, self.ids = [], [], [], []
        self.scripts, self.unlabelled, self.links, self.stack, self.texts = 0, [], [], [], []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag not in VOID:
            self.stack.append((tag, found))
        self.scripts += tag == "script"
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "details" and "chapter" in found.get("class", ""):
            self.chapters.append(found["id"])
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "svg" and not (found.get("aria-hidden") or found.get("aria-label")):
            self.unlabelled.append(tag)
        if found.get("tabindex") == "0" and tag != "pre" and not found.get("aria-label"):
            self.unlabelled.append(tag)
        if tag == "a":
            self.links.append(found["href"])
        for name in ("src", "srcset", "data", "action", "poster", "xlink:href"):
            if found.get(name):
                self.loads.append((tag, found[name]))
        if tag == "link":
            self.loads.append((tag, found))

    def handle_data(self, text):
        if self.stack and self.stack[-1][0] not in ("script", "style", "title", "desc"):
            self.texts.append(text)

    def handle_endtag(self, tag):
        while self.stack and self.stack.pop()[0] != tag:
            pass


def read(page):
    reader = Reader()
    reader.feed(page)
    return reader


@pytest.fixture(scope="module")
def page(written):
    return (written / "report.html").read_text()


@pytest.fixture(scope="module")
def markdown(written):
    return (written / "report.md").read_text()


def test_the_chapters_stand_in_the_order_that_is_promised(page, markdown):
    assert read(page).chapters == ORDER
    assert page.index("<h1>") < page.index('class="wide"') < page.index('class="chapter"')
    titles = re.findall(r"^## (.*)$", markdown, re.M)
    assert titles[0] == "Engines and problems"
    assert titles[-2:] == ["Failures", "Method"]


def test_the_folder_holds_the_page_the_markdown_and_the_charts(written):
    names = {p.relative_to(written).as_posix() for p in written.rglob("*") if p.is_file()}
    pictures = {
        f"charts/{name}.{kind}" for name in [*CHARTS, "headline"] for kind in ("png", "svg")
    }
    assert names == {*pictures, "report.html", "report.md"}
    shown = re.findall(r"\]\(([^)]+)\)", (written / "report.md").read_text())
    assert set(shown) == {name for name in pictures if name.endswith("svg")}


def test_the_page_is_one_file_that_asks_for_nothing(page, written):
    assert (written / "report.html").stat().st_size < 1_500_000
    reader = read(page)
    assert reader.loads == []
    assert [link for link in reader.links if not link.startswith("#")] == [
        "results.csv",
        "report.md",
    ]
    code = re.findall(r"<(style|script)>(.*?)</\1>", page, re.S)
    assert len(code) == 3  # with the one for browsers without scripts
    for _, text in code:
        assert not re.search(
            r"https?:|//cdn|url\(|@import|fetch\(|import\(|XMLHttp|WebSocket", text
        )


def test_the_page_can_be_used_without_eyes_or_a_mouse(page):
    reader = read(page)
    assert reader.headings.count(1) == 1
    assert reader.headings[0] == 1
    assert all(b - a <= 1 for a, b in zip(reader.headings, reader.headings[1:], strict=False))
    assert reader.unlabelled == []
    regions = re.findall(r'role="region" aria-label="([^"]+)"', page)
    assert len(regions) == len(set(regions))
    assert len(reader.ids) == len(set(reader.ids))
    assert {link[1:] for link in reader.links if link.startswith("#")} <= set(reader.ids)
    assert '<html lang="en">' in page
    assert ":focus-visible" in page
    assert "prefers-color-scheme: dark" in page
    # A line is known by its look and its name, a button by what it does.
    assert re.search(r'<button type="button" aria-pressed="true" data-name="graph">', page)
    assert "outline: none" not in page


def test_the_page_carries_its_files(written, page, results):
    def unpacked(name):
        text = re.search(rf'id="{name}">([A-Za-z0-9+/=]*)</script>', page)[1]
        return gzip.decompress(base64.b64decode(text)).decode()

    rows = list(csv.reader(io.StringIO(unpacked("csv"))))
    assert len(rows) == len(results) + 1
    # Every column can be reached from the table that is made of it.
    assert rows[0] == [column.name for column in RESULT_COLUMNS]
    shown = re.search(r'data-columns="([^"]+)"', page)[1].split()
    assert set(shown) <= set(rows[0])
    assert unpacked("markdown") == (written / "report.md").read_text()
    assert 'data-copy="gradscale run --out reports/reference"' in page


def test_what_comes_from_outside_is_text(page):
    assert read(page).scripts == 3
    assert "<script>alert" not in page
    assert "RecursionError: <script>alert('x')</script> in module " in "".join(read(page).texts)


def test_every_failed_cell_and_every_column_are_in_both(page, markdown, results):
    for form in (page.split('id="failures"')[-1], markdown.split("## Failures")[-1]):
        rows = re.split('id="method"|## Method', form)[0]
        statuses = re.findall(
            r"(timeout|memory|unsupported|error|mismatch)(?: \(\w+\))?(?:</td>| \|)", rows
        )
        assert len(statuses) == (results["status"] != "ok").sum()
    for column in RESULT_COLUMNS:
        assert f"<code>{column.name}</code>" in page
        assert f"| `{column.name}` |" in markdown
    for text in ("AMD EPYC 7B13", "3.11.9", "sympy 1.14.0"):
        assert text in page
        assert text in markdown


def test_tables_are_sorted_by_numbers_not_by_their_text(page):
    assert re.search(r'data-v="10201\.0">10,201 parameters<', page)
    assert re.search(r'data-v="1020\d+\.0">10\.2&nbsp;million parameters<', page)


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


def test_an_empty_run_and_what_an_earlier_one_left(tmp_path, training):
    folder = tmp_path / "new" / "folder"
    write_report(folder, RunRecord(training=training))
    assert (folder / "charts" / "training.svg").exists()
    page = write_report(folder, RunRecord())
    text = page.read_text()
    assert "No cell was finished, so there is nothing to compare yet." in text
    assert read(text).chapters == ["failures", "method"]
    assert "No cell was finished" in (folder / "report.md").read_text()
    assert list((folder / "charts").iterdir()) == []


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
        {"linear_equal": False, "sigmoid_equal": True, "linear_latex": "W_2 W_1"},
        {"sigmoid_text": "1/(1 + exp(-x))", "more": 3},
        "not a mapping",
    ],
    ids=str,
)
def test_the_collapse_shows_what_is_there(collapse):
    report = report_of(RunRecord(metadata={"collapse": collapse}))
    text = render_markdown(report, {}) + render_html(report, {})
    for value in collapse.values() if isinstance(collapse, dict) else ():
        if isinstance(value, str):
            assert value in text


def test_three_trainings_are_told_as_they_are(training):
    def sentences(curves):
        report = report_of(RunRecord(training=curves))
        return " ".join(next(s for s in report.sections if s.name == "training").sentences)

    told = sentences(training)
    assert "three times: by hand, by the graph and by the formula" in told
    assert "differ by at most 1e-14" in told
    same = training.assign(loss_graph=training["loss_hand"], loss_formula=training["loss_hand"])
    assert "equal, bit by bit" in sentences(same)
    # Of a run that had two.
    assert "twice: by hand and by the graph" in sentences(training.drop(columns="loss_formula"))


def own_run(results):
    cells = results[(results["family"] == "mlp width") & (results["engine"] != "wrong on purpose")]
    return cells.assign(problem="loss", family="loss")


def test_a_report_of_an_own_function_is_about_it_alone(
    results, agreement, training, swell, run, tmp_path
):
    ours = agreement.assign(problem="loss").head(3)
    record = RunRecord(own_run(results), pd_empty(), ours, training, swell, metadata=run)
    why = "the closed form writes out to 10 operations, more than <b>2</b>"
    example = Example("loss, size 2", Part(why=why), Part(("L = ‖x‖²",)), Part(why="none"))
    page = write_report(tmp_path, record, example=example).read_text()
    text = " ".join(read(page).texts)
    assert "<title>The gradient of loss</title>" in page
    assert why in text
    assert "L = ‖x‖²" in text
    for alien in (
        "logistic map",
        "two-layer",
        "Gradient descent",
        "hidden layers",
        "nonlinearity",
        "growing networks",
    ):
        assert alien not in text, alien
    report = report_of(record, "My <model>")
    assert report.title == "My <model>"
    assert "<title>My &lt;model&gt;</title>" in render_html(report, {})


def pd_empty():
    import pandas as pd

    return pd.DataFrame()


def test_the_example_shows_one_gradient_three_ways(tmp_path):
    example = network_example()
    assert example.formula.lines[0].startswith("∂f/∂w1[0,0] = ")
    assert example.matrix.lines[-1].startswith("∂L/∂W1 = ")
    svg = picture(example.circuit.lines[0])
    write_report(tmp_path, RunRecord(), example=example)
    assert "](charts/circuit.svg)" in (tmp_path / "report.md").read_text()
    assert (tmp_path / "charts" / "circuit.svg").read_text() == example.circuit.lines[0]
    assert "var(--value)" in svg
    assert "var(--gradient)" in svg
    assert not re.search(r'(fill|stroke)="#', svg)
    assert "−3.6" in svg  # by hand: 2 e w2[1] (1 - tanh(-0.75)²) x[0]
    assert formula("d[0]**2*x") == "d<sub>0</sub><sup>2</sup> x"
    for evil in ("<svg><script/></svg>", '<svg onload="x"/>', '<svg><a href="x"/></svg>', "<svg"):
        assert picture(evil) == ""


def test_several_runs_stand_side_by_side(results, run, tmp_path):
    slower = results.assign(run_s=results["run_s"] * 2)
    other = run | {"machine": "another <machine>", "created": "2026-02-03T00:00:00"}
    runs = [
        ("a/run", RunRecord(results, metadata=run)),
        ("b/run", RunRecord(slower[slower["family"] != "notes"], metadata=other)),
    ]
    content = side_by_side(runs)
    assert "b/run takes 2.00 × the time of a/run (median)." in content.finding
    rows = {row[0]: row for row in content.runs.rows}
    assert rows["b/run"][1:4] == ("another <machine>", "Linux 6.1", "2026-02-03")
    assert list(content.chart.styles) == ["a/run", "b/run"]
    times = [row for row in content.times.rows if row[:3] == ("mlp-width", "2-2-1", "graph")]
    assert times[0][-1] == "2.00 ×"
    page = write_side_by_side(tmp_path / "both.html", runs, "Two").read_text()
    reader = read(page)
    assert reader.loads == []
    assert reader.headings.count(1) == 1
    assert "another &lt;machine&gt;" in page
    again = side_by_side([runs[0], runs[0], ("c", RunRecord())])
    assert [row[0] for row in again.runs.rows] == ["a/run", "a/run (2)", "c"]
    assert again.finding == "The 3 runs have no cell in common that all of them timed."
    with pytest.raises(ValueError, match="1 runs arrived; expected at least 2"):
        side_by_side(runs[:1])


def test_the_reference_report_says_what_its_rows_say():
    """The finding's numbers are in results.csv, for the family that its chart shows."""
    import pandas as pd

    from compare.report.finding import finding
    from compare.results.reading import read_results

    folder = Path(__file__).parents[3] / "reports" / "reference"
    results = RunRecord(read_results(folder / "results.csv")).results
    text = finding(results, {})
    rows = results[(results["family"] == "mlp width") & (results["status"] == "ok")]
    largest = rows.groupby("engine")["parameters"].max()
    assert f"{largest['expanded']:,.0f} parameters" in text
    assert f"{largest['graph'] / 1e6:.1f} million" in text
    assert isinstance(largest, pd.Series)
