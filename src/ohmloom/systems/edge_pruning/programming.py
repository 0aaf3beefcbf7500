"""Programming operations: what choosing edges takes, beside writing trained weights, counted by the ledger."""

from __future__ import annotations

import copy

from torch import nn

import ohmloom as ol
from ohmloom.codesign.edge_pruning import TrainedWeights, edges, flips_per_edge, switch_edges
from ohmloom.ledger import Event
from ohmloom.systems.edge_pruning.training import CHIP

WRITER = "neurram-hfox"  # whose write-verify is fitted to published pulses


def pulses_of_edges(learned: nn.Module, untouched: nn.Module, held: nn.Module | None = None) -> dict[str, float]:
    """Pulses per weight: forming, one programming of edges learned elsewhere, and learning with a flip at a time.

    ``untouched`` is the network before training, whose first choice is programmed before the first step; ``held``
    was learned with the limiter.
    """
    size = sum(part.mask.numel() for part in edges(learned).values())
    formed = sum(float(part.matrix.cells.pulses.sum()) for part in edges(untouched).values()) / size
    with ol.Ledger() as first:
        switch_edges(copy.deepcopy(untouched))
    with ol.Ledger() as once:
        switch_edges(copy.deepcopy(learned))
    begin = first.total(Event.PULSE) / size
    pulses = {
        "forming the cells": formed,
        "edges learned in software, switched once": once.total(Event.PULSE) / size,
        "edges learned on the chip": begin + flips_per_edge(learned),
    }
    if held is not None:
        pulses["edges learned on the chip, limited"] = begin + flips_per_edge(held)
    return pulses


def pulses_of_weights(trained: nn.Module, seed: int) -> dict[str, float]:
    """Pulses per weight of writing trained weights once by write-verify into pairs of cells."""
    mapping = ol.Chip.load(CHIP).layer_mapping.replace(lowest=None, highest=None)
    device, size = ol.Device.load(WRITER), 0
    with ol.Ledger() as ledger:
        for number, part in enumerate(p for p in trained.modules() if isinstance(p, TrainedWeights)):
            values = part.values.detach()
            ol.store(values, mapping, device, ol.Streams(seed).child("written", str(number)))
            size += values.numel()
    return {"trained weights, written once by write-verify": ledger.total(Event.PULSE) / size}
