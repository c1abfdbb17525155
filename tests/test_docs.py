import re
from functools import partial
from pathlib import Path

import pytest

from compare import assert_gradients_agree

ROOT = Path(__file__).parents[1]


def blocks_of(page):
    """The blocks of Python of a page, and its text."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL), text


def test_the_readme_fits_a_screen_or_two_and_its_blocks_run(capsys):
    blocks, text = blocks_of("README.md")
    assert len(text.encode()) <= 8000
    assert len(blocks) == 2
    names = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "[1.38136308 1.38136308]\n" in printed
    assert "∂L/∂w = Xᵀ δ\n" in printed


@pytest.mark.exhaustive
def test_the_tour_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks, _ = blocks_of("docs/tour.md")
    assert len(blocks) == 8
    names = {}
    for block in blocks:
        exec(compile(block, "tour.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "0.01766271" in printed, "the gradient of the neuron"
    assert "δ = 2 e W2ᵀ ∘ h ∘ (1 − h)\n" in printed, "the network by whole matrices"
    assert "∂f/∂x = ∂f/∂v1 · ∂v1/∂x = ∂f/∂v1 = -4" in printed
    assert printed.count("hand-written") == 0
    assert printed.count("finite-differences") > 1


@pytest.mark.parametrize(
    "page",
    [
        "sharp_edges",
        *(pytest.param(page, marks=pytest.mark.exhaustive) for page in ("start", "own_model")),
        *(pytest.param(page, marks=pytest.mark.exhaustive) for page in ("own_engine", "big_runs")),
    ],
)
def test_a_page_runs(page):
    blocks, _ = blocks_of(f"docs/{page}.md")
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, f"{page}.md", "exec"), names)


def test_the_page_on_testing_runs_and_prints_what_it_says(capsys, tmp_path):
    blocks, text = blocks_of("docs/testing.md")
    assert len(blocks) == 5
    names = {}
    for block in blocks:
        exec(compile(block, "testing.md", "exec"), names)
    names["test_the_gradient_of_the_loss"](partial(assert_gradients_agree, folder=tmp_path))
    printed = capsys.readouterr().out
    assert "('graph', 'matrix', 'finite-differences')" in printed
    shown = re.search(r"```text\n(.*?)```", text, re.DOTALL)[1].split("...\n")
    # The last digits are those of the machine's linear algebra.
    blurred = partial(re.sub, r"(\d\.\d{12})\d+", r"\1")
    for part in shown:
        assert blurred(part) in blurred(printed)
