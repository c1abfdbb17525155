import re
from pathlib import Path

from docs_tools.readme import bench_text, with_bench, with_columns, with_finding

README = Path(__file__).parents[1] / "README.md"


def test_the_table_of_columns_is_the_schema():
    text = README.read_text(encoding="utf-8")
    assert with_columns(text) == text, "run python -m docs_tools.readme"


def test_the_figures_are_those_of_the_benchmark():
    text = README.read_text(encoding="utf-8")
    assert with_bench(text, README.parent / "reports" / "reference") == text, (
        "run python -m docs_tools.readme"
    )


def test_the_finding_is_that_of_the_reference_run():
    text = README.read_text(encoding="utf-8")
    assert with_finding(text, README.parent / "reports" / "reference") == text, (
        "run python -m docs_tools.readme"
    )


def test_figures_of_a_benchmark_in_markdown():
    entries = [
        {"contender": "by-hand", "ratio": 1.0, "median_s": 2e-6},
        {"contender": "quick", "ratio": 0.5, "median_s": 1e-6},
        {"contender": "slow", "ratio": 1234.5, "median_s": 2e-3},
        {"contender": "wrong", "ratio": None, "median_s": None},
    ]
    chain = {"workload": "chain", "label": "W0", "meaning": "a chain", "entries": entries}
    grown = {"series": "network", "contender": "quick", "operations": 1539, "build_s": 0.15}
    document = {
        "command": "gradscale bench compiled --json out.json",
        **{"machine": "a machine", "system": "Linux", "python": "3.12", "versions": "numpy 2"},
        **{"libraries": {"quick": "1.0"}, "rounds": 3, "fresh": True},
        "results": [chain, {**chain, "workload": "mlp", "label": "", "entries": entries[:1]}],
        "footprints": [{"workload": "chain", "contender": "quick", "peak_bytes": 3_200_000}],
        "growth": [{**grown, "run_s": 1e-3, "ratio": 0.6}],
    }
    assert bench_text(document).split("\n") == [
        "`gradscale bench compiled`: medians of 3 rounds, each sample in a process of its own; "
        "a machine; Linux; Python 3.12; numpy 2; quick 1.0.",
        "",
        "| workload | by hand | quick | slow |",
        "| --- | ---: | ---: | ---: |",
        "| W0 chain: a chain | 2 µs | 0.50 | 1,234 |",
        "| mlp: a chain | 2 µs | – | – |",
        "",
        "Most memory that a call needs beyond its arguments:",
        "",
        "| workload | quick |",
        "| --- | ---: |",
        "| chain | 3.2 MB |",
        "",
        "Making a program, by its length, and calling it:",
        "",
        "| program | operations | build | call | ratio to by hand |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| network, quick | 1,539 | 150 ms | 1 ms | 0.60 |",
    ]


def test_the_examples_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 7
    names = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "0.01766271" in printed, "the gradient of the neuron"
    assert "δ = 2 e W2ᵀ ∘ h ∘ (1 − h)\n" in printed, "the network by whole matrices"
    assert "∂f/∂x = ∂f/∂v1 · ∂v1/∂x = ∂f/∂v1 = -4" in printed
    assert printed.count("hand-written") == 0
    assert printed.count("finite-differences") > 1
