"""The benchmarks: candidates timed side by side, as ratios to NumPy by hand.

A *workload* is a function with its gradient written by hand, a *candidate* a way to compute both
value and gradient. Every candidate is checked against the hand-written gradient before a clock
starts, and one that is wrong gets no time. Clocks, rounds, processes and checks are those of
`compare`; what is here is what is measured, and what it is meant to reach.
"""
