"""The checks of a candidate after its samples: at inputs never seen, and by another clock.

What an engine does while it is timed shows by then. One that remembers results is quick at the
inputs of its samples and at no others; one that holds a clock of its own is quick by that alone.
"""

import math
import statistics
from collections.abc import Sequence

from compare.measure import jobs
from compare.measure.candidate import Candidate
from compare.measure.rounds import Lost
from compare.measure.timing import Sample
from compare.process.executor import Outcome

__all__ = ["last_checks"]

#: Samples below which the calls that are looked at tell nothing of the others.
_FEWEST = 5
#: How long a sample lasts, in s, by which the clock of its process is held against this one's; and
#: how often: who else is at work makes a job longer, and none of its samples.
_CLOCK_S, _CLOCK_ATTEMPTS = 0.016, 6
#: What a job may take beside its sample more than another one, in s; and at most, in s and for
#: each byte of its result.
_BESIDE_S, _BESIDE_LONG_S, _BESIDE_BYTE_S = 0.005, 0.1, 1e-8
#: How far off the system may be that counts the processor time of a process, in s; and how many
#: times the samples it may be before no longer one is asked for.
_TICKS_S, _FAR = 0.02, 4.0


def last_checks(candidate: Candidate, samples: Sequence[Sample]) -> Outcome:
    """Return whether a candidate is what its samples say; what it ended with if it is not."""
    try:
        found = _clock_differs(candidate, samples) if samples else ""
    except Lost as lost:
        ended: Outcome = lost.args[0]
        return ended
    found = found or _looked_at_differs(samples)
    if found:
        return Outcome("mismatch", None, found, "sampling")
    return _at_new_inputs(candidate, samples)


def _clock_differs(candidate: Candidate, samples: Sequence[Sample]) -> str:
    """Return by how much samples last longer by the clock of this process; empty if they do not."""
    claimed_s = statistics.median(sample.seconds * sample.loops for sample in samples)
    most_s = claimed_s + _BESIDE_LONG_S + _BESIDE_BYTE_S * candidate.result_bytes
    if claimed_s >= _CLOCK_S and candidate.beside_s <= most_s:
        return ""
    times = max(2, math.ceil(_CLOCK_S / max(claimed_s, 1e-6)))
    for _ in range(_CLOCK_ATTEMPTS):
        least_s, used_s = candidate.beside_s, candidate.used_s()
        sample, beside_s = candidate.warm_sample(times)
        claimed_s, used_s = sample.seconds * sample.loops, candidate.used_s() - used_s
        # On a busy machine a job waits for its turn, and uses no processor time by that.
        if beside_s - least_s <= claimed_s + _BESIDE_S or used_s <= 2.0 * claimed_s + _TICKS_S:
            return ""
        if used_s > _FAR * claimed_s + _BESIDE_LONG_S:
            break
        times *= 2
    return _differs(claimed_s + beside_s - least_s, claimed_s)


def _looked_at_differs(samples: Sequence[Sample]) -> str:
    """Return by how much the calls that are looked at take longer; empty if they do not."""
    # One call between two readings of the clock, with a neighbour at work: of a function that takes
    # 0.3 µs it was 4.8 × as long in the median of the samples of one run in 60.
    looked = [(max(s.looked_s - jobs.COLD_S, 0.0), s.seconds) for s in samples if s.loops > 1]
    ratios = [looked_s / max(seconds, 1e-9) for looked_s, seconds in looked]
    slower = statistics.median(ratios) if len(ratios) >= _FEWEST else 0.0
    if slower < jobs.REMEMBERS:
        return ""
    return (
        f"a call takes {slower:.1f} × as long where its result is looked at: it computes for who "
        "looks only"
    )


def _differs(here_s: float, there_s: float) -> str:
    return (
        f"a sample lasts {there_s:.2g} s by the clock of its process, and {here_s:.2g} s by that "
        "of the process that judges it"
    )


def _at_new_inputs(candidate: Candidate, samples: Sequence[Sample]) -> Outcome:
    """Return whether a candidate is right at inputs never seen, at the same cost."""
    if candidate.unchecked:
        return Outcome("ok")
    # Of those at its first inputs, where it is called again: at others it may take less.
    at_first = [sample.processor_s for sample in samples if sample.place == 0]
    sampled_s = statistics.median(at_first) if at_first else 0.0
    ended = candidate.at_new_inputs(sampled_s)
    if candidate.worker is None or not candidate.worker.alive:
        return ended
    if ended.status != "ok":
        return ended
    novel: jobs.Novel = ended.result
    found = ""
    if novel.refuses_all and candidate.ran_at_second_inputs:
        found = f"it takes no inputs but those that it was checked at: {novel.refused}"
    elif novel.stale:
        found = "the result of a sample changed when the engine ran again: it is a stale buffer"
    elif novel.slower >= jobs.REMEMBERS:
        found = (
            f"a call takes {novel.slower:.1f} × as long on new inputs as on those it has seen: "
            "it remembers results"
        )
    elif novel.slower_than_sampled >= jobs.REMEMBERS:
        found = (
            f"a call takes {novel.slower_than_sampled:.1f} × as long as in its samples, which "
            "none tells apart: it remembers results"
        )
    if found:
        return Outcome("mismatch", None, found, "new inputs")
    if novel.result is None:
        # Calls that are refused show nothing, which whoever reads the times must know.
        candidate.remark(f"not timed on new inputs: {novel.refused}")
        return Outcome("ok")
    judged = candidate.judged_at_new_inputs(novel.result)
    if judged.status == "ok" and judged.result["status"] != "ok":
        words = f"right at the inputs of its samples, wrong at new ones: {judged.result['message']}"
        return Outcome("mismatch", None, words, "new inputs")
    return judged
