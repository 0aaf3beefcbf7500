"""Score-based diffusion: exact scores, reverse processes, training, and the metrics, each against what is known."""

import math
from copy import deepcopy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ohmloom.codesign.diffusion import (
    Gaussians,
    Reverse,
    Ring,
    ScoreNetwork,
    ScoreRecipe,
    ScoreTraining,
    VariancePreserving,
    exact_score,
    histogram_divergence,
    neighbour_divergence,
    radii,
    sample,
    saturation_penalty,
    score_error,
    train_score,
    train_scores,
    trajectory,
)
from ohmloom.codesign.diffusion.network import Passed
from ohmloom.codesign.diffusion.training import matching_loss
from ohmloom.errors import ConfigurationError, NotFiniteError, ShapeError
from ohmloom.nn import BoundedRelativeWeights, GaussianWeights, RelativeWeights

CONSISTENT = VariancePreserving(first=0.1, last=20)
PAIR = Gaussians(centres=((-0.5, 0.2), (0.6, -0.1)), deviation=0.15, shares=(0.3, 0.7))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- the forward process ----------------------------------------------------------------------------------------------


@given(first=st.floats(0, 1), more=st.floats(0.01, 20), t=st.floats(0.01, 1))
def test_variance_is_preserved_and_its_decay_is_the_integral_of_the_rate(first: float, more: float, t: float) -> None:
    schedule, time = VariancePreserving(first=first, last=first + more), torch.tensor(t, dtype=torch.float64)
    torch.testing.assert_close(schedule.mean(time) ** 2 + schedule.deviation(time) ** 2, torch.ones_like(time))
    grid = torch.linspace(0, t, 2001, dtype=torch.float64)
    integral = torch.trapezoid(schedule.rate(grid), grid)
    torch.testing.assert_close(schedule.mean(time), (-integral / 2).exp(), rtol=1e-6, atol=1e-9)


def test_the_released_schedule_stops_before_data_are_forgotten() -> None:
    one = torch.ones((), dtype=torch.float64)
    assert float(VariancePreserving().mean(one)) == pytest.approx(0.882, abs=1e-3)
    assert float(VariancePreserving().deviation(one)) == pytest.approx(0.471, abs=1e-3)
    assert float(CONSISTENT.mean(one)) < 0.01
    double = VariancePreserving().scaled(2)
    torch.testing.assert_close(double.mean(one), VariancePreserving().mean(one) ** 2)


def test_an_unclamped_rate_changes_sign_beyond_the_end() -> None:
    beyond = torch.tensor(-0.2)
    assert float(VariancePreserving().rate(beyond)) == pytest.approx(0.001)
    assert float(VariancePreserving(clamped=False).rate(beyond)) < 0
    with pytest.raises(ConfigurationError, match="last must not be below first"):
        VariancePreserving(first=2, last=1)


# --- exact scores -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distribution", [Ring(), Ring(radius=1.0, spread=0.2), PAIR], ids=["thin", "wide", "pair"])
@pytest.mark.parametrize("deviation", [0.05, 0.3, 0.9])
def test_score_is_the_gradient_of_a_density_that_sums_to_one(distribution: Ring | Gaussians, deviation: float) -> None:
    mean = math.sqrt(1 - deviation**2)
    line = torch.linspace(-4.5, 4.5, 451, dtype=torch.float64)
    grid = torch.cartesian_prod(line, line)
    total = distribution.log_density(grid, mean, deviation).exp().sum() * (line[1] - line[0]) ** 2
    assert float(total) == pytest.approx(1, abs=2e-3)
    points = (0.7 * torch.randn(50, 2, generator=generator())).double().requires_grad_()
    (slope,) = torch.autograd.grad(distribution.log_density(points, mean, deviation).sum(), points)
    torch.testing.assert_close(distribution.score(points.detach(), mean, deviation), slope, rtol=1e-4, atol=1e-4)


def test_ring_density_is_that_of_its_points() -> None:
    ring, t = Ring(), torch.tensor(0.5)
    schedule = VariancePreserving()
    mean, deviation = float(schedule.mean(t)), float(schedule.deviation(t))
    x = mean * ring.sample(200_000, generator()) + deviation * torch.randn(200_000, 2, generator=generator(1))
    edges = torch.linspace(0, 1.6, 33)
    counts = torch.histogram(x.norm(dim=-1), edges).hist / len(x)
    middle = (edges[1:] + edges[:-1]) / 2
    density = ring.log_density(torch.stack([middle, 0 * middle], -1), mean, deviation).exp()
    expected = density * 2 * torch.pi * middle * edges.diff()
    torch.testing.assert_close(counts, expected, rtol=0.02, atol=2e-3)


