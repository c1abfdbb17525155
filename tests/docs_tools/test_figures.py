from pathlib import Path

import pytest

from docs_tools.figures import bench_text, with_bench, with_finding

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "reports" / "reference"


@pytest.mark.parametrize(
    ("page", "put"), [("README.md", with_finding), ("docs/performance.md", with_bench)]
)
def test_the_figures_are_those_of_the_reference_run(page, put):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert put(text, REFERENCE) == text, "run python -m docs_tools.figures"


def test_figures_of_a_benchmark_in_markdown():
    entries = [
        {"candidate": "by-hand", "ratio": 1.0, "median_s": 2e-6},
        {"candidate": "quick", "ratio": 0.5, "median_s": 1e-6},
        {"candidate": "slow", "ratio": 1234.5, "median_s": 2e-3},
        {"candidate": "wrong", "ratio": None, "median_s": None},
    ]
    chain = {"workload": "chain", "label": "W0", "meaning": "a chain", "entries": entries}
    grown = {"series": "network", "candidate": "quick", "operations": 1539, "build_s": 0.15}
    document = {
        "command": "python -m benchmarks compiled --json out.json",
        **{"machine": "a machine", "system": "Linux", "python": "3.12", "versions": "numpy 2"},
        **{"libraries": {"quick": "1.0"}, "rounds": 3, "fresh": True},
        "results": [chain, {**chain, "workload": "mlp", "label": "", "entries": entries[:1]}],
        "footprints": [{"workload": "chain", "candidate": "quick", "peak_bytes": 3_200_000}],
        "growth": [{**grown, "run_s": 1e-3, "ratio": 0.6}],
    }
    assert bench_text(document).split("\n") == [
        "`python -m benchmarks compiled`: medians of 3 rounds, each sample in a process of its "
        "own; a machine; Linux; Python 3.12; numpy 2; quick 1.0.",
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
