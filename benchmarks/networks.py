"""Whole networks: many dies at once, the ledger, memory, and how long a user waits for the first answer."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import nn

import ohmloom as ol
from benchmarks.products import chip_with
from benchmarks.timing import Result, compare, result
from tests.nn.models import ResNet20

DIES = 16


def networks(pairs: int) -> list[Result]:
    """All of these."""
    return [*dies(pairs), *ledger(pairs), *memory(), *start(min(pairs, 9))]


def dies(pairs: int) -> list[Result]:
    """Sixteen dies of a small network in one batch, against one after the other."""
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)), torch.randn(32, 64)
    hardware = ol.convert(model, chip_with("current", 64))
    ol.calibrate(hardware, x)
    ol.program(hardware, dies=DIES)
    ol.calibrate(hardware, x)

    def one_by_one() -> None:
        for die in range(DIES):
            ol.select(hardware, die)
            hardware(x)

    with torch.no_grad():
        seconds = compare(lambda: ol.over_dies(hardware, x), one_by_one, pairs)
    return [result(f"{DIES} dies of a 64-32-10 network, batch 32, at once", seconds, "0.6", "one die after the other")]


def ledger(pairs: int) -> list[Result]:
    """Counting what happens, against not counting."""
    torch.manual_seed(0)
    results = []
    arms = (
        ("Linear 512 x 512, batch 256", nn.Linear(512, 512), torch.randn(256, 512), 512),
        ("Conv2d 64-64 3x3, 32 x 16 x 16", nn.Conv2d(64, 64, 3, padding=1), torch.randn(32, 64, 16, 16), 576),
    )
    for what, layer, x, rows in arms:
        hardware = _programmed(layer, x, rows)

        def counted() -> None:
            with ol.Ledger():
                hardware(x)  # noqa: B023

        with torch.no_grad():
            seconds = compare(counted, lambda: hardware(x), pairs)  # noqa: B023
        results.append(result(f"{what}, with a ledger", seconds, "1.1", "the same without"))
    return results


_PEAK = """
import torch
torch.set_num_threads(1)
from benchmarks.networks import resnet
print(resnet({converted}))
"""


def resnet(converted: bool) -> int:
    """The peak memory of a ResNet-20, plain or converted and programmed, while it computes 64 images of 32 x 32, above
    that of a process that has computed another layer; bytes. (Linux: the peak is reset before.)"""
    torch.manual_seed(0)
    _programmed(nn.Conv2d(3, 16, 3), torch.randn(64, 3, 32, 32))(torch.randn(64, 3, 32, 32))  # all libraries are loaded
    before = _status("VmRSS")
    model, x = ResNet20().eval(), torch.randn(64, 3, 32, 32)
    with torch.no_grad():
        model = _programmed(model, x[:4]) if converted else model
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        model(x)
    return _status("VmHWM") - before


def _programmed(model: nn.Module, x: torch.Tensor, rows: int = 576) -> nn.Module:
    hardware = ol.convert(model, chip_with("current", rows))
    ol.calibrate(hardware, x)
    ol.program(hardware)
    ol.calibrate(hardware, x, corrections=False)
    return hardware


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


def memory() -> list[Result]:
    """Peak memory of inference, each in a process of its own; in MB where others are in seconds."""
    ours, plain = (int(_output("-c", _PEAK.format(converted=way))) / 1e6 for way in (True, False))
    name = f"memory of ResNet-20, 64 images: {ours:.0f} MB against {plain:.0f} MB"
    return [result(name, ([ours], [plain]), "3", "the plain network")]


def start(pairs: int) -> list[Result]:
    """Importing ohmloom beside importing torch; and how long its help takes, against starting Python at all."""
    ours, torch_alone, help_, python = [], [], [], []
    for _ in range(pairs):
        ours.append(_seconds("import torch, ohmloom"))
        torch_alone.append(_seconds("import torch"))
        help_.append(_seconds("from ohmloom.cli import main; import sys; sys.argv[1:] = ['--help']; main()"))
        python.append(_seconds("pass"))
    more = sorted(a - b for a, b in zip(ours, torch_alone, strict=True))[pairs // 2]
    shown = sorted(help_)[pairs // 2]
    return [
        result(
            f"import ohmloom and torch: {more:+.2f} s (wanted: at most 0.3)", (ours, torch_alone), "", "torch alone"
        ),
        result(f"ohmloom --help: {shown:.2f} s (wanted: at most 0.5)", (help_, python), "", "Python alone"),
    ]


def _output(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True).stdout


def _seconds(code: str) -> float:

    begin = time.perf_counter()
    _output("-c", code)
    return time.perf_counter() - begin
