"""The cost of an inference on cells, and against the named basis."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

import ohmloom as ol
from ohmloom.chips import cost
from ohmloom.codesign.edge_pruning import edges, installed, switch_edges
from ohmloom.experiments import Cost, Figure, Findings
from ohmloom.systems.edge_pruning import claims as named
from ohmloom.systems.edge_pruning.training import CHIP

BASIS = "rtx-4090-fp32-peak"


def price(findings: Findings, network: nn.Module, inputs: Tensor) -> None:
    """Record the cost per input of a learned network, where its edges sit, and what of that can be compared."""
    chip = ol.Chip.load(CHIP)
    held = copy.deepcopy(network)
    switch_edges(held)
    with ol.Ledger() as ledger, torch.no_grad():
        held(inputs)
    spent = cost(ledger, installed(held, chip), inferences=len(inputs))
    findings.cost(Cost.priced(spent))
    factor, sentence = spent.against(BASIS)
    findings.figure(Figure.of(named.SAVED, 100 * (1 - 1 / factor), "%"))
    findings.assumption(sentence, "named basis, printed because the saving depends on it")
    for claim in findings.result.claims:
        if claim.name.startswith("energy saved"):
            findings.not_comparable(claim.name, named.NOT_SAID)
    placement = installed(held, chip).placement
    findings.figure(Figure.of("cores in use", placement.cores_used, "cores"))
    findings.figure(Figure.of("weights", sum(p.mask.numel() for p in edges(held).values()), "weights"))
