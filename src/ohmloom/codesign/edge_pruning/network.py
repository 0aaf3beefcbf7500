"""A whole network of edges: made from a user's model, switched on its cells, moved to another die."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from torch import Tensor, nn

from ohmloom.chips import Chip, Installation, install
from ohmloom.codesign.edge_pruning.layers import KINDS, Make
from ohmloom.codesign.edge_pruning.weights import EdgeForming, Edges, Signs, TrainedWeights, Weights
from ohmloom.crossbars import Affine, BitSerial
from ohmloom.errors import ConfigurationError, message, unknown
from ohmloom.nn import Perturbation


def prune_edges(
    model: nn.Module,
    chip: Chip,
    *,
    seed: int = 0,
    kept: float = 0.5,
    signs: Signs = "software",
    limit: float = 0.0,
    input_bits: int | None = None,
    voltage: float | None = None,
    reads: int | None = None,
    layers: Sequence[str] | None = None,
) -> nn.Module:
    """A copy of ``model`` whose Linear, Conv2d and RNN layers (or those named) keep a share of random edges.

    The edges are freshly formed cells of one die of ``chip``; what is trained is one score per edge, by any torch
    optimiser over ``.parameters()``. Trained parameters of other layers, and biases, stay as they are. Inputs of these
    layers are codes of ``input_bits`` (absent: the chip's). ``limit`` holds back reprogramming (0: not at all);
    ``signs``, ``voltage`` and ``reads`` as in :class:`EdgeForming`.

    Raises ConfigurationError for a chip without pairs, affine inputs or forming, for a kept share outside (0, 1], and
    for layers that cannot hold edges; UnknownNameError for a layer that there is not.

    >>> network = prune_edges(nn.Linear(8, 4, bias=False), Chip.load("edge-pruning-40nm"), kept=0.5)
    >>> [tuple(p.shape) for p in network.parameters()], int(edges(network)[""].mask.sum())
    ([(4, 8)], 16)
    """
    drive = chip.mapping.drive
    if not isinstance(drive, Affine):
        remedy = "Use the preset edge-pruning-40nm, or set the drive to affine."
        raise ConfigurationError(message("chip.mapping.drive", "must be affine", type(drive).__name__, remedy))
    bits = input_bits or drive.bits
    # one range for a whole tensor: unsigned bits of what is above the smallest entry, which is put back digitally
    mapping = chip.layer_mapping.replace(drive=BitSerial(bits=bits, code="unsigned"))
    forming = EdgeForming(device=chip.device, mapping=mapping, wires=chip.wires, signs=signs, voltage=voltage,
                          reads=reads, seed=seed)  # fmt: skip

    def make(name: str, weight: Tensor) -> Weights:
        return Edges((weight.shape[0], weight[0].numel()), forming, name=name, kept=kept, limit=limit)

    return _made(model, make, bits, layers)


def trained_weights(model: nn.Module, input_bits: int, *, layers: Sequence[str] | None = None) -> nn.Module:
    """A copy of ``model`` with the same codes as :func:`prune_edges` gives it, but trained weights: to compare with."""
    return _made(model, lambda _name, weight: TrainedWeights(weight), input_bits, layers)


def edges(network: nn.Module) -> dict[str, Edges]:
    """All matrices of edges by name."""
    return {part.name: part for part in network.modules() if isinstance(part, Edges)}


def weights(network: nn.Module) -> list[Weights]:
    """All matrices, of edges or trained."""
    return [part for part in network.modules() if isinstance(part, Weights)]


def switch_edges(network: nn.Module) -> dict[str, int]:
    """Switch the cells as the edges are chosen, and let the network compute with them; flips by matrix.

    From now on a product is that of the cells: bits, wires, read noise, amplifier and converter; in evaluation only.
    """
    return {name: part.switch() for name, part in edges(network).items()}


def leave_cells(network: nn.Module) -> None:
    """Compute with the weights that training knows, as before :func:`switch_edges`."""
    for part in edges(network).values():
        part.leave()


def move_edges(network: nn.Module, die: int, *, signs: Literal["same", "new"] = "same") -> nn.Module:
    """A copy of ``network`` with the same chosen edges in the cells of another die, as formed.

    With "same" signs the software draws the ones that it drew before; "new" ones are those of another draw, as on a
    die whose own breakdown decides. Scores come along, so that training can go on there. Raises ConfigurationError for
    the same signs where cells choose them.
    """
    moved = copy.deepcopy(network)
    for part in edges(moved).values():
        if signs == "same" and part.forming.signs == "formed":
            rule = "must be new where the cells of a die choose them"
            raise ConfigurationError(message("signs", rule, signs, 'Say "new", or draw signs by software.'))
        part.house(die, part.forming.seed if signs == "same" else part.forming.seed + 1 + die)
    return moved


def installed(network: nn.Module, chip: Chip) -> Installation:
    """The matrices of edges on the cores of ``chip``, to be priced. Raises PlacementError."""
    return install(chip, {name: part.matrix for name, part in edges(network).items()})


def hold_back(network: nn.Module, limit: float) -> None:
    """Set the limit of all edges below which a change of |score| flips nothing."""
    for part in edges(network).values():
        part.hold_back(limit)


def flips_per_edge(network: nn.Module) -> float:
    """Mean number of flips of an edge since its first programming."""
    parts = edges(network).values()
    return sum(int(part.flips.sum()) for part in parts) / sum(part.mask.numel() for part in parts)


@contextmanager
def perturbed(network: nn.Module, perturbation: Perturbation) -> Iterator[None]:
    """Perturb all matrices afresh at each use inside the ``with`` block."""
    before = [(part, part.perturbation) for part in weights(network)]
    try:
        for part, _ in before:
            part.perturbation = perturbation
        yield
    finally:
        for part, kept in before:
            part.perturbation = kept


def _made(model: nn.Module, make: Make, bits: int, layers: Sequence[str] | None) -> nn.Module:
    """A copy with layers replaced; one that stands in several places is replaced in all of them."""
    network = copy.deepcopy(model)
    found = {name: layer for name, layer in network.named_modules(remove_duplicate=False) if type(layer) in KINDS}
    for name in layers or ():
        if name not in found:
            raise unknown("layers", name, found)
    chosen = found if layers is None else {name: found[name] for name in layers}
    if not chosen:
        given = type(model).__name__
        raise ConfigurationError(message("model", "must have Linear, Conv2d or RNN layers", given, "Add one."))
    made: dict[int, nn.Module] = {}
    for name, layer in chosen.items():
        if id(layer) not in made:
            made[id(layer)] = KINDS[type(layer)](layer, name, make, bits)
        if not name:
            return made[id(layer)]
        parent, _, last = name.rpartition(".")
        setattr(network.get_submodule(parent), last, made[id(layer)])
    return network
