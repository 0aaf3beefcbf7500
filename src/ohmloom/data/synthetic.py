"""Procedural stand-ins for data sets that may not be redistributed: same form, another content.

They exercise the code of a network from end to end. No figure made from them says anything about the data set that
they stand for, and their origin says so.
"""

from __future__ import annotations

from itertools import pairwise
from math import cos, hypot, pi, sin
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ohmloom.data.formats import Origin
from ohmloom.data.graphs import Graphs, Numbers
from ohmloom.data.images import Bytes
from ohmloom.data.segmented import Mask, Segmented, SegmentedImages
from ohmloom.errors import ConfigurationError, message

STAND_IN: Origin = "synthetic stand-in"
LICENCE = "that of ohmloom"

CLIQUES = ((1, 2), (3, 5), (6, 10))  # how many, at least and at most, by class
NODES = (30, 90)  # of a graph, whatever its class

SKY = (190.0, 95.0, 45.0)  # red, green, blue of the retina
DARKER = (30.0, 45.0, 15.0)  # how much darker a vessel is
STEP = 1.0  # pixel
TURN = 0.12  # radians, deviation of the change of direction per step
BRANCHING = 0.03  # probability per step
THINNING = 0.75  # width of a branch to that of its stem
NOISE = 6.0  # grey levels

# Numbers above are chosen by eye: assumed.


def ego_networks(graphs: int = 300, *, seed: int = 0) -> Graphs:
    """Networks of collaborators in the manner of COLLAB: one node knows all others, who form overlapping cliques.

    The three classes, in turn, differ in the number of cliques alone; the number of nodes is drawn alike for all, so
    that counting nodes tells nothing. The same seed gives the same graphs, and more graphs begin with the same ones.
    Raises ConfigurationError for fewer than one graph of each class.
    """
    if graphs < len(CLIQUES):
        rule = f"must be at least {len(CLIQUES)}, one of each class"
        raise ConfigurationError(message("graphs", rule, graphs, "Ask for more."))
    labels = np.arange(graphs) % len(CLIQUES)
    made = [_ego_network(_draw("ego networks", seed, number), CLIQUES[label]) for number, label in enumerate(labels)]
    sizes = np.array([len(adjacency) for adjacency in made])
    first = np.cumsum(sizes) - sizes
    edges = [np.argwhere(adjacency).T + start for adjacency, start in zip(made, first, strict=True)]
    graph_of = np.repeat(np.arange(graphs), sizes)
    names = tuple(f"{low} to {high} cliques" for low, high in CLIQUES)
    source = f"ohmloom.data.synthetic.ego_networks, seed {seed}"
    return Graphs("ego networks", np.concatenate(edges, 1), graph_of, labels, names, STAND_IN, source, LICENCE)


def vessel_images(
    training: int = 8, test: int = 4, *, rows: int = 146, columns: int = 142, seed: int = 0
) -> SegmentedImages:
    """Dark branching trees on a bright disc, in the manner of DRIVE at a quarter of its size, with their true masks.

    The same seed gives the same images. Raises ConfigurationError for a part without an image or a side below 32.
    """
    if min(training, test) < 1 or min(rows, columns) < 32:
        rule = "must be at least 1 image in each part and 32 pixels a side"
        given = f"{training} and {test} of {rows} x {columns}"
        raise ConfigurationError(message("vessel_images", rule, given, "Ask for more."))
    pictures = [_retina(_draw("vessels", seed, number), rows, columns) for number in range(training + test)]
    images, vessels, fields = (np.stack(arrays) for arrays in zip(*pictures, strict=True))
    first, second = (Segmented(images[k], vessels[k], fields[k]) for k in (np.s_[:training], np.s_[training:]))
    source = f"ohmloom.data.synthetic.vessel_images, seed {seed}"
    return SegmentedImages("vessels", first, second, STAND_IN, source, LICENCE)


def _draw(what: str, seed: int, number: int) -> np.random.Generator:
    """The random numbers of one item, whatever items are made with it."""
    from ohmloom.random import Streams  # here: it brings in torch

    return np.random.default_rng(Streams(seed).child("data", what).key("item", number))


def _ego_network(draw: np.random.Generator, cliques: tuple[int, int]) -> NDArray[np.bool_]:
    """The adjacency of one network: node 0 knows all; every clique reaches a little into the next one."""
    nodes = int(draw.integers(NODES[0], NODES[1] + 1))
    count = int(draw.integers(cliques[0], cliques[1] + 1))
    borders = np.linspace(1, nodes, count + 1).round().astype(int)
    adjacency = np.zeros((nodes, nodes), bool)
    adjacency[0] = adjacency[:, 0] = True
    for start, end in pairwise(borders):
        reach = min(nodes, end + int(draw.integers(0, 3)))
        adjacency[start:reach, start:reach] = True
    np.fill_diagonal(adjacency, False)
    order: Numbers = np.concatenate([[0], draw.permutation(np.arange(1, nodes))])
    return adjacency[np.ix_(order, order)]


class _Stem(NamedTuple):
    """Where a vessel begins: place and width in pixels, direction in radians."""

    row: float
    column: float
    direction: float
    width: float


def _retina(draw: np.random.Generator, rows: int, columns: int) -> tuple[Bytes, Mask, Mask]:
    """One photograph (rows, columns, 3), its vessels and its field of view."""
    down, across = np.mgrid[:rows, :columns]
    radius = 0.48 * min(rows, columns)
    distance = np.hypot(down - rows / 2, across - columns / 2) / radius
    field = distance < 1
    vessels = _vessels(draw, rows, columns, radius) & field
    brightness = 1 - 0.35 * np.clip(distance, 0, 1) ** 2 + 0.15 * draw.normal() * (across / columns - 0.5)
    clean = brightness[..., None] * np.array(SKY) - vessels[..., None] * np.array(DARKER)
    noisy = clean + draw.normal(0, NOISE, (rows, columns, 1)) + draw.normal(0, NOISE / 2, (rows, columns, 3))
    image = np.where(field[..., None], noisy, draw.integers(0, 6, (rows, columns, 1)))
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), vessels, field


def _vessels(draw: np.random.Generator, rows: int, columns: int, radius: float) -> Mask:
    """Trees that grow from one point near the edge, as vessels do from the optic disc, until they leave the disc."""
    down, across = np.mgrid[:rows, :columns]
    start = rows / 2 + 0.1 * radius * draw.normal(), columns / 2 + 0.6 * radius
    width = max(2.0, min(rows, columns) / 40)
    trunks = draw.uniform(0, 2 * pi) + np.arange(6) * (2 * pi / 6) + draw.normal(0, 0.2, 6)
    waiting = [_Stem(*start, float(angle), width) for angle in trunks]
    marked = np.zeros((rows, columns), bool)
    while waiting:
        row, column, direction, width = waiting.pop()
        while width >= 1 and hypot(row - rows / 2, column - columns / 2) < radius:
            reach = int(width) + 1
            top, left = max(0, int(row) - reach), max(0, int(column) - reach)
            near = np.s_[top : int(row) + reach + 2, left : int(column) + reach + 2]
            marked[near] |= np.hypot(down[near] - row, across[near] - column) <= width / 2
            direction += TURN * draw.normal()
            row, column = row + STEP * sin(direction), column + STEP * cos(direction)
            if draw.random() < BRANCHING:
                side = draw.choice([-1, 1]) * draw.uniform(0.4, 1.0)
                waiting.append(_Stem(row, column, direction + side, width * THINNING))
                width *= 0.5 + THINNING / 2
    return marked
