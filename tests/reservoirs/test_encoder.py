"""The encoder: a loop over nodes and graphs, a leaky reservoir on a path, cells against plain numbers, read noise."""

import pytest
import torch
from torch import Tensor

from ohmloom.chips import Chip, StoredMatrix, form
from ohmloom.crossbars import Affine, NoConverter
from ohmloom.devices import Device, Quiet, RelativeNoise
from ohmloom.errors import ConfigurationError, ShapeError
from ohmloom.random import Streams
from ohmloom.reservoirs import EchoStateGraphEncoder, GraphBatch, PlainMatrix, pooled
from tests.reservoirs.graphs_for_tests import dense, random_batch

HIDDEN, FEATURES = 12, 3


def matrix(name: str, columns: int, *, dies: int = 2, noise: float = 0.0, sums: str = "known") -> StoredMatrix:
    """Formed cells, 4-bit inputs, an ideal converter, float64."""
    chip = Chip.load("random-resistor-40nm")
    read_noise = RelativeNoise(deviation=noise, read_time=1e-6) if noise else Quiet()
    readout = chip.layer_mapping.readout.replace(converter=NoConverter())
    mapping = chip.layer_mapping.replace(readout=readout, drive=Affine(bits=4, sums=sums))
    device = chip.device.replace(read_noise=read_noise)
    return form((HIDDEN, columns), mapping, device, Streams(3).child(name), dies=dies, dtype=torch.float64, name=name)


def encoder(**options) -> EchoStateGraphEncoder:
    given = {key: options.pop(key) for key in ("dies", "noise", "sums") if key in options}
    return EchoStateGraphEncoder(matrix("in", FEATURES + 1, **given), matrix("rec", HIDDEN, **given),
                                 scale_in=0.0016, scale_rec=0.01, **options)  # fmt: skip


