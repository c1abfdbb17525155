import numpy  # noqa: F401  (its threads are the ones that are counted)
import pytest
import threadpoolctl

from benchmarks.checking import ThreadsNotPinned, one_thread


def counts():
    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]


def test_one_thread_while_it_lasts():
    before = counts()
    with one_thread() as threads:
        assert set(counts()) <= {1}
        assert set(threads.values()) <= {1}
        assert len(threads) > 0
    assert counts() == before


def test_a_library_that_does_not_listen_is_told(monkeypatch):
    pool = {"internal_api": "stubborn", "version": "1", "prefix": "libs", "num_threads": 3}
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: [pool])
    with pytest.raises(ThreadsNotPinned, match=r"stubborn 1 \(libs\) uses 3"), one_thread():
        pytest.fail("it was trusted")
