"""What a converted layer computes: four modes, each a small frozen object."""

from __future__ import annotations

from dataclasses import dataclass

from ohmloom.nn.perturbations import Perturbation


class Mode:
    """Root of the four modes: what the converted layers compute."""


@dataclass(frozen=True)
class Digital(Mode):
    """The user's own arithmetic, bit for bit, fused paths included."""


@dataclass(frozen=True)
class Quantised(Mode):
    """Codes of drive and converter, no cells; the gradient goes straight through to weights and clips.

    ``converter`` False leaves outputs unrounded, as training usually does.
    """

    converter: bool = True


@dataclass(frozen=True)
class Noisy(Mode):
    """`Quantised` with perturbed weights, drawn afresh in each forward (torch's global generator)."""

    perturbation: Perturbation
    converter: bool = False


@dataclass(frozen=True)
class Programmed(Mode):
    """The stored matrices, with all that cells and read-outs do.

    The gradient reaches the input; with ``weight_gradient`` also the weight, straight through.
    """

    weight_gradient: bool = False
