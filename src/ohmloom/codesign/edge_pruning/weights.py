"""Where a layer's weights come from: edges of formed cells, or trained numbers to compare them with."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ohmloom.chips import Mapping, StoredMatrix, form, states, switch
from ohmloom.codesign.edge_pruning.scores import Chosen, held_back, initial_scores, kept_count, largest
from ohmloom.crossbars import Wires
from ohmloom.descriptions import Description
from ohmloom.devices import Device
from ohmloom.errors import ConfigurationError, NotProgrammedError, ShapeError, StaleError, message
from ohmloom.nn import Perturbation
from ohmloom.random import Streams

Signs = Literal["software", "formed"]
GAIN = math.sqrt(2)  # of a layer of rectifiers


class Weights(nn.Module, ABC):
    """Abstract: the matrix (out, in) of a layer. A ``perturbation`` is drawn afresh at each use while it is set."""

    perturbation: Perturbation | None = None

    @abstractmethod
    def held(self) -> Tensor:
        """The weights, (out, in), with a gradient to what is trained."""

    @property
    def on_cells(self) -> bool:
        """True if products are those of cells."""
        return False

    def weight(self) -> Tensor:
        """The weights of this use, (out, in)."""
        weight = self.held()
        return weight if self.perturbation is None else self.perturbation.perturb({"weight": weight})["weight"]

    def linear(self) -> Callable[[Tensor], Tensor]:
        """What multiplies (..., in) → (..., out) in one forward, however often."""
        return partial(F.linear, weight=self.weight())


class TrainedWeights(Weights):
    """Ordinary trained weights."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(weight.detach().flatten(1).clone())

    def held(self) -> Tensor:
        return self.values


class EdgeForming(Description):
    """How the cells of edges are made: on which device, in which arrays, with whose signs.

    ``signs``: "software" draws a sign for each weight and forms only that cell of its pair, as published; "formed"
    lets the cell that breaks down first decide. ``reads``: how many noisy reads of each cell training is told the mean
    of (absent: exact states).
    """

    device: Device
    mapping: Mapping
    wires: Wires = Wires()
    signs: Signs = "software"
    voltage: float | None = None
    reads: int | None = None
    seed: int = 0

    def form(self, shape: tuple[int, int], name: str, die: int, sign_seed: int) -> tuple[StoredMatrix, Tensor, Tensor]:
        """The cells of one matrix on one die, and its weights (out, in) with all cells set and with all reset."""
        streams = Streams(self.seed).child("edges", name, f"die {die}")
        drawn = Streams(sign_seed).child("edges", name).generator("signs")
        signs = torch.randint(2, shape, generator=drawn) * 2.0 - 1
        given = {"one_of_pair": True} if self.signs == "formed" else {"signs": signs}
        matrix = form(shape, self.mapping, self.device, streams, voltage=self.voltage, wires=self.wires, name=name,
                      **given)  # type: ignore[arg-type]  # fmt: skip
        both = states(matrix, streams, reads=self.reads)
        return matrix, both.on[0], both.off[0]


