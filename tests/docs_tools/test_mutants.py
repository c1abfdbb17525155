"""Planted mistakes in a package of ten lines, and what becomes of them."""

from itertools import islice
from pathlib import Path

import pytest

from docs_tools.mutants.__main__ import equivalents, main, recorded, run, survey
from docs_tools.mutants.reach import nearest, reaching
from docs_tools.mutants.sampling import mutants_of_line, sample

pytest.importorskip("cosmic_ray")
pytest.importorskip("coverage")
ROOT = Path(__file__).parents[2]
FILE = "toy/lengths.py"

SOURCE = '''\
"""Lengths."""


def clipped(x, least=0, most=9):
    if x < least:
        x = least
    return min(x, most)


def turns(n: int) -> int:
    while n > 0:
        n -= 1
    return n


def both(x):
    return clipped(x, most=5) + turns(0)
'''
TESTS = """\
from toy.lengths import both, clipped, turns

def test_clipped():
    assert clipped(-1) == 0
    assert clipped(5) == 5

def test_turns():
    assert turns(2) == 0
"""


@pytest.fixture
def checkout(tmp_path):
    for name, text in {"toy/__init__.py": "", "toy/lengths.py": SOURCE}.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(text)
    (tmp_path / "root" / "tests").mkdir()
    (tmp_path / "root" / "tests" / "test_lengths.py").write_text(TESTS)
    return tmp_path / "root"


def test_each_kind_of_mistake_is_made_on_its_line():
    after = {
        line: {(m.operator, m.after) for ms in kinds.values() for m in ms}
        for line in range(1, SOURCE.count("\n") + 1)
        if (kinds := mutants_of_line(SOURCE, line))
    }
    assert set(after) == {4, 5, 6, 7, 11, 12, 13, 17}  # neither texts nor types
    assert ("RemoveStatement", "pass") in after[6] & after[12]
    assert ("ReplaceReturned", "return (n) + 1") in after[13]
    assert ("ReplaceReturned", "return None") in after[7]
    assert ("DropKeyword", "return clipped(x) + turns(0)") in after[17]
    assert ("ReplaceComparisonOperator_Lt_LtE", "if x <= least:") in after[5]
    assert ("NumberReplacer", "def clipped(x, least= 1, most=9):") in after[4]


def test_a_survey_says_what_caught_each_mistake_and_leaves_nothing_behind(
    checkout, tmp_path, capsys
):
    reached = tmp_path / "reached.json"
    before = {f: f.read_bytes() for f in checkout.rglob("*") if f.is_file()}
    reach = recorded(reached, checkout, ["toy"], [])
    first, second = "tests/test_lengths.py::test_clipped", "tests/test_lengths.py::test_turns"
    assert [name for name, _ in reaching(reach, FILE, 6, 60.0)] == [first]
    # Of what runs at import, those of the file; as many as there is time for, one at least.
    assert [x for x, _ in reaching(reach, FILE, 16, 60.0)] == [first, second]
    assert len(reaching(reach, FILE, 16, 0.0)) == 1

    removed, same = (
        next(
            m for ms in mutants_of_line(SOURCE, line, FILE).values() for m in ms if m.after == after
        )
        for line, after in ((6, "pass"), (5, "if x != least:"))
    )
    known = {(same.file, same.before, same.after): "the same program"}
    tests = [(first, 1.0), (second, 1.0)]
    assert [*survey(checkout, lambda mutant: tests, [removed, same], known)] == [
        (removed, "caught", first),
        (same, "equivalent", "the same program"),
    ]
    given = ["--sample", "1", "--seed", "0", "--package", "toy", "--coverage", str(reached)]
    assert main(given, checkout) == 0
    printed = capsys.readouterr().out
    assert "| toy/lengths.py:4 | `def clipped(x, least=0, most=9):` → `" in printed
    assert printed.endswith("| survived | 2 tests |\ntoy: 0 of 1 caught; {'survived': 1}\n")
    assert {f: f.read_bytes() for f in checkout.rglob("*") if f.is_file()} == before


def test_without_a_recording_the_tests_that_mirror_a_file_are_taken(checkout, capsys):
    (checkout / "tests" / "toy").mkdir()
    (checkout / "tests" / "toy" / "test_others.py").write_text("def test(): pass\n")
    assert [x for x, _ in nearest(checkout, FILE)] == [
        "tests/toy/test_others.py",
        "tests/test_lengths.py",
    ]
    given = ["--sample", "1", "--package", "toy", "--nearest"]
    assert main(given, checkout) == 0
    assert "toy: 0 of 1 caught; {'survived': 1}\n" in capsys.readouterr().out
    assert main([*given, "--within", "0"], checkout) == 0
    assert "toy: 0 of 0 caught; {'not run': 1}\n" in capsys.readouterr().out


def test_a_seed_repeats_the_sample(checkout):
    drawn = [[*islice(sample(checkout, ["toy"], seed), 4)] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_what_never_ends_is_stopped(tmp_path):
    assert run(tmp_path, ["-c", "while True: pass"], 0.5) == (None, "")


def test_each_equivalent_is_a_line_of_the_file_that_it_names():
    for (file, before, after), reason in equivalents().items():
        text = " ".join(map(str.strip, (ROOT / file).read_text(encoding="utf-8").splitlines()))
        assert before in text
        assert before != after
        assert reason