def test_mixtures_that_are_none_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="equally many states"):
        Gaussians(centres=((0.0,), (0.0, 1.0)), deviation=1)
    with pytest.raises(ConfigurationError, match="sum to 1"):
        Gaussians(centres=((0.0,), (1.0,)), deviation=1, shares=(0.5, 0.6))


# --- reverse processes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stochastic", [0.0, 0.5, 1.0])
def test_reverse_processes_bring_the_data_back(stochastic: float) -> None:
    """All of them do with the exact score, a consistent schedule and a fine grid."""
    reverse, score = Reverse(stochastic=stochastic), exact_score(PAIR, CONSISTENT)
    start = reverse.starts(4000, 2, generator(), CONSISTENT, None)
    points = sample(score, CONSISTENT, reverse, start, steps=400, generator=generator(1))
    left = points[:, 0] < 0
    assert float(left.double().mean()) == pytest.approx(0.3, abs=0.03)
    torch.testing.assert_close(points[left].mean(0), torch.tensor([-0.5, 0.2]), atol=0.03, rtol=0)
    torch.testing.assert_close(points[~left].std(0), torch.tensor([0.15, 0.15]), atol=0.02, rtol=0)


def test_released_start_needs_the_score_to_be_larger_or_the_start_to_be_right() -> None:
    """Where the diffusion stops early, N(0, 1) is no start for the exact flow; the marginal is."""
    schedule, ring = VariancePreserving(), Ring()
    data, score = ring.sample(4000, generator(2)), exact_score(ring, schedule)
    spreads = {}
    for start in ("normal", "marginal"):
        reverse = Reverse(start=start)
        begin = reverse.starts(2000, 2, generator(), schedule, data)
        spreads[start] = radii(sample(score, schedule, reverse, begin, steps=200)).spread
    assert spreads["marginal"] == pytest.approx(0.04, abs=0.006)
    assert spreads["normal"] > 1.5 * spreads["marginal"]


def test_errors_of_the_flow_shrink_with_the_method_s_order() -> None:
    one = Gaussians(centres=((0.3, 0.1),), deviation=0.5)
    schedule, reverse = VariancePreserving(first=0.1, last=4), Reverse()
    score, start = exact_score(one, schedule), reverse.starts(50, 2, generator(), schedule, None).double()
    fine = sample(score, schedule, reverse, start, steps=2000, method="heun")
    for method, order in (("euler", 1), ("heun", 2)):
        errors = [float((sample(score, schedule, reverse, start, steps=n, method=method) - fine).abs().max())  # type: ignore[arg-type]
                  for n in (40, 80)]  # fmt: skip
        assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.3)


@pytest.mark.parametrize("stochastic", [0.0, 1.0])
def test_a_trajectory_ends_where_the_sample_is(stochastic: float) -> None:
    reverse, score = Reverse(stochastic=stochastic), exact_score(PAIR, CONSISTENT)
    start = reverse.starts(5, 2, generator(), CONSISTENT, None)
    path = trajectory(score, CONSISTENT, reverse, start, steps=20, generator=generator(1))
    assert path.shape == (21, 5, 2)
    assert torch.equal(path[0], start)
    assert torch.equal(path[-1], sample(score, CONSISTENT, reverse, start, steps=20, generator=generator(1)))


def test_halving_the_step_leaves_the_noise_s_spread_alone() -> None:
    """Without a score the variance after the run is known: exp(B) + exp(B) - 1."""
    schedule, reverse = VariancePreserving(first=0.5, last=0.5), Reverse(stochastic=1, end=0)
    start = reverse.starts(20_000, 1, generator(), schedule, None)
    for steps in (100, 200):
        points = sample(lambda x, _t: 0 * x, schedule, reverse, start, steps=steps, generator=generator(1))
        assert float(points.var()) == pytest.approx(2 * math.exp(0.5) - 1, rel=0.03)


def test_bad_reverse_processes_are_refused() -> None:
    start = torch.zeros(2, 2)
    with pytest.raises(ConfigurationError, match="must be euler"):
        sample(lambda x, _t: x, CONSISTENT, Reverse(stochastic=1), start, steps=2, method="heun")
    with pytest.raises(ConfigurationError, match="at least 1"):
        sample(lambda x, _t: x, CONSISTENT, Reverse(), start, steps=0)
    with pytest.raises(ConfigurationError, match="must be given"):
        Reverse(start="marginal").starts(2, 2, generator(), CONSISTENT, None)
    with pytest.raises(NotFiniteError, match="samples"):
        sample(lambda x, _t: x / 0, CONSISTENT, Reverse(), start, steps=2)