class Edges(Weights):
    """The edges of one matrix in formed cells of one die; only their ``scores`` are trained.

    A kept edge has its cell's on state, a pruned one the residue of the off state, times one number for the layer that
    makes the mean kept magnitude the deviation √2 / √(fan_in · kept) of a network of rectifiers. In training mode each
    use chooses the edges anew and counts those that ``flips``; in evaluation the choice stands.
    """

    scores: nn.Parameter
    mask: Tensor
    flips: Tensor
    last: Tensor
    on: Tensor
    off: Tensor

    def __init__(
        self, shape: tuple[int, int], forming: EdgeForming, *, name: str, kept: float, limit: float = 0.0
    ) -> None:
        super().__init__()
        self.name, self.shape, self.forming, self.kept = name, shape, forming, kept
        self.count = kept_count(kept, shape[0] * shape[1], name)
        generator = Streams(forming.seed).child("edges", name).generator("scores")
        self.scores = nn.Parameter(initial_scores(shape, shape[1], generator))
        self.cycles = Streams(forming.seed).child("edges", name).key("cycles")
        self.steps = 0
        magnitude = self.scores.detach().abs()
        self.register_buffer("mask", largest(magnitude, self.count))
        self.register_buffer("flips", torch.zeros(shape, dtype=torch.int32))  # since the first choice
        self.register_buffer("last", magnitude)
        self.limit = limit
        self.house(0, forming.seed)

    def house(self, die: int, sign_seed: int) -> None:
        """Form the cells on another die; scores and chosen edges stay. The same ``sign_seed`` draws the same signs."""
        self.die = die
        self.matrix, on, off = self.forming.form(self.shape, self.name, die, sign_seed)
        if not bool(on.any()):
            rule, given = "must form cells, or there are no edges to choose from", "none that formed"
            raise ConfigurationError(message(f"{self.name}.voltage", rule, given, "Form at a higher voltage."))
        self.gain = GAIN / math.sqrt(self.shape[1] * self.kept) / float(on.abs().mean())
        self.register_buffer("on", (on * self.gain).to(self.scores), persistent=False)
        self.register_buffer("off", (off * self.gain).to(self.scores), persistent=False)
        self.switched: Tensor | None = None

    # --- choosing ---------------------------------------------------------------------------------------------------

    def keep(self, mask: Tensor) -> None:
        """Choose the edges by hand: bool, (out, in). Raises ShapeError."""
        if mask.shape != self.mask.shape or mask.dtype != torch.bool:
            rule = f"must be a bool mask of shape {self.shape}"
            raise ShapeError(message(f"{self.name}.mask", rule, f"{mask.dtype} {tuple(mask.shape)}", "Give (out, in)."))
        self.mask = mask.clone()

    def hold_back(self, limit: float) -> None:
        """From now on an edge flips only where its |score| changed by ``limit`` of itself since the last step."""
        if not 0 <= limit < 1:
            raise ConfigurationError(message("limit", "must lie between 0 and 1", limit, "0 holds nothing back."))
        if limit > 0 and self.limit == 0:
            self.last = self.scores.detach().abs()
        self.limit = limit

    @torch.no_grad()
    def choose(self) -> Tensor:
        """Choose the edges by the present scores and count flips; where they were, (out, in)."""
        magnitude = self.scores.detach().abs()
        wanted = largest(magnitude, self.count)
        if self.limit > 0:
            wanted = held_back(wanted, self.mask, magnitude, self.last, self.limit)
            self.last = magnitude
        flipped = wanted ^ self.mask
        self.flips += flipped
        self.mask = wanted
        self.steps += 1
        return flipped

    def held(self) -> Tensor:
        if not self.training:
            return Chosen.apply(self.scores, self.mask, self.on, self.off, None, None)  # type: ignore[no-any-return]
        cells, factors = self._again(self.choose())
        return Chosen.apply(self.scores, self.mask, self.on, self.off, cells, factors)  # type: ignore[no-any-return]

    def _again(self, flipped: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Flat positions of the cells that were switched in this step, and how far each landed from its state."""
        forming = self.forming.device.forming
        assert forming is not None
        cells = flipped.flatten().nonzero().flatten()
        if not len(cells):
            return None, None
        generator = torch.Generator().manual_seed((self.cycles + self.steps) % 2**32)
        return cells, forming.cycle(torch.ones(len(cells)), generator).to(self.on)

    # --- on cells ---------------------------------------------------------------------------------------------------

    @property
    def on_cells(self) -> bool:
        return self.switched is not None

    def switch(self) -> int:
        """Set and reset the cells as the edges are chosen, and compute with them from now on; the number of flips."""
        streams = Streams(self.forming.seed).child("edges", self.name, f"die {self.die}", f"step {self.steps}")
        flips = int(switch(self.matrix, self.mask.cpu(), streams)[0])
        self.switched = self.mask.clone()
        return flips

    def leave(self) -> None:
        """Compute with the weights that training knows again; the cells stay as they are."""
        self.switched = None

    def linear(self) -> Callable[[Tensor], Tensor]:
        return self.product if self.on_cells else super().linear()

    def product(self, x: Tensor) -> Tensor:
        """The product of the cells with all vectors of ``x`` (..., in) on one range of codes: (..., out).

        No gradient: edges are learned on the weights that training knows. Raises NotProgrammedError, StaleError, and
        ConfigurationError in training mode.
        """
        if self.training:
            rule, remedy = "must be in evaluation while its cells compute", "Call leave_cells(network) to train on."
            raise ConfigurationError(message(self.name, rule, "training mode", remedy))
        if self.switched is None:
            remedy = "Call switch_edges(network)."
            raise NotProgrammedError(message(self.name, "must be switched first", "cells as formed", remedy))
        if not torch.equal(self.switched, self.mask):
            rule, remedy = "must be the ones that its cells were switched to", "Call switch_edges again."
            raise StaleError(message(f"{self.name}.edges", rule, "other edges", remedy))
        rows = x.detach().reshape(-1, x.shape[-1]).to(self.matrix.scale)
        low, high = rows.aminmax()
        self.matrix.calibration.limit = (high - low).clamp_min(torch.finfo(rows.dtype).tiny)
        y = self.matrix.product(rows - low)[0] + low * self.matrix.row_sums()[0]
        return (y * self.gain).reshape(*x.shape[:-1], y.shape[-1]).to(x)
