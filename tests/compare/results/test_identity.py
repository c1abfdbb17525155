import dataclasses
import functools
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from compare.engines import ENGINES, PEERS, get_engine
from compare.engines.engine import Engine
from compare.problems import PROBLEMS, get_problem
from compare.problems.own import own_problem
from compare.process.executor import pickled
from compare.results.identity import engine_versions, fingerprint

CONDITIONS = {"threads": 1, "mode": "warm"}
GRAPH = get_engine("graph")


def digest(f, *args, engine=GRAPH, conditions=CONDITIONS):
    return fingerprint(own_problem(f, args).case(1, 0), engine, conditions)


def test_every_cell_has_a_digest_of_its_own():
    cells = [
        (problem.case(size, seed), engine)
        for problem in PROBLEMS.values()
        for size in (problem.sizes or (problem.verify_size,))
        for seed in (0, 1)
        for engine in ENGINES.values()
    ]
    digests = {fingerprint(case, engine, CONDITIONS) for case, engine in cells}
    assert len(digests) == len(cells)


def test_it_is_the_same_in_every_process():
    code = """
    from compare.engines import get_engine
    from compare.results.identity import fingerprint
    from compare.problems import get_problem
    from compare.problems.own import own_problem
    import numpy as np
    own = own_problem(lambda x: np.sum(x * x), [np.ones(3)])
    for problem, size in ((get_problem("mlp-width"), 8), (own, 1)):
        print(fingerprint(problem.case(size, 0), get_engine("shared"), {"threads": 1}))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    printed = {subprocess.check_output(command, text=True) for _ in range(2)}
    assert len(printed) == 1


class Scale:
    """Things that a user's function may refer to."""

    __slots__ = ("by",)

    def __init__(self, by):
        self.by = by


SCALE = 3.0


def holding(held):
    """Return a function that closes over something and refers to more of its file."""

    def loss(x):
        return np.sum(x * SCALE) if held is not None else Scale(x).by

    return loss


def test_it_is_the_same_where_a_cell_arrives_in_bytes():
    shared = np.ones(3)
    held = [1, "text", {"a", "b", "c"}, frozenset("xyz"), np.dtype("f4"), Scale(Scale("by"))]
    held += [(1, (2, 3), (2, 3)), [shared, shared], slice(1, 2), functools.partial(np.sum, axis=0)]
    held += [np.array(["a", None], dtype=object), np.float32(2), {"k": [1]}, lambda x: x, Scale]
    case = PROBLEMS["mlp-width"].case(2, 0)
    cells = [(own_problem(holding(one), [np.ones(2)]).case(1, 0), GRAPH) for one in held]
    cells += [(case, engine) for engine in (*ENGINES.values(), *PEERS.values())]
    cells += [(problem.case(problem.verify_size, 0), GRAPH) for problem in PROBLEMS.values()]
    here = [fingerprint(*cell, CONDITIONS) for cell in cells]
    assert len({*here}) == len(here)
    code = """
    import pickle, sys
    from compare.results.identity import fingerprint
    for cell in pickle.load(sys.stdin.buffer):
        print(fingerprint(*pickle.loads(cell), {"threads": 1, "mode": "warm"}))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    sent = pickle.dumps([pickled(cell, elsewhere=True) for cell in cells])
    there = subprocess.run(command, input=sent, capture_output=True, check=True).stdout
    assert there.decode().split() == here


@pytest.mark.parametrize(
    "changed",
    [
        lambda x: np.sum(x * x) + 1.0,
        lambda x: np.sum(x * x * x),
        lambda x: np.prod(x * x),
    ],
)
def test_another_function_has_another_digest(changed):
    x = np.ones(3)
    assert digest(lambda x: np.sum(x * x), x) != digest(changed, x)


def test_one_character_of_a_file_changes_it(tmp_path):
    def loaded(text):
        file = tmp_path / f"model{len(list(tmp_path.iterdir()))}.py"
        file.write_text(text)
        names = {"__name__": "model"}
        exec(compile(text, str(file), "exec"), names)
        return names["loss"]

    text = "def helper(x):\n    return 2.0 * x\n\n\ndef loss(x):\n    return helper(x)\n"
    same, other = loaded(text), loaded(text.replace("2.0", "3.0"))
    assert digest(same, 1.0) == digest(loaded(text), 1.0)
    assert digest(same, 1.0) != digest(other, 1.0)


def test_what_a_function_closes_over_counts():
    def scaled(by):
        return lambda x: np.sum(by * x)

    x = np.ones(2)
    assert digest(scaled(2.0), x) == digest(scaled(2.0), x)
    assert digest(scaled(2.0), x) != digest(scaled(3.0), x)
    assert digest(scaled(np.ones(2)), x) != digest(scaled(np.zeros(2)), x)
    assert digest(functools.partial(scaled(2.0)), x) != digest(functools.partial(scaled(3.0)), x)


def test_inputs_engine_and_conditions_count():
    def square(x):
        return np.sum(x * x)

    x = np.ones(2)
    base = digest(square, x)
    assert base != digest(square, 2 * x)
    assert base != digest(square, x, engine=get_engine("graph-compiled"))
    assert base != digest(square, x, conditions=CONDITIONS | {"threads": 2})
    case = get_problem("circuit").case(1, 0)
    looser = dataclasses.replace(GRAPH, tolerance="finite-differences")
    assert fingerprint(case, GRAPH, CONDITIONS) != fingerprint(case, looser, CONDITIONS)


def test_versions_of_an_engine():
    def prepare(case):
        raise NotImplementedError

    engine = Engine("mine", "", ("yaml_that_is_absent", "scipy.special"), prepare)
    assert "yaml_that_is_absent absent" in engine_versions(engine)
    import scipy

    assert f"scipy {scipy.__version__}" in engine_versions(engine)
    ours = engine_versions(GRAPH)
    assert len(ours.split()[-1]) == 16, ours


def test_a_function_that_refers_to_itself_ends():
    def loop(x):
        return x if np.all(x > 0) else loop(-x)

    assert digest(loop, 1.0) == digest(loop, 1.0)
