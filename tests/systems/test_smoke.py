"""The smoke tier of every system: complete, with all claims judged and all controls that a short run can hold."""

import json
from pathlib import Path

import pytest

from ohmloom.reports import write_report
from ohmloom.systems import names, run_system

TRAINED = {
    "noise training pays",
    "noise training costs little",
    "noise on weights, not on activations",
    "programming through the wires, ideal cells",
    "programming through the wires, cells with spread",
    "programming through the wires, one day later",
    "the loss is of the size meant",
    "a wrong wire resistance helps clearly less",
    "draws of the arrays agree",
    "iterations: the peak is not early",
    "iterations: the peak is not late",
    "calibration matters",
    "normalisation matters",
    "edge pruning learns the task",
    "edge pruning comes close to trained weights",
    "cells compute what was learned",
    "programming errors of 10 % cost trained weights more",
    "programming errors of 2 % do not",
    "edges are ahead of plainly trained weights, batch norms settled at 10 %",
    "edges are ahead of weights trained with the error, batch norms settled at 10 %",
    "learned edges move with their signs",
    "training on recovers them",
    "the limiter halves the flips",
    "the limiter costs little",
    "the score is learned, released, t = 0.1",
    "the score is learned, wide, consistent, t = 0.1",
    "the score is learned, released, t = 0.5",
    "the score is learned, wide, consistent, t = 0.5",
    "the score is learned, released, t = 1",
    "the score is learned, wide, consistent, t = 1",
    "cells generate as the digital network does, released, flow",
    "cells generate as the digital network does, wide, consistent, flow",
    "cells generate as the digital network does, wide, consistent, stochastic",
    "the ring has its radius",
    "points lie on the ring",
    "the ring on cells has its radius, released, flow",
    "the ring on cells has its radius, wide, consistent, flow",
    "the ring on cells has its radius, wide, consistent, stochastic",
    "networks that do not know the time generate another distribution",
    "points on cells lie on the ring, released, flow",
    "points on cells lie on the ring, wide, consistent, flow",
    "points on cells lie on the ring, wide, consistent, stochastic",
    "decoded samples show their class, digital, flow as released",
    "decoded samples show their class, digital, stochastic",
    "decoded samples show their class, loop with exact cells, flow",
    "decoded samples show their class, loop with exact cells, stochastic",
    "decoded samples show their class, 180 nm array, sound cells, flow",
    "decoded samples show their class, 180 nm array, sound cells, stochastic",
    "swapped class embeddings swap the classes",
    "the stochastic sampler is flatter in write error",
    "training with noise helps the flow",
    "training with noise helps the stochastic sampler",
    "the released schedule does not reach N(0, 1)",
    "the network finds more than dark pixels",
    "segmentation by edges comes close to that by weights",
    "cells segment as was learned",
    "programming errors of 10 % cost segmenting weights more",
    "programming errors of 2 % cost segmenting weights less",
    "segmenting edges move with their signs",
    "training on recovers the segmentation",
    "segmenting edges move once batch norms are settled",
    "learned edges move once batch norms are settled",
    "the twin follows unseen wave forms",
    "the noise-aware twin bears 5 % write noise",
    "trimmed dies bear 5 % write noise",
    "four cells in parallel bear 5 % write noise",
    "replay",
    "state reset",
    "one sine is not enough",
    "noise-aware training pays at 3 %",
    "noise-aware training pays at 5 %",
    "trimming pays at 3 %",
    "trimming pays at 5 %",
    "the twin outlasts persistence",
    "the twin outlasts climatology",
    "the twin outlasts an RNN",
    "the twin outlasts a GRU",
    "the twin outlasts an LSTM",
    "the twin is as chaotic as the truth",
    "the twin in arrays is as chaotic as the truth",
    "the twin has the truth's climate",
    "BayesMulti bears drift",
    "it costs little without drift",
    "the intervals are apart",
    "every seed gains over the whole range",
    "the search beats random rates",
    "the released objective does not help",
    "normalisation hurts under drift",
    "masks help on usable devices",
    "masks cost little",
    "Bayesian search reaches the optimum",
    "chance does not",
    "a grid of equal budget does not",
    "the order of the materials means nothing",
    "shuffled usabilities teach nothing",
    "fine-tuning wins back 40 % of the loss",
    "it does so beyond the spread of dies",
    "fine-tuning beats software alone",
    "a loss worth winning back",
    "no more than a loss",
    "another die's outputs help less",
    "shuffled labels teach nothing",
}  # need more than a smoke run
WITHOUT_COST = {"bayesmulti-fabrication"}  # makes devices, computes nothing on them


@pytest.mark.parametrize("name", names())
def test_smoke_tier_is_complete_and_reported(name: str, tmp_path: Path) -> None:
    result = run_system(name, tier="smoke", seed=0, out=tmp_path / "run")
    assert result.status == "complete"
    written = json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))
    assert {claim["verdict"] for claim in written["claims"]} <= {"reproduced", "not reproduced", "not comparable"}
    failed = {c.name for c in result.controls if c.verdict != "held"} - TRAINED
    assert not failed
    assert name in WITHOUT_COST or written["cost"]["energy_joule"] > 0
    assert write_report(tmp_path / "run").stat().st_size > 20_000
