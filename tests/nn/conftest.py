"""Chips and small helpers of the network tests."""

from __future__ import annotations

import pytest
import torch

from ohmloom import Chip


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(2022)


@pytest.fixture(scope="session")
def ideal() -> Chip:
    return Chip.load("ideal")


@pytest.fixture(scope="session")
def generic() -> Chip:
    """Noisy cells, current sensing, 8-bit converters."""
    return Chip.load("generic-40nm")


@pytest.fixture(scope="session")
def neurram() -> Chip:
    """Noisy cells, voltage sensing, biases in rows."""
    return Chip.load("neurram")
