"""Write-verify of every cell of the NeuRRAM chip, against drawing as many normal numbers as it draws."""

from __future__ import annotations

from typing import Any
from unittest import mock

import torch
from torch import nn

import ohmloom as ol
from benchmarks.timing import Result, compare, result
from ohmloom import Chip

INPUTS, OUTPUTS, CORES = 128, 256, 48  # one core each: 256 rows of pairs, 256 columns


def programming(pairs: int) -> list[Result]:
    """All 48 cores full: 3,145,728 cells."""
    del pairs  # one pair: it takes seconds
    torch.manual_seed(0)
    preset = Chip.load("neurram")
    chip = preset.replace(mapping=preset.mapping.replace(inputs=INPUTS))  # full cores: no limit but their rows
    whole = ol.convert(nn.Sequential(*(nn.Linear(INPUTS, OUTPUTS, bias=False) for _ in range(CORES))), chip)
    wanted = CORES * 2 * INPUTS * OUTPUTS
    assert ol.summary(whole).placement.cells == wanted
    draws = CORES * _draws(chip)

    def draw() -> None:
        for _ in range(CORES):
            torch.randn(draws // CORES)

    seconds = compare(lambda: ol.program(whole), draw, 2)
    name = f"programming all {wanted:,} cells of neurram by write-verify"
    return [result(name, seconds, "10 s", f"torch.randn of the {draws / 1e6:.0f} million numbers that it draws")]


def _draws(chip: Chip) -> int:
    """Normal numbers that programming one core draws."""
    one, count, real = ol.convert(nn.Linear(INPUTS, OUTPUTS, bias=False), chip), 0, torch.randn

    def counted(*shape: Any, **how: Any) -> torch.Tensor:
        nonlocal count
        drawn = real(*shape, **how)
        count += drawn.numel()
        return drawn

    with mock.patch("torch.randn", counted):
        ol.program(one)
    return count
