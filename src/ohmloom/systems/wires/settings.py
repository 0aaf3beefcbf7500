"""How much `wires` trains, solves and evaluates, and what it is held against."""

from __future__ import annotations

from pydantic import Field

from ohmloom.data import Subset
from ohmloom.descriptions import Description
from ohmloom.experiments import Control, Paper

CELLS = ("ideal cells", "cells with spread", "one day later")
WON = {cells: f"won back by programming through the wires, {cells}" for cells in CELLS}
WRONG = "won back with a wrong wire resistance, ideal cells"
TUNED = "won back by fine-tuning, ideal cells"
NOISE_ERROR = "read noise, fast form: worst mean error of the deviation, inputs of both signs"
COST = "accuracy lost to wires after calibration, ideal cells"


class WiresSettings(Description):
    """Sizes of a run."""

    subset: Subset = "full"
    training_images: int = Field(default=55_000, ge=128)
    validation_images: int = 5_000
    epochs: int = Field(default=12, ge=1)
    sizes: tuple[int, ...] = (64, 128, 256)  # rows and columns of an array
    ohms: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 6.0, 8.0)  # of a segment, rows and columns alike
    noise_sizes: tuple[int, ...] = (32, 64)  # at which read noise is compared with the exact one
    size: int = 128  # of the comparison
    steps: int = 60  # of programming through the wires
    tuning: int = 300  # batches of fine-tuning
    dies: int = Field(default=5, ge=1)
    test_images: int = 10_000
    few_images: int = 2_000  # of the grid, and of the validation that chooses the comparison's resistance
    calibration_images: int = 500
    network_ohms: tuple[float, ...] = (1.0, 5.0, 20.0)  # of the NeuRRAM network; empty: left out
    network_epochs: int = 4
    network_dies: int = 3
    network_images: int = 1_000


PAPER = Paper(
    key="joksas2020",
    authors=("D. Joksas", "A. Mehonic"),
    title="badcrossbar: A Python tool for computing and plotting currents and voltages in passive crossbar arrays",
    journal="SoftwareX",
    year=2020,
    volume="12",
    pages="100617",
    doi="10.1016/j.softx.2020.100617",
    note="The circuit that is solved; programming through its wires is ohmloom's own",
)

CONTROLS = (
    *(Control(name=f"programming through the wires, {cells}", expectation="Wins back at least 80 % of what the wires "
              "cost after calibration (the goal set for a loss of 5 to 20 points).", figure=WON[cells],
              rule="at_least", bound=80, unit="%") for cells in CELLS),
    Control(name="the loss is of the size meant", expectation="At least 5 points after calibration.", figure=COST,
            rule="at_least", bound=5, unit="points"),
    Control(name="the loss is not a wreck", expectation="At most 20 points after calibration.", figure=COST,
            rule="at_most", bound=20, unit="points"),
    Control(name="fast read noise is close", expectation="Within 3 % of the exact deviation for inputs of both signs.",
            figure=NOISE_ERROR, rule="at_most", bound=3, unit="%"),
    Control(name="a wrong wire resistance helps clearly less", expectation="A quarter of the true resistance wins back "
            "at least 20 % less.", figure=WRONG, against=WON[CELLS[0]], rule="at_most", bound=-20, unit="%"),
)  # fmt: skip
