import re
from functools import partial
from pathlib import Path

from compare import assert_gradients_agree

TESTING = Path(__file__).parents[1] / "docs" / "testing.md"


def test_the_page_on_testing_runs_and_prints_what_it_says(capsys, tmp_path):
    text = TESTING.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
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
