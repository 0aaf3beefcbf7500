"""Benchmarks: how long ohmloom takes in units of plain torch of the same shape, dtype, thread and minute.

    make bench                                  # or: python -m benchmarks [--only NAME …] [--json FILE]

A bare time says little on a shared machine: ours and the reference run in turn, and the ratio of each pair counts.
Fast noise is worth nothing if it is not noise: what is timed is also tested against its exact distribution, in the
same run. Times are never asserted, distributions are.
"""