# --- networks and training --------------------------------------------------------------------------------------------


def test_network_is_its_formula() -> None:
    network, x, t = ScoreNetwork(classes=3), torch.randn(5, 2), torch.rand(5)
    labels = torch.tensor([0, 1, 2, -1, 1])
    (w1, b1), (w2, b2), (w3, b3) = network.matrices
    added = torch.cat([(2 * torch.pi * t[:, None] * network.frequencies).sin(),
                       (2 * torch.pi * t[:, None] * network.frequencies).cos()], 1)  # fmt: skip
    added = added + network.class_signals(labels)
    first = (x @ w1.T + b1 + added).relu()
    second = (first @ w2.T + b2 + added).relu()
    torch.testing.assert_close(network(x, t, labels), 5 * (second @ w3.T + b3))
    assert not network.class_signals(labels)[3].any()  # no class


def test_dies_pass_beside_each_other() -> None:
    network, x = ScoreNetwork(), torch.randn(4, 2)
    drawn = [ScoreNetwork(seed=seed).matrices for seed in range(3)]
    together = [
        (torch.stack(w), torch.stack(b)) for w, b in (zip(*layer, strict=True) for layer in zip(*drawn, strict=True))
    ]
    signals = network.time_signals(torch.tensor(0.3))
    passed = network.passed(x.expand(3, 4, 2), signals, together)
    for die, matrices in enumerate(drawn):
        torch.testing.assert_close(passed.output[die], network.passed(x, signals, matrices).output)


def test_guidance_without_strength_is_the_class_and_the_two_nulls_differ() -> None:
    network, x, t = ScoreNetwork(classes=2), torch.randn(3, 2), torch.tensor(0.5)
    labels = torch.tensor([1, 1, 1])
    torch.testing.assert_close(network.guided(x, t, labels, 0.0), network(x, t, labels))
    right, released = (network.guided(x, t, labels, 1.0, null=null) for null in ("zero", "class-0"))  # type: ignore[arg-type]
    torch.testing.assert_close(right, 2 * network(x, t, labels) - network(x, t))
    torch.testing.assert_close(released, 2 * network(x, t, labels) - network(x, t, torch.zeros_like(labels)))
    assert not torch.allclose(right, released)


def test_classes_and_shapes_that_a_network_lacks_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="one of the network's 3 classes"):
        ScoreNetwork(classes=3).class_signals(torch.tensor([3]))
    with pytest.raises(ConfigurationError, match="one of the network's 0 classes"):
        ScoreNetwork()(torch.zeros(1, 2), torch.tensor(0.1), torch.tensor([0]))
    with pytest.raises(ConfigurationError, match="even width"):
        ScoreNetwork(width=5)
    with pytest.raises(ShapeError, match=r"must be \(\.\.\., 2\)"):
        ScoreNetwork()(torch.zeros(1, 3), torch.tensor(0.1))


def test_matching_loss_is_least_for_the_exact_score() -> None:
    """For one Gaussian: the expected loss of c s* is known to be least at c = 1."""
    one, schedule, t = (
        Gaussians(centres=((0.0, 0.0),), deviation=0.5),
        VariancePreserving(last=5),
        torch.full((20_000,), 0.6),
    )
    z = torch.randn(20_000, 2, generator=generator())
    x = schedule.diffuse(one.sample(20_000, generator(1)), t, z)
    exact = one.score(x, float(schedule.mean(t[0])), float(schedule.deviation(t[0])))
    losses = [float(matching_loss(Passed(c * exact, ()), schedule.deviation(t), z)) for c in (0.8, 1.0, 1.2)]
    assert losses[1] == min(losses)


def test_saturation_is_the_sum_above_the_limit() -> None:
    hidden = (torch.tensor([[0.5, 1.6]]), torch.tensor([[2.0, 1.5]]))
    assert float(saturation_penalty(hidden, 1.5)) == pytest.approx(3.6)


