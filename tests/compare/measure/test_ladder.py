from compare.engines import get_engine
from compare.measure.ladder import Ladder
from compare.problems import PROBLEMS

ENGINES = [get_engine(name) for name in ("graph", "expanded", "hand-written")]


def ladder(sizes=(2, 4), problems=("mlp-width", "logistic-map"), done=()):
    cases = [PROBLEMS[name].case(size, 0) for size in sizes for name in problems]
    return Ladder([(case, engine) for case in cases for engine in ENGINES], dict(done))


def shown(batches):
    return [(b.problem, b.case.size, [e.name for e in b.engines], b.attempt) for b in batches]


ALL = [engine.name for engine in ENGINES]


def test_a_size_waits_for_the_smaller_one_unless_it_may_run_alongside():
    rungs = ladder()
    (first, _) = rungs.ready()
    rungs.begin(first)
    assert shown(rungs.ready()) == [("logistic-map", 2, ALL, 1)]
    both = [("logistic-map", 2, ALL, 1), ("mlp-width", 4, ALL, 1)]
    assert shown(rungs.ready(alongside=True)) == both
    rungs.cell_ended(first, "expanded", "timeout")
    rungs.cell_ended(first, "graph", "mismatch")
    assert rungs.left == 8
    rungs.batch_ended(first)
    assert shown(rungs.ready())[1] == ("mlp-width", 4, ["graph", "hand-written"], 1)


def test_a_lost_batch_is_tried_once_more_and_then_engine_by_engine():
    rungs = ladder(problems=("mlp-width",))
    for attempt in (1, 2):
        (batch,) = rungs.ready()
        assert shown([batch]) == [("mlp-width", 2, ALL, attempt)]
        rungs.begin(batch)
        assert not rungs.batch_lost(batch)
    alone = list(rungs.ready())
    assert shown(alone) == [("mlp-width", 2, [name], 3) for name in ALL]
    for batch in alone:
        rungs.begin(batch)
    assert not list(rungs.ready())
    assert rungs.batch_lost(alone[1])
    rungs.cell_ended(alone[1], "expanded", "crashed")
    for batch in (alone[0], alone[2]):
        rungs.batch_ended(batch)
    assert shown(rungs.ready()) == [("mlp-width", 4, ["graph", "hand-written"], 1)]


def test_an_engine_on_its_own_is_not_lost_a_third_time():
    case = PROBLEMS["circuit"].case(1, 0)
    rungs = Ladder([(case, ENGINES[0])], {})
    for is_end in (False, True):
        (batch,) = rungs.ready()
        rungs.begin(batch)
        assert rungs.batch_lost(batch) is is_end
    assert not list(rungs.ready())


def test_what_a_previous_run_ended_is_left_out_with_what_it_stopped():
    done = {("mlp-width", 2, "graph"): "ok", ("mlp-width", 2, "expanded"): "timeout"}
    rungs = ladder(problems=("mlp-width",), done=done)
    assert shown(rungs.ready()) == [("mlp-width", 2, ["hand-written"], 1)]
    assert rungs.left == 3


def test_what_is_left_below_a_size_that_stopped_an_engine_is_measured():
    # Rows come as cells end: that of the larger size may have been the first.
    done = {("mlp-width", 4, "expanded"): "timeout"}
    rungs = ladder(sizes=(2, 4, 8), problems=("mlp-width",), done=done)
    (first,) = rungs.ready()
    assert shown([first]) == [("mlp-width", 2, ALL, 1)]
    rungs.begin(first)
    rungs.batch_ended(first)
    assert shown(rungs.ready()) == [("mlp-width", 4, ["graph", "hand-written"], 1)]
