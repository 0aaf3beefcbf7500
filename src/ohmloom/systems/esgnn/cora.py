"""System `esgnn-cora`: papers classified by their citations, with and without a reservoir."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import log10
from typing import Any, Literal

import torch
from torch import Tensor

from ohmloom.chips import StoredMatrix
from ohmloom.data import load
from ohmloom.devices import ReadNoise
from ohmloom.experiments import Context, Figure, System, Tier
from ohmloom.random import Streams
from ohmloom.systems.esgnn import names
from ohmloom.systems.esgnn.arms import own_ratios, publish_ratios
from ohmloom.systems.esgnn.citations import (
    ITERATIONS,
    Citations,
    chip,
    citations_of,
    on_chip,
    software,
)
from ohmloom.systems.esgnn.cora_claims import CORA_CLAIMS, CORA_CONTROLS
from ohmloom.systems.esgnn.curves import plot_curve
from ohmloom.systems.esgnn.operations import count
from ohmloom.systems.esgnn.publication import HIDDEN, LEVELS, NOISE_ON_INPUT, NOISE_ON_RECURRENT, PAPER
from ohmloom.systems.esgnn.publication import ITERATIONS as PUBLISHED_ITERATIONS
from ohmloom.systems.esgnn.reservoir import misprogrammed, priced, relative
from ohmloom.systems.esgnn.settings import CoraSettings
from ohmloom.systems.esgnn.statements import statements
from ohmloom.systems.esgnn.steps import Steps

PROJECTION = 300  # hidden nodes of the random projection that stands in for a reservoir
SHOWN = (names.WORDS, names.SMOOTHED)
NOISE_OF_CURVES = (
    "Noise of the curves is additive in weights of deviation 1 (0.63 for W_R with its zeros); where the published "
    "panels part from ours, they show another noise or another scale."
)


class EsgnnCora(System[CoraSettings]):
    """Reservoirs of numbers and of formed pairs, beside layers that need none."""

    name = "esgnn-cora"
    title = "Echo-state graph network on random resistors: CORA"
    summary = "Citations: node embeddings of a fixed random network, one trained graph convolution, and plainer ones."
    paper = PAPER
    claims = CORA_CLAIMS
    controls = CORA_CONTROLS
    tiers = {  # noqa: RUF012
        "smoke": Tier(summary="All papers (embedded), small reservoirs.", budget=60, settings=CoraSettings(
            subset="embedded", hidden=150, reservoirs=2, dies=1, control_draws=1, curve_draws=1, epochs=60,
            iterations=(0, 1, 2, 3), sizes=(75, 150), levels=(0.1, 1e-3))),
        "standard": Tier(summary="10 reservoirs, 5 dies.", budget=1200, settings=CoraSettings()),
        "full": Tier(summary="100 reservoirs, as published, 10 dies; controls on 3.", budget=1500,
                     settings=CoraSettings(reservoirs=100, dies=10, control_draws=3)),
    }  # fmt: skip

    def run(self, context: Context[CoraSettings]) -> None:
        """Plain layers, reservoirs in software and on the chip, controls, curves, energy."""
        torch.set_num_threads(1)
        graph = load("cora", subset=context.settings.subset)
        context.findings.data("cora", graph.origin, "splits: complete (1,708 + 500 + 500) and public")
        study = Study(context, citations_of(graph, context.settings.epochs))
        answers = study.plain()
        study.reservoirs()
        study.controls()
        shown = {name: answers[name] for name in SHOWN}
        study.curves(shown)
        study.noise(shown)
        study.energy()
        statements(context)
        context.findings.assumption(NOISE_OF_CURVES, "ours")


class Study:
    """One run's citations and what is done with them."""

    def __init__(self, context: Context[CoraSettings], data: Citations) -> None:
        self.context, self.settings, self.data = context, context.settings, data
        self.steps = Steps(context, "cora")

    def streams(self, what: str, draw: int) -> Streams:
        return self.context.streams.child("esgnn", "cora", what, str(draw))

    def read(
        self, embedding: Tensor, streams: Streams, split: str = "complete", data: Citations | None = None
    ) -> float:
        """Accuracy of an embedding (1, nodes, hidden) after relu."""
        return (data or self.data).accuracy(embedding[0].relu(), split, streams.generator("read-out"))

    def plain(self) -> dict[str, float]:
        """Layers without any reservoir, on both splits; those of the complete split are returned."""
        data, found = self.data, {}
        generator = self.streams("plain", 0).generator("projection")
        projected = (data.words @ torch.randn(data.words.shape[1], PROJECTION, generator=generator)).relu()
        smoothed = data.graphs.aggregate(data.words.unsqueeze(0), "sym-loops")[0]
        embeddings = {names.WORDS: data.words, names.LINEAR: data.words, names.SMOOTHED: smoothed,
                      names.PROJECTED: projected}  # fmt: skip
        for name, embedding in embeddings.items():
            for split in ("complete", "public"):

                def compute(embedding: Tensor = embedding, name: str = name, split: str = split) -> list[float]:
                    start = self.streams("plain", 0).generator("read-out")
                    return [data.accuracy(embedding, split, start, neighbours=name != names.LINEAR)]

                value = self.steps.figure(f"{name}, {split} split", compute)[0]
                if split == "complete":
                    found[name] = value
        self.context.findings.figure(Figure.of(names.MAJORITY, data.largest, "%"))
        return found

    def reservoirs(self) -> None:
        """The published reservoirs, and formed pairs on dies of the chip, on both splits."""
        inputs, hidden = self.data.features.shape[1], self.settings.hidden

        def numbers(draw: int) -> list[float]:
            streams = self.streams("numbers", draw)
            embedding = software(inputs, hidden, streams).embed(self.data.graphs, self.data.features)
            return [self.read(embedding, streams, split) for split in ("complete", "public")]

        def cells(draw: int) -> list[float]:
            embedding = self.chip_embedding(draw, relative(0.008), relative(0.008))
            return [self.read(embedding, self.streams("chip", draw), split) for split in ("complete", "public")]

        for name, one, draws in ((names.NUMBERS, numbers, self.settings.reservoirs),
                                 (names.PAIRS, cells, self.settings.dies)):  # fmt: skip
            found = self.steps.values(name, partial(self.draws, name, one, draws))
            for split, values in zip(("complete", "public"), zip(*found, strict=True), strict=True):
                self.context.findings.figure(Figure.over(f"{name}, {split} split", values, "%", "dies"))

    def chip_embedding(self, draw: int, noise_in: ReadNoise | None, noise_rec: ReadNoise | None,
                       data: Citations | None = None, moved: float = 0.0,
                       sums: Literal["known", "read"] = "known") -> Tensor:  # fmt: skip
        """Node embeddings of one die."""
        seen = data or self.data
        encoder = on_chip(seen.features.shape[1], self.settings.hidden, self.streams("chip", draw), noise_in=noise_in,
                          noise_rec=noise_rec, sums=sums)  # fmt: skip
        if moved:
            misprogrammed(encoder, moved, self.streams("moved", draw))
        return encoder.embed(seen.graphs, seen.features)

    def controls(self) -> None:
        """Experiments that must fail, each on the chip."""
        data, seed = self.data, self.context.seed

        def arm(data: Citations = data, percent: float = 0.0, moved: float = 0.0) -> Callable[[int], float]:
            noise = relative(percent / 100)

            def one(draw: int) -> float:
                embedding = self.chip_embedding(draw, noise, noise, data, moved, "read" if noise else "known")
                return self.read(embedding, self.streams("chip", draw), data=data)

            return one

        def nothing(draw: int) -> float:
            embedding = torch.zeros(1, data.graphs.nodes, 1)  # S(0)
            return self.read(embedding, self.streams("chip", draw))

        arms = {
            names.PAIRS_QUIET: arm(),
            names.SHUFFLED: arm(data.shuffled(self.streams("labels", 0).generator("labels"))),
            names.NO_EDGES: arm(data.without_edges()),
            names.REWIRED: arm(data.rewired(seed)),
            names.NO_ITERATIONS: nothing,
            names.PAIRS_MOVED: arm(moved=1.0),
            "formed pairs, 2 % read noise": arm(percent=2),
            "formed pairs, 10 % read noise": arm(percent=10),
            names.PAIRS_READ_100: arm(percent=100),
        }
        draws = self.settings.control_draws
        for name, one in arms.items():
            self.steps.figure(name, partial(self.draws, name, one, draws))

    def curves(self, answers: Mapping[str, float]) -> None:
        """Accuracy of the published reservoirs against iterations and hidden nodes."""
        inputs, points, draws = self.data.features.shape[1], self.settings.iterations, self.settings.curve_draws

        def along(draw: int) -> list[float]:
            streams = self.streams("numbers", draw)
            encoder = software(inputs, self.settings.hidden, streams, iterations=max(points))
            states = encoder.states(self.data.graphs, self.data.features)
            return [self.read(state, streams) for done, state in enumerate(states) if done in points]

        def sized(hidden: int, draw: int) -> float:
            streams = self.streams("numbers", draw)
            return self.read(software(inputs, hidden, streams).embed(self.data.graphs, self.data.features), streams)

        found = self.steps.values("iterations", partial(self.draws, "iterations", along, draws))
        by_point = [list(values) for values in zip(*found, strict=True)]
        for done, values in zip(points, by_point, strict=True):
            self.context.findings.figure(Figure.over(f"reservoirs of numbers, {done} iterations", values, "%", "dies"))
        known = {"published": [PUBLISHED_ITERATIONS["cora"].get(done) for done in points]}
        self.plot("iterations", points, {"reservoirs of numbers": by_point}, known, answers, "iterations")
        sizes = self.settings.sizes
        grown = [self.steps.figure(f"reservoirs of numbers, {size} hidden nodes",
                                   partial(self.draws, f"{size} hidden nodes", partial(sized, size), draws))
                 for size in sizes]  # fmt: skip
        known = {"published": [HIDDEN["cora"].get(size) for size in sizes]}
        self.plot("hidden", sizes, {"reservoirs of numbers": grown}, known, answers, "hidden nodes")

    def noise(self, answers: Mapping[str, float]) -> None:
        """Additive noise of every read of either matrix of numbers, as the publication simulates it."""
        levels, found = self.settings.levels, {}
        inputs, hidden = self.data.features.shape[1], self.settings.hidden

        def one(noise_in: float, noise_rec: float, draw: int) -> float:
            streams = self.streams("numbers", draw)
            encoder = software(inputs, hidden, streams, noise_in=noise_in, noise_rec=noise_rec)
            reads = streams.generator("reads")
            return self.read(encoder.embed(self.data.graphs, self.data.features, generator=reads), streams)

        for place in ("input", "recurrent"):
            found[f"ours, noise on {place}"] = []
            for level in levels:
                on = (level, 0.0) if place == "input" else (0.0, level)
                name = names.noisy(place, level)
                compute = partial(self.draws, name, partial(one, *on), self.settings.curve_draws)
                found[f"ours, noise on {place}"].append(self.steps.figure(name, compute))
        rows = {"published, upper row": NOISE_ON_INPUT["cora"], "published, lower row": NOISE_ON_RECURRENT["cora"]}
        known = {name: [dict(zip(LEVELS, row, strict=True)).get(level) for level in levels]
                 for name, row in rows.items()}  # fmt: skip
        positions = [log10(level) for level in levels]
        self.plot("noise", positions, found, known, answers, "log10 of the noise of a read, in weights")

    def energy(self) -> None:
        """The published ratios, our counts, and one pass over the whole graph on the chip."""
        data = self.data
        inputs, hidden = data.features.shape[1], self.settings.hidden
        publish_ratios(self.context, "cora")
        encoder = on_chip(inputs, hidden, self.streams("chip", 0))
        assert isinstance(encoder.input_matrix, StoredMatrix)
        cost = priced(encoder, data.graphs, data.features, chip(), 1)
        self.context.findings.cost(cost)
        ours = count(
            data.graphs, inputs=inputs, hidden=hidden, iterations=ITERATIONS, outputs=data.classes, per_node=True
        )
        assert cost.energy_joule is not None
        own_ratios(self.context, "cora", ours, cost.energy_joule, "one pass over the whole graph")

    def draws(self, what: str, one: Callable[[int], Any], count: int) -> list[Any]:
        """What one draw after the other gives."""
        return [one(draw) for draw in self.context.progress.track(range(count), what, total=count)]

    def plot(
        self, name: str, positions: Sequence[float], ours: Mapping[str, list[list[float]]],
        published: Mapping[str, Sequence[float | None]], answers: Mapping[str, float], axis: str,
    ) -> None:  # fmt: skip
        """A curve with what needs no reservoir beside it."""
        caption = (
            f"Complete split; mean, least, most of {self.settings.curve_draws} draws; flat lines need no reservoir."
        )
        short = {label.split(",")[0]: value for label, value in answers.items()}
        plot_curve(self.context.findings, f"cora-{name}", positions, ours, published, short, axis, caption)
