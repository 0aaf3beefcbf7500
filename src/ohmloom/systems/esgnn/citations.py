"""Node classification on one graph of citations: embeddings in, accuracies of a graph-convolution read-out out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

import ohmloom as ol
from ohmloom.crossbars import Affine, Analogue, Layout
from ohmloom.data import CitationGraph
from ohmloom.devices import Device, ReadNoise
from ohmloom.random import Streams
from ohmloom.reservoirs import EchoStateGraphEncoder, GraphBatch, GraphConvolution, PlainMatrix, convolved
from ohmloom.systems.esgnn.reservoir import CHIP, MEASURED
from ohmloom.systems.esgnn.tasks import rewired

KEPT = 0.4  # published: share of W_R that is kept
LEAK, ITERATIONS = 0.2, 2

Parts = tuple[Tensor, Tensor, Tensor]  # training, validation, test nodes


@dataclass(frozen=True, eq=False)
class Citations:
    """The graph, its bags of words (binary, and row-normalised as the network takes them), classes and splits."""

    graphs: GraphBatch
    words: Tensor  # (nodes, words), 0 and 1
    features: Tensor  # (nodes, words), rows sum to 1
    labels: Tensor
    classes: int
    parts: dict[str, Parts]
    epochs: int

    def accuracy(self, embedding: Tensor, split: str, generator: torch.Generator, *, neighbours: bool = True) -> float:
        """Test accuracy, %, of a read-out on (nodes, hidden); without ``neighbours`` it is a linear layer."""
        training, validation, test = self.parts[split]
        seen = convolved(embedding.unsqueeze(0), self.graphs)[0] if neighbours else embedding
        layer = GraphConvolution.fit(seen, self.labels, training, validation, classes=self.classes,
                                     generator=generator, epochs=self.epochs)  # fmt: skip
        return 100 * float((layer.predict(seen[test]) == self.labels[test]).double().mean())

    @property
    def largest(self) -> float:
        """Share of the largest class among the test nodes of the complete split, %."""
        test = self.labels[self.parts["complete"][2]]
        return 100 * float(torch.bincount(test).max()) / len(test)

    def shuffled(self, generator: torch.Generator) -> Citations:
        """Classes that say nothing about the nodes."""
        return replace(self, labels=self.labels[torch.randperm(len(self.labels), generator=generator)])

    def without_edges(self) -> Citations:
        """The same papers, without citations."""
        return replace(self, graphs=GraphBatch(self.graphs.edges[:, :0], self.graphs.graph_of))

    def rewired(self, seed: int) -> Citations:
        """As many citations of each paper, of others."""
        return replace(self, graphs=rewired(self.graphs, seed))


def citations_of(graph: CitationGraph, epochs: int) -> Citations:
    """The data set as tensors."""
    words = torch.from_numpy((graph.features.toarray() > 0).astype("float32"))
    parts = {"complete": graph.complete_split(), "public": graph.public}
    return Citations(
        GraphBatch(torch.tensor(graph.edges), torch.zeros(len(graph), dtype=torch.int64)), words,
        words / words.sum(1, keepdim=True).clamp_min(1), torch.tensor(graph.labels), len(graph.class_names),
        {name: (torch.tensor(a), torch.tensor(b), torch.tensor(c)) for name, (a, b, c) in parts.items()}, epochs,
    )  # fmt: skip


def software(
    inputs: int, hidden: int, streams: Streams, *, iterations: int = ITERATIONS, noise_in: float = 0.0,
    noise_rec: float = 0.0,
) -> EchoStateGraphEncoder:  # fmt: skip
    """The published reservoir: Gaussian numbers, uniform biases of ±1/sqrt(inputs), W_R thinned out.

    The noises are those of each weight in each read.
    """
    generator = streams.generator("weights")

    def bias(columns: int) -> Tensor:
        return (2 * torch.rand(1, 1, hidden, generator=generator) - 1) / columns**0.5

    recurrent = torch.randn(hidden, hidden, generator=generator)
    kept = torch.rand(hidden, hidden, generator=generator) < KEPT
    return EchoStateGraphEncoder(
        PlainMatrix(torch.randn(hidden, inputs, generator=generator), bias(inputs), noise=noise_in),
        PlainMatrix(recurrent * kept, bias(hidden), noise=noise_rec),
        iterations=iterations, leak=LEAK, leak_on="projected", constant=False,
    )  # fmt: skip


def chip() -> ol.Chip:
    """The chip with weights as differences of two formed cells, and the measured cells."""
    base = ol.Chip.load(CHIP)
    encoding = Analogue(layout=Layout.PAIR_COLUMNS, pair_sum="digital")
    return base.replace(mapping=base.mapping.replace(encoding=encoding), device=Device.load(MEASURED))


def on_chip(
    inputs: int,
    hidden: int,
    streams: Streams,
    *,
    noise_in: ReadNoise | None = None,
    noise_rec: ReadNoise | None = None,
    sums: Literal["known", "read"] = "known",
) -> EchoStateGraphEncoder:
    """The same on formed pairs, 4-bit inputs, without biases: scaled digitally to the deviations of the numbers."""
    held, quiet = chip(), {"kind": "none"}
    mapping = held.layer_mapping.replace(drive=Affine(bits=4, sums=sums))
    matrices = [
        ol.form(
            (hidden, columns), mapping, held.device.replace(read_noise=noise or quiet), streams.child(name), name=name
        )
        for name, columns, noise in (("input", inputs, noise_in), ("recurrent", hidden, noise_rec))
    ]
    unit = pair_deviation()
    return EchoStateGraphEncoder(
        matrices[0], matrices[1], iterations=ITERATIONS, leak=LEAK, scale_in=1 / unit, scale_rec=KEPT**0.5 / unit,
        leak_on="projected", constant=False,
    )  # fmt: skip


def pair_deviation() -> float:
    """Standard deviation of the difference of two measured cells, µS."""
    forming = Device.load(MEASURED).forming
    return float(2**0.5 * forming.pool().std()) * 1e6  # type: ignore[union-attr]
