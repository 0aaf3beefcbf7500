"""`python -m benchmarks`: run them, print the table, write JSON on request."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported

import torch

from benchmarks.circuits import circuits
from benchmarks.dynamics import dynamics
from benchmarks.edges import edges
from benchmarks.graphs import graphs
from benchmarks.networks import networks
from benchmarks.peers import peers
from benchmarks.products import convolution, linear, sliced, wired
from benchmarks.programming import programming
from benchmarks.search import search
from benchmarks.timing import Result
from benchmarks.training import training
from benchmarks.wires import wires

BENCHMARKS = {
    "linear": linear,
    "training": training,
    "programming": programming,
    "convolution": convolution,
    "sliced": sliced,
    "networks": networks,
    "circuits": circuits,
    "wires": wires,
    "wired": wired,
    "graphs": graphs,
    "edges": edges,
    "dynamics": dynamics,
    "search": search,
    "peers": peers,
}


def main() -> int:
    """Returns 1 if any noise that was timed has not the distribution that it should have."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios to plain torch, one thread.")
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS), help="run only these")
    parser.add_argument("--pairs", type=int, default=25, help="measurements of each, in turn (default: 25)")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, {given.pairs} pairs in turn; quartiles of the ratios in brackets\n")
    print(f"{'what':<66}{'ours':>10}{'plain':>10}{'ratio':>8}{'spread':>15}{'fastest':>9}  bar")
    results: list[Result] = []
    for name in given.only:
        for line in BENCHMARKS[name](given.pairs):
            results.append(line)
            _print(line)
    if given.json:
        table = {"torch": torch.__version__, "python": platform.python_version(), "machine": platform.machine(),
                 "processors": os.cpu_count(), "threads": 1, "results": [line.table() for line in results]}  # fmt: skip
        given.json.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    return int(not all(line.sound for line in results))


def _print(line: Result) -> None:
    spread = f"[{line.low:.2f}, {line.high:.2f}]"
    times = f"{_seconds(line.ours):>10}{_seconds(line.plain):>10}"
    print(f"{line.name:<66}{times}{line.ratio:>8.2f}{spread:>15}{line.fastest:>9.2f}  {line.bar}", flush=True)
    print(f"    plain: {line.against}")
    if line.noise:
        print(f"    checked, {'as it should be' if line.sound else 'WRONG'}: {line.noise}")


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.2f} ms"


if __name__ == "__main__":
    sys.exit(main())
