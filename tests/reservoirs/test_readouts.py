"""Read-outs: ridge against scikit-learn and the normal equations, graph convolution against a dense layer."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from torch.nn.functional import cross_entropy, one_hot

from ohmloom.errors import NotFiniteError, ShapeError
from ohmloom.reservoirs import GraphBatch, GraphConvolution, RidgeReadout, convolved
from tests.reservoirs.graphs_for_tests import dense, random_batch


@settings(max_examples=25, deadline=None)
@given(classes=st.integers(2, 5), samples=st.integers(8, 40), hidden=st.integers(1, 6), seed=st.integers(0, 999))
def test_ridge_is_that_of_scikit_learn(classes: int, samples: int, hidden: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randn(samples, hidden, generator=generator, dtype=torch.float64)
    labels = torch.arange(samples) % classes
    readout = RidgeReadout.fit(embeddings, labels, classes=classes, penalty=0.5)
    targets = 2.0 * labels - 1 if classes == 2 else one_hot(labels, classes)
    with_one = torch.cat([embeddings, torch.ones(samples, 1)], 1)  # the constant is penalised like the rest
    oracle = Ridge(alpha=0.5, fit_intercept=False).fit(with_one.numpy(), targets.numpy())
    assert torch.allclose(readout.scores(embeddings).squeeze(-1).flatten(),
                          torch.from_numpy(oracle.predict(with_one.numpy())).flatten())  # fmt: skip


def test_ridge_solves_its_normal_equations() -> None:
    """The gradient of |Y - W E|^2 + penalty |W|^2 vanishes."""
    embeddings = torch.randn(30, 5, dtype=torch.float64, requires_grad=False)
    labels = torch.randint(3, (30,))
    weights = RidgeReadout.fit(embeddings, labels, classes=3).weights.clone().requires_grad_()
    extended = torch.cat([embeddings, torch.ones(30, 1)], 1)
    loss = (extended @ weights.T - one_hot(labels, 3)).square().sum() + 1e-3 * weights.square().sum()
    loss.backward()
    assert float(weights.grad.abs().max()) < 1e-9


def test_ridge_separates_what_is_separable_and_learns_nothing_from_shuffled_labels() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(400) % 2
    embeddings = torch.randn(400, 5, generator=generator) + 4 * labels[:, None]
    readout = RidgeReadout.fit(embeddings[:200], labels[:200], classes=2)
    assert float((readout.predict(embeddings[200:]) == labels[200:]).double().mean()) > 0.99
    wrong = RidgeReadout.fit(embeddings[:200], labels[:200][torch.randperm(200, generator=generator)], classes=2)
    assert float((wrong.predict(embeddings[200:]) == labels[200:]).double().mean()) < 0.75


def test_ridge_refuses_what_it_cannot_fit() -> None:
    with pytest.raises(ShapeError, match="one label each"):
        RidgeReadout.fit(torch.ones(3, 2), torch.tensor([0, 1]), classes=2)
    with pytest.raises(NotFiniteError, match="reservoir's scale"):
        RidgeReadout.fit(torch.tensor([[1.0], [float("inf")]]), torch.tensor([0, 1]), classes=2)


def test_graph_convolution_is_the_dense_layer() -> None:
    """Smoothing first and multiplying then is the published order of a fixed embedding, to rounding."""
    graphs = random_batch((9,), seed=3)
    x = torch.randn(1, 9, 4, dtype=torch.float64)
    labels = torch.arange(9) % 3
    smoothed = convolved(x, graphs)[0]
    layer = GraphConvolution.fit(smoothed, labels, torch.arange(6), torch.arange(6, 9), classes=3,
                                 generator=torch.Generator().manual_seed(0), epochs=5)  # fmt: skip
    loops = dense(graphs) + torch.eye(9, dtype=torch.float64)
    root = loops.sum(1).rsqrt()
    logits = (root[:, None] * loops * root) @ (x[0] @ layer.weight) + layer.bias
    assert torch.equal(layer.predict(smoothed), logits.argmax(1))


def _clusters(seed: int = 0) -> tuple[GraphBatch, torch.Tensor, torch.Tensor]:
    """Two groups joined inside, with weak features."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(120) % 2
    joined = (torch.rand(120, 120, generator=generator) < 0.15) & (labels[:, None] == labels)
    upper = joined.triu(1)
    graphs = GraphBatch((upper | upper.T).nonzero().T.contiguous(), torch.zeros(120).long())
    return graphs, torch.randn(1, 120, 8, generator=generator) + 0.7 * labels[None, :, None], labels


def test_graph_convolution_learns_from_neighbours_and_keeps_the_best_epoch() -> None:
    graphs, x, labels = _clusters()
    smoothed = convolved(x, graphs)[0]
    order = torch.randperm(120, generator=torch.Generator().manual_seed(1))
    training, validation, test = order[:40], order[40:60], order[60:]
    seen: list[int] = []
    layer = GraphConvolution.fit(smoothed, labels, training, validation, classes=2,
                                 generator=torch.Generator().manual_seed(0), tell=seen.append)  # fmt: skip
    assert seen == list(range(1, 201))
    assert float((layer.predict(smoothed)[test] == labels[test]).double().mean()) > 0.95
    held = cross_entropy(smoothed[validation] @ layer.weight + layer.bias, labels[validation])
    assert float(held) == pytest.approx(layer.validation_loss, rel=1e-5)
    shorter = GraphConvolution.fit(smoothed, labels, training, validation, classes=2, epochs=layer.epoch,
                                   generator=torch.Generator().manual_seed(0))  # fmt: skip
    assert torch.equal(shorter.weight, layer.weight)


def test_graph_convolution_refuses_shapes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="one label each"):
        GraphConvolution.fit(torch.ones(3, 2), torch.zeros(4).long(), torch.arange(2), torch.arange(2), classes=2,
                             generator=torch.Generator())  # fmt: skip


def test_message_passing_agrees_with_pytorch_geometric() -> None:
    layers = pytest.importorskip("torch_geometric.nn")
    graphs = random_batch((6, 5), seed=2)
    x = torch.randn(1, 11, 4)
    oracle = layers.GCNConv(4, 3)
    smoothed = convolved(x, graphs)[0]
    ours = smoothed @ oracle.lin.weight.T + oracle.bias
    assert torch.allclose(ours, oracle(x[0], graphs.edges), atol=1e-5)
    summed = layers.SimpleConv(aggr="sum")(x[0], graphs.edges)
    assert torch.allclose(graphs.aggregate(x)[0], summed, atol=1e-5)
