"""The benchmarks of ``gradscale bench``: contenders timed side by side, as ratios to NumPy by hand.

A *workload* is a function with its gradient written by hand, a *contender* a way to compute both
value and gradient. Every contender is checked against the hand-written gradient before a clock
starts, and one that is wrong gets no time.
"""