def test_training_learns_a_score_repeats_itself_and_is_kept_within_the_rails() -> None:
    schedule, one = VariancePreserving(last=5), Gaussians(centres=((0.4, -0.2),), deviation=0.3)
    data = one.sample(2000, generator())
    recipe = ScoreRecipe(steps=200, batch=128, rate=2e-2, falling=True, saturation=0)
    errors, largest, states = [], [], []
    for changed in (
        recipe,
        recipe,
        recipe.replace(saturation=1e-3),
        recipe.replace(noise=BoundedRelativeWeights(deviation=0.1, bound=0.2)),
    ):
        network = ScoreNetwork(seed=1)
        shares: list[float] = []
        before = score_error(network, one, schedule, 0.5)
        train_score(network, schedule, data, changed, seed=0, tell=shares.append)
        errors.append(score_error(network, one, schedule, 0.5) / before)
        hidden = network.passed(data, network.time_signals(torch.tensor(0.2))).hidden
        largest.append(float(torch.cat(hidden).detach().max()))
        states.append(network.state_dict())
        assert shares == sorted(shares)
    assert max(errors) < 0.5
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))
    assert largest[2] < largest[0]


NOISES = (None, BoundedRelativeWeights(deviation=0.1, bound=0.2), RelativeWeights(deviation=0.1),
          GaussianWeights(deviation=0.05))  # fmt: skip


@pytest.mark.parametrize("classes", [0, 3])
def test_networks_trained_side_by_side_become_what_they_become_alone(classes: int) -> None:
    """Whatever noise each of them has: own numbers, own gradient norm, own schedule, own divisor."""
    schedules = (VariancePreserving(), CONSISTENT, VariancePreserving(last=5), VariancePreserving())
    recipe = ScoreRecipe(steps=30, batch=64, rate=1e-2, saturation=1e-3, falling=True)
    trainings = []
    for number, (noise, schedule) in enumerate(zip(NOISES, schedules, strict=True)):
        data = PAIR.sample(200 + number, generator(number))
        network = ScoreNetwork(classes=classes, divided=schedule if number % 2 else None, seed=number)
        labels = torch.arange(len(data)) % classes if classes else None
        trainings.append(ScoreTraining(network, schedule, data, recipe.replace(noise=noise), number, labels))
    begun = [deepcopy(training.network) for training in trainings]
    losses = train_scores(trainings)
    assert len({round(loss, 4) for loss in losses}) == len(trainings)
    for network, loss, (trained, schedule, data, own, seed, labels) in zip(begun, losses, trainings, strict=True):
        first = torch.nn.utils.parameters_to_vector(network.parameters()).detach().clone()
        assert train_score(network, schedule, data, own, seed=seed, labels=labels) == pytest.approx(loss, rel=1e-4)
        alone, together = (torch.nn.utils.parameters_to_vector(n.parameters()) for n in (network, trained))
        torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-4)
        assert float((alone - first).detach().abs().max()) > 0.05


def test_a_running_mean_of_the_weights_is_what_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """m ← a m + (1 - a) w, from the weights after one, two and three steps, which draw what a longer run draws."""
    monkeypatch.setattr("ohmloom.codesign.diffusion.training.AHEAD", 1)

    def trained(steps: int, average: float) -> torch.Tensor:
        network = ScoreNetwork(seed=4)
        recipe = ScoreRecipe(steps=steps, batch=32, rate=1e-2, average=average, saturation=0)
        train_score(network, VariancePreserving(last=5), PAIR.sample(50, generator()), recipe, seed=7)
        return torch.nn.utils.parameters_to_vector(network.parameters()).detach()

    mean = torch.nn.utils.parameters_to_vector(ScoreNetwork(seed=4).parameters()).detach()
    for steps in (1, 2, 3):
        mean = 0.8 * mean + 0.2 * trained(steps, 0.0)
    torch.testing.assert_close(trained(3, 0.8), mean)
    assert not torch.allclose(trained(3, 0.0), mean)


def test_a_step_is_that_of_the_plain_network_under_adam() -> None:
    """Without noise, against autograd through the network itself, its norm clipped by torch's own function."""
    network, schedule, data = ScoreNetwork(seed=4), VariancePreserving(last=5), PAIR.sample(50, generator())
    other, recipe = deepcopy(network), ScoreRecipe(steps=1, batch=32, rate=1e-2, saturation=1e-2, clip=0.05, decay=0.1)
    train_score(network, schedule, data, recipe, seed=7)
    source = generator(7)
    x0 = data[torch.randint(50, (1, 32), generator=source)[0]]
    t = 1e-5 + (1 - 1e-5) * torch.rand(1, 32, generator=source)[0]
    z = torch.randn(1, 32, 2, generator=source)[0]
    x = schedule.diffuse(x0, t, z)
    loss = (other(x, t) * schedule.deviation(t)[:, None] + z).square().mean()
    loss = loss + 1e-2 * saturation_penalty(other.passed(x, other.time_signals(t)).hidden, 1.5)
    optimiser = torch.optim.Adam(other.parameters(), lr=recipe.rate, weight_decay=0.1)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(other.parameters(), 0.05)
    optimiser.step()
    for ours, plain in zip(network.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)


