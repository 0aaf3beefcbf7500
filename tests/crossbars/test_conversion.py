"""The compiled passes of drives and converters against the plain tensor expressions that they stand for."""

from __future__ import annotations

import subprocess
import sys
from unittest import mock

import pytest
import torch
from torch import Tensor

from ohmloom.crossbars import Amplitude, BitSerial, ChargeDecrement, Drive, Uniform, conversion
from ohmloom.crossbars.converters import ColumnErrors, Converter
from ohmloom.crossbars.reads import Added, Reads, Sums

SHAPE = (2, 2, 3, 40, 70)  # dies, segments, channels, batch, columns: groups of rows that are no multiple of four
RANGE = torch.tensor([1.5, 2.5]).view(2, 1, 1, 1, 1)


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def both(reads: Reads, converter: Converter, errors: ColumnErrors | None) -> tuple[Tensor, Tensor, int, int]:
    """Values and clips of the compiled pass, and of drawing first and converting then, from the same seed."""
    copy = reads._replace(sums=Sums(*(None if part is None else part.clone() for part in reads.sums)))  # type: ignore[arg-type]
    assert converter.ties is not None
    assert conversion.suits(reads.shape.numel(), *reads.sums)
    generators = [torch.Generator().manual_seed(5) for _ in range(2)]
    value, clipped = conversion.convert(reads, converter.steps, converter.ties, errors, RANGE, generators[0])
    plain = converter.sense(copy.draw(generators[1]), RANGE, errors, None)
    assert torch.equal(generators[0].get_state(), generators[1].get_state())
    return value, plain.value, clipped, int(plain.clipped)


CONVERTERS = [Uniform(bits=6), Uniform(bits=12), ChargeDecrement(bits=6), ChargeDecrement(bits=8, max_steps=20)]


@pytest.mark.parametrize("converter", CONVERTERS, ids=lambda converter: f"{converter.kind}-{converter.steps:g}")
@pytest.mark.parametrize("phases", [1, 3])
def test_without_noise_codes_are_the_same_in_every_bit(converter: Converter, phases: int) -> None:
    """Ties too: half of the values lie half-way between two codes."""
    mean = numbers(phases, *SHAPE)
    half = (torch.arange(mean.numel() // 2).remainder(40) - 20.5) * (RANGE[0].item() / converter.steps)
    mean.view(-1)[: mean.numel() // 2] = half
    value, plain, clipped, counted = both(Reads(Sums(mean)), converter, None)
    assert torch.equal(value, plain)
    assert clipped == counted > 0


@pytest.mark.parametrize("errors", [False, True], ids=["ideal", "column errors"])
@pytest.mark.parametrize("pulled", [False, True], ids=["held", "open"])
@pytest.mark.parametrize("own", [False, True], ids=["cells", "amplifiers too"])
@pytest.mark.parametrize("phases", ["one", "apart", "added"])
def test_noise_is_drawn_from_the_same_numbers(errors: bool, pulled: bool, own: bool, phases: str) -> None:
    """Values agree to rounding, which may put one in ten thousand on the other side of a code's edge."""
    count, converter = 1 if phases == "one" else 3, Uniform(bits=8)
    added = Added(torch.tensor([1.0, -2.0, 4.0]), torch.tensor([1.0, 2.0, 4.0])) if phases == "added" else None
    power = numbers(1 if added else count, *SHAPE, seed=1).square() * 0.1  # some variances end below zero
    pull = numbers(count, *SHAPE, seed=2) * 0.05 if pulled else None
    column = numbers(2, 2, 3, 1, 70, seed=3).square() * 0.05 if pulled else None
    amplifiers = torch.tensor([0.01, 0.0, 0.04]).view(3, 1, 1) if own else None
    wrong = ColumnErrors(1 + 0.1 * numbers(2, 2, 3, 1, 70, seed=4), numbers(2, 2, 3, 1, 70, seed=5)) if errors else None
    reads = Reads(Sums(numbers(count, *SHAPE) * 0.4, power, pull), column, added, amplifiers)
    value, plain, clipped, counted = both(reads, converter, wrong)
    step = RANGE / converter.steps
    moved = (value - plain).abs() / step
    assert float(moved.max()) < 1.001, "nothing moves by more than a step"
    assert float((moved > 0.5).double().mean()) < 1e-4
    assert abs(clipped - counted) < 1e-4 * value.numel()


def test_amplifier_noise_alone() -> None:
    value, plain, _, _ = both(
        Reads(Sums(numbers(1, *SHAPE)), own=torch.tensor([0.01, 0.0, 0.04]).view(3, 1, 1)), Uniform(bits=8), None
    )
    assert float((value != plain).double().mean()) < 1e-4


DRIVES = [
    Amplitude(bits=8),
    Amplitude(bits=4, negative=False),
    BitSerial(bits=4),
    BitSerial(bits=5, code="unsigned"),
    BitSerial(bits=6, code="twos-complement"),
]


@pytest.mark.parametrize("drive", DRIVES, ids=str)
@pytest.mark.parametrize("limit", ["number", "tensor", "vectors", "own"])
def test_drive_codes_are_the_same_in_every_bit(drive: Drive, limit: str) -> None:
    x = numbers(3, 90, 101)
    x[0, 0] = 0.0
    largest = {
        "number": 1.7,
        "tensor": torch.tensor(1.7),
        "vectors": numbers(3, 90, 1, seed=1).abs() + 0.1,
        "own": None,
    }[limit]
    assert conversion.suits(x.numel(), x)
    compiled = drive.coded(x, largest)
    with mock.patch.object(conversion, "suits", return_value=False):
        plain = drive.coded(x, largest)
    assert torch.equal(compiled.code, plain.code)
    assert int(compiled.clipped) == int(plain.clipped)


def test_other_numbers_take_the_plain_way() -> None:
    many = torch.zeros(1 << 15)
    assert conversion.suits(many.numel(), many, None)
    assert not conversion.suits(10, many[:10])
    assert not conversion.suits(many.numel(), many.double())
    assert not conversion.suits(many.numel(), many.view(-1, 2).T)
    assert not conversion.suits(many.numel(), many.clone().requires_grad_())


def test_importing_does_not_start_the_compiler() -> None:
    code = "import sys, ohmloom, ohmloom.chips, ohmloom.nn; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
