"""NeuRRAM's network and its checks: counts from the released code, statistics against closed forms."""

import pytest
import torch
from scipy import stats

import ohmloom as ol
from ohmloom.systems.neurram import checks, evaluation
from ohmloom.systems.neurram.network import Convolutional


def test_network_has_the_published_number_of_parameters() -> None:
    model = Convolutional()
    layers = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert sum(p.numel() for layer in layers for p in layer.parameters()) == 23_170
    assert model(torch.zeros(1, 1, 28, 28)).shape == (1, 10)


def test_network_takes_the_published_16_cores() -> None:
    model = Convolutional().eval()
    hardware = ol.convert(model, ol.Chip.load("neurram"))
    ol.calibrate(hardware, torch.rand(8, 1, 28, 28))
    assert ol.summary(hardware).placement.cores_used == 16


@pytest.mark.parametrize(("mean", "sigma"), [(0.0, 1.0), (1.0, 1.0), (5.0, 1.0)])
def test_rectified_gaussian_against_scipy(mean: float, sigma: float) -> None:
    first, spread = checks.rectified(torch.tensor([mean]).double(), torch.tensor([sigma]).double())
    sample = stats.norm.rvs(mean, sigma, size=400_000, random_state=0).clip(0)
    assert float(first) == pytest.approx(sample.mean(), rel=0.01)
    assert float(spread) == pytest.approx(sample.std(), rel=0.01)


def test_permuted_cells_break_a_product_and_keep_the_cells() -> None:
    weights = torch.randn(8, 40, generator=torch.Generator().manual_seed(0))
    matrix = ol.store(weights, ol.Chip.load("ideal").layer_mapping, ol.Device.load("ideal"), ol.Streams(0))
    before = matrix.cells.written.sort(-2).values
    checks.permuted_cells(matrix, seed=1)
    assert torch.equal(matrix.cells.written.sort(-2).values, before)
    correlation = torch.corrcoef(torch.stack([matrix.effective()[0].flatten(), weights.flatten()]))[0, 1]
    assert abs(correlation) < 0.3


def test_effects_add_up_from_exact_cells_to_the_chip() -> None:
    chip = ol.Chip.load("neurram")
    steps = evaluation.effects(chip)
    assert next(iter(steps.values()))[0].mapping.readout.output_bits is None
    assert list(steps.values())[-1] == (chip, "1 day")