def features(graphs: GraphBatch, seed: int = 0) -> Tensor:
    return torch.rand(graphs.nodes, FEATURES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def coded(vector: Tensor) -> Tensor:
    """A vector as 4-bit codes between its own least and largest entry stand for it; a constant has code 0."""
    low, high = float(vector.min()), float(vector.max())
    step = (high - low) / 15
    return torch.tensor([low + step * round((v - low) / step) if step else low for v in vector.tolist()]).double()


def written_out(made: EchoStateGraphEncoder, graphs: GraphBatch, x: Tensor, die: int) -> Tensor:
    """The recurrence of the paper, one node at a time."""
    w_in = made.input_matrix.effective()[die] * made.scale_in
    w_rec = made.recurrent.effective()[die] * made.scale_rec
    adjacency = dense(graphs)
    states = [torch.zeros(HIDDEN, dtype=torch.float64) for _ in range(graphs.nodes)]
    for _ in range(made.iterations):
        sent = [w_rec @ coded(state) for state in states]
        new = []
        for node in range(graphs.nodes):
            drive = w_in @ coded(torch.cat([x[node], torch.ones(1, dtype=torch.float64)]))
            for other in range(graphs.nodes):
                drive = drive + adjacency[node, other] * sent[other]
            kept = states[node] if made.leak_on == "state" else sent[node]
            new.append((1 - made.leak) * kept + made.leak * torch.tanh(drive))
        states = new
    return torch.stack(states)


@pytest.mark.parametrize("leak_on", ["state", "projected"])
def test_embedding_is_the_recurrence_written_out(leak_on: str) -> None:
    graphs = random_batch((4, 1, 6))
    made, x = encoder(leak_on=leak_on), features(graphs)
    found = made.embed(graphs, x)
    assert found.shape == (2, graphs.nodes, HIDDEN)
    for die in range(2):
        assert torch.allclose(found[die], written_out(made, graphs, x, die), atol=1e-12)
    assert not torch.allclose(found[0], found[1])


def test_cells_compute_what_plain_numbers_do() -> None:
    graphs = random_batch((5, 7))
    made, x = encoder(), features(graphs)
    twins = (PlainMatrix(held.effective(), drive=Affine(bits=4)) for held in (made.input_matrix, made.recurrent))
    plain = EchoStateGraphEncoder(*twins, scale_in=0.0016, scale_rec=0.01)
    assert torch.allclose(made.encode(graphs, x), plain.encode(graphs, x), atol=1e-12)


def test_a_path_is_a_leaky_reservoir_in_space() -> None:
    """On a directed path 0 → 1 → 2 …, node t after t + 1 steps without memory is a reservoir fed with the sequence:
    h_t = tanh(W_in u_t + W h_{t-1})."""
    length = 6
    path = GraphBatch(torch.stack([torch.arange(length - 1), torch.arange(1, length)]), torch.zeros(length).long())
    generator = torch.Generator().manual_seed(0)
    w_in = torch.randn(5, FEATURES + 1, generator=generator, dtype=torch.float64)
    w_rec = torch.randn(5, 5, generator=generator, dtype=torch.float64) / 3
    x = torch.randn(length, FEATURES, generator=generator, dtype=torch.float64)
    made = EchoStateGraphEncoder(PlainMatrix(w_in), PlainMatrix(w_rec), iterations=length, leak=1.0)
    state, sequence = torch.zeros(5, dtype=torch.float64), []
    for u in x:
        state = torch.tanh(w_in @ torch.cat([u, u.new_ones(1)]) + w_rec @ state)
        sequence.append(state)
    assert torch.allclose(made.embed(path, x)[0], torch.stack(sequence), atol=1e-12)


def test_numbering_of_nodes_and_other_graphs_do_not_matter() -> None:
    graphs = random_batch((5, 4), seed=1)
    x = features(graphs)
    made = encoder()
    alone = GraphBatch(graphs.edges[:, graphs.edges[0] < 5], torch.zeros(5).long())
    assert torch.allclose(made.encode(graphs, x)[:, :1], made.encode(alone, x[:5]))
    order = torch.tensor([3, 1, 4, 0, 2])
    place = order.argsort()
    renumbered = GraphBatch(place[alone.edges], torch.zeros(5).long())
    assert torch.allclose(made.encode(renumbered, x[:5][order]), made.encode(alone, x[:5]))


def test_no_iterations_leave_nothing_and_no_edges_leave_the_node_alone() -> None:
    graphs = random_batch((3, 2))
    x = features(graphs)
    assert not encoder(iterations=0).encode(graphs, x).any()
    without = GraphBatch(graphs.edges[:, :0], graphs.graph_of)
    made = encoder()
    driven = torch.tanh(made.project(x))
    assert torch.allclose(made.embed(without, x), (1 - 0.8**4) * driven)


def test_states_are_given_one_by_one() -> None:
    graphs = random_batch((4,))
    made, x = encoder(), features(graphs)
    seen = list(made.states(graphs, x))
    assert len(seen) == 5
    assert not seen[0].any()
    assert torch.equal(seen[-1], made.embed(graphs, x))
    shorter = encoder(iterations=2)
    assert torch.allclose(seen[2], shorter.embed(graphs, x))


def test_read_noise_is_fresh_for_every_column_and_bit() -> None:
    """Against reads drawn cell by cell, bit by bit: mean and variance of one product, 5 standard errors."""
    held = matrix("in", FEATURES + 1, dies=1, noise=0.3)
    x = features(random_batch((2,)))
    x = torch.cat([x, torch.ones(2, 1, dtype=torch.float64)], 1)
    draws = 4000
    fast = held.product(x.repeat(draws, 1))[0].view(draws, 2, HIDDEN)
    cells, generator = held.effective()[0], torch.Generator().manual_seed(5)
    slow = torch.stack([torch.stack([_by_cells(cells, vector, generator) for vector in x]) for _ in range(draws)])
    error = (fast.var(0) + slow.var(0)).div(draws).sqrt()
    assert bool(((fast.mean(0) - slow.mean(0)).abs() < 5 * error).all())
    spread = slow.var(0) * (4 / draws) ** 0.5
    assert bool(((fast.var(0) - slow.var(0)).abs() < 5 * spread).all())
    assert float(fast.var(0).min()) > 0
    both = torch.corrcoef(torch.cat([fast[:, 0], fast[:, 1]], 1).T) - torch.eye(2 * HIDDEN)
    assert float(both.abs().max()) < 5 / draws**0.5  # columns and vectors are independent


def _by_cells(cells: Tensor, vector: Tensor, generator: torch.Generator) -> Tensor:
    """One noisy product of 4 bits: for each bit every cell is read with its own noise."""
    low, high = float(vector.min()), float(vector.max())
    code = ((vector - low) / (high - low) * 15).round().long()
    total = torch.zeros(len(cells), dtype=torch.float64)
    for bit in range(4):
        noise = torch.randn(cells.shape, generator=generator, dtype=torch.float64)
        total += 2**bit * ((cells * (1 + 0.3 * noise)) @ ((code >> bit) & 1).double())
    return total * (high - low) / 15 + low * cells.sum(1)


def test_what_does_not_fit_is_refused() -> None:
    graphs, made = random_batch((3,)), encoder()
    with pytest.raises(ShapeError, match="the constant 1 is added here"):
        made.embed(graphs, torch.ones(3, FEATURES + 1))
    with pytest.raises(ShapeError, match="each of the 3 nodes"):
        made.embed(graphs, torch.ones(2, FEATURES))
    with pytest.raises(ShapeError, match="recurrent: must be"):
        EchoStateGraphEncoder(matrix("in", 4), matrix("in", 4))
    with pytest.raises(ConfigurationError, match="leak"):
        encoder(leak=0.0)
    with pytest.raises(ConfigurationError, match="iterations"):
        encoder(iterations=-1)
    with pytest.raises(ShapeError, match="weights"):
        PlainMatrix(torch.ones(3))


def test_the_measured_arrays_are_not_contractive_but_stay_small() -> None:
    """The spectral radius of W_R is 3.03 (published cells, MUTAG's scale), yet the leak keeps four steps small."""
    chip, device = Chip.load("random-resistor-40nm"), Device.load("taox-40nm-measured")
    held = form((50, 50), chip.layer_mapping, device, Streams(0), dtype=torch.float64).effective()[0] * 0.01
    assert float(torch.linalg.eigvals(held).abs().max()) == pytest.approx(3.03, abs=0.01)


def test_pooling_of_the_encoder_is_rectified() -> None:
    graphs = random_batch((4, 3))
    x = features(graphs)
    for how in ("sum", "mean", "max"):
        made = encoder(pooling=how)
        assert torch.equal(made.encode(graphs, x), pooled(made.embed(graphs, x), graphs, how).relu())
