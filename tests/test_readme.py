import re
from pathlib import Path

from compare.readme import with_columns

README = Path(__file__).parents[1] / "README.md"


def test_the_table_of_columns_is_the_schema():
    text = README.read_text(encoding="utf-8")
    assert with_columns(text) == text, "run python -m compare.readme"


def test_the_examples_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 5
    names = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "0.01766271" in printed, "the gradient of the neuron"
    assert "δ = 2 e W2ᵀ ∘ h ∘ (1 − h)\n" in printed, "the network by whole matrices"
    assert "∂f/∂x = ∂f/∂v1 · ∂v1/∂x = ∂f/∂v1 = -4" in printed
    assert printed.count("hand-written") == 0
    assert printed.count("finite-differences") > 1
