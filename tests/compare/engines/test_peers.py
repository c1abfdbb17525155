"""Other libraries, where they are installed, against the reference on every problem."""

import numpy as np
import pytest

import compare
from compare.engines import ABSENT, ENGINES, PEERS, get_engine
from compare.problems import PROBLEMS, get_problem
from compare.run.verify import verify_cases

NAMES = [*PEERS, *ABSENT]
#: Gives zero to both of two that tie, where the function has a derivative that is not zero.
WRONG = {("mygrad", "ties")}


@pytest.fixture(params=NAMES)
def peer(request):
    """A peer that is installed."""
    if request.param in ABSENT:
        pytest.skip(f"{ABSENT[request.param]} is not installed")
    return get_engine(request.param)


def test_shipped_engines_need_no_peer():
    assert not set(ENGINES) & set(NAMES)


@pytest.mark.skipif(not ABSENT, reason="all peers are installed")
def test_an_absent_peer_says_how_to_install_it():
    name, library = next(iter(ABSENT.items()))
    with pytest.raises(ValueError, match=f"pip install {library}"):
        get_engine(name)


@pytest.mark.parametrize("problem", ["neuron", "two-layer-relu", "embedding", "ties", "mlp-depth"])
def test_a_peer_agrees_with_the_reference(peer, problem):
    case = get_problem(problem).case(PROBLEMS[problem].verify_size, 0)
    frame = verify_cases([case], [peer], budget_s=60.0, budget_bytes=4 * 1024**3)
    expected = "mismatch" if (peer.name, problem) in WRONG else "ok"
    assert frame["status"].tolist() == [expected], frame["message"].tolist()


def test_a_plain_numpy_function_is_differentiated(peer):
    def loss(w, x):
        return np.sum(np.tanh(x @ w) ** 2) + np.mean(np.where(w > 0, w, 0.1 * w))

    rng = np.random.default_rng(0)
    w, x = rng.standard_normal(3), rng.standard_normal((4, 3))
    frame = compare.verify(loss, w, x, wrt="w", engines=[peer], budget_s=60.0)
    assert frame["status"].tolist() == ["ok"], frame["message"].tolist()


def test_a_peer_that_cannot_says_why(peer):
    def transformed(x):
        return np.sum(np.fft.fft(x).real ** 2)

    frame = compare.verify(transformed, np.ones(2), engines=[peer], budget_s=60.0)
    assert frame["status"][0] in ("ok", "unsupported"), frame["message"][0]
    if frame["status"][0] == "unsupported":
        assert frame["message"][0]


def test_a_peer_keeps_to_one_thread(peer):
    frame = compare.benchmark("mlp-width", engines=[peer], sizes=(2,), budget_s=60.0)
    assert frame["status"].tolist() == ["ok"], frame["message"].tolist()
    assert frame["threads_read"][0] <= 1
    assert frame["run_s"][0] > 0