def test_a_divided_network_puts_out_the_noise_of_its_points() -> None:
    network, x, t = ScoreNetwork(divided=CONSISTENT, seed=2), torch.randn(5, 2), torch.rand(5)
    output = network.passed(x, network.time_signals(t)).output
    torch.testing.assert_close(network(x, t) * CONSISTENT.deviation(t)[:, None], output)
    assert bool(torch.isfinite(network(x, torch.tensor(0.0))).all())


def test_networks_that_cannot_be_stacked_are_refused() -> None:
    data, recipe, schedule = torch.randn(9, 2), ScoreRecipe(steps=1, batch=4), VariancePreserving()
    one = ScoreTraining(ScoreNetwork(), schedule, data, recipe)
    with pytest.raises(ConfigurationError, match="all of the same sizes"):
        train_scores([one, one._replace(network=ScoreNetwork(width=8))])
    with pytest.raises(ConfigurationError, match="at least one"):
        train_scores([])
    with pytest.raises(ConfigurationError, match="same for all networks but for their noise"):
        train_scores([one, one._replace(network=ScoreNetwork(), recipe=recipe.replace(rate=1.0))])


def test_labels_are_learned_and_bad_data_refused() -> None:
    network, schedule, recipe = ScoreNetwork(classes=2), VariancePreserving(), ScoreRecipe(steps=2, batch=8)
    train_score(network, schedule, torch.randn(9, 2), recipe, labels=torch.arange(9) % 2)
    with pytest.raises(ShapeError, match="data"):
        train_score(network, schedule, torch.randn(9, 3), recipe)
    with pytest.raises(ShapeError, match="labels"):
        train_score(network, schedule, torch.randn(9, 2), recipe, labels=torch.zeros(3, dtype=torch.int64))
    with pytest.raises(NotFiniteError, match="data"):
        train_score(network, schedule, torch.full((9, 2), torch.nan), recipe)


# --- metrics ----------------------------------------------------------------------------------------------------------


def test_divergences_of_gaussians_are_those_known() -> None:
    """KL(N(0, a²) || N(0, b²)) = d (log b/a + a²/2b² - 1/2)."""
    a, b, count = 0.2, 0.3, 40_000
    p, q = (s * torch.randn(count, 2, generator=generator(n), dtype=torch.float64) for n, s in enumerate((a, b)))
    known = [2 * (math.log(y / x) + x**2 / (2 * y**2) - 0.5) for x, y in ((a, b), (b, a))]
    binned = histogram_divergence(p, q, bins=24)
    assert neighbour_divergence(p, q).data_generated == pytest.approx(known[0], abs=0.03)
    beside = neighbour_divergence(p, a * torch.randn(count, 2, generator=generator(2)).double() + torch.tensor([a, 0]))
    assert beside == pytest.approx((0.5, 0.5), abs=0.03)  # |shift|² / 2a²
    assert binned.data_generated == pytest.approx(known[0], abs=0.03)
    assert binned.generated_data >= known[1] - 0.03  # empty boxes of the narrower one count by the floor


def test_equal_points_have_no_divergence_and_points_outside_count() -> None:
    points = torch.randn(500, 2, generator=generator())
    assert histogram_divergence(points, points) == (0.0, 0.0)
    outside = torch.full((500, 2), 9.0)
    assert histogram_divergence(points * 0.1, outside).generated_data == pytest.approx(math.log(1e10))
    with pytest.raises(ShapeError, match="generated"):
        histogram_divergence(points, points[:, :1])
    with pytest.raises(NotFiniteError, match="data"):
        neighbour_divergence(points / 0, points)


def test_radii_and_score_errors_of_known_things() -> None:
    ring, schedule = Ring(), VariancePreserving()
    found = radii(ring.sample(50_000, generator()))
    assert found.mean == pytest.approx(0.7, abs=1e-3)
    assert found.spread == pytest.approx(0.04, abs=1e-3)
    assert found.within == pytest.approx(99.73, abs=0.1)  # three deviations
    assert score_error(exact_score(ring, schedule), ring, schedule, 0.5) < 1e-5
    assert score_error(lambda x, _t: 0 * x, ring, schedule, 0.5) == pytest.approx(1)
