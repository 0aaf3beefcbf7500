"""neurram-energy: what the ledger counted, what it cost, and that the constants are those of the points."""

import csv
from importlib.resources import files
from pathlib import Path

import pytest

from ohmloom import systems
from ohmloom.chips import Chip
from ohmloom.errors import ConfigurationError
from ohmloom.experiments import Result, read_result
from ohmloom.ledger import Event
from ohmloom.random import Streams
from ohmloom.systems.neurram import energy_model as model
from ohmloom.systems.neurram.energy import DIGITS, EnergySettings, Study, imbalance

OPERATIONS = 65_536  # of a full core: 128 inputs times 256 outputs, 2 per multiply-accumulate


@pytest.fixture(scope="module")
def study() -> Study:
    return Study.run(EnergySettings(), Streams(0))


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return systems.run_system("neurram-energy", tier="smoke", out=tmp_path_factory.mktemp("energy") / "run")


def product(study: Study, bits: int, phases: int = 2) -> model.Product:
    return next(p for p in study.products if (p.point.input_bits, p.point.phases) == (bits, phases))


def test_the_points_are_counted_once() -> None:
    rows = list(csv.DictReader((files("ohmloom.systems.neurram") / "energy.csv").read_text().splitlines()))
    points = model.points()
    assert len(rows) == 14
    assert len(points) == 10
    assert sum(len(point.published) for point in points if point.fitted) == 37
    assert {point.input_bits for point in points if not point.fitted} == {6}
    for one, two in zip(rows[:8:2], rows[1:8:2], strict=True):  # up to 4 input bits the phases make no difference
        assert (one["phases"], two["phases"]) == ("1", "2")
        assert (one["tops"], one["tops_per_watt"]) == (two["tops"], two["tops_per_watt"])


@pytest.mark.parametrize(
    (
        "bits",
        "phases",
        "groups",
        "conversion_bits",
    ),  # groups: magnitude bits of each; conversion bits, summed over them
    [(1, 2, [1], 3), (2, 2, [1], 4), (4, 2, [3], 6), (5, 1, [4], 7), (5, 2, [2, 2], 10), (8, 2, [4, 3], 13)],
)
def test_a_product_fills_one_core(
    study: Study, bits: int, phases: int, groups: list[int], conversion_bits: int
) -> None:
    ledger = product(study, bits, phases).ledger
    planes = sum(groups)
    assert ledger.total(Event.SAMPLE) == ledger.total(Event.ARRAY_OPERATION) == 1
    assert ledger.total(Event.ROW_STEP) == ledger.total(Event.ROW_DRIVE) == 256 * planes
    assert ledger.total(Event.ARRAY_STEP) == sum(2**m - 1 for m in groups)
    assert ledger.total(Event.CONVERSION_ROUND) == len(groups)
    assert ledger.total(Event.CONVERSION) == 256 * len(groups)
    assert ledger.total(Event.CONVERSION_BIT) == 256 * conversion_bits
    assert 256 * len(groups) <= ledger.total(Event.DECREMENT) < 256 * 2 ** (conversion_bits / len(groups))
    assert ledger.total(Event.PULSE) == 0, "programming is not part of the product"


@pytest.mark.parametrize("bits", [1, 4, 5, 8])
def test_the_price_is_the_formula_written_out(study: Study, bits: int) -> None:
    c, point = model.Constants.of(study.chip), product(study, bits)
    planes = max(bits - 1, 1)
    groups = [planes] if bits <= 4 else [-(-planes // 2), planes // 2]
    mean_bits = 3 if bits == 1 else sum(m + 3 for m in groups) / len(groups)
    seconds = 0.27e-6 * sum(2**m - 1 for m in groups) + 0.3e-6 * (len(groups) - 1)
    seconds += len(groups) * c.conversion * c.growth ** (mean_bits - 3)
    joules = {
        "word lines": c.word_line_set_up + 256 * planes * c.word_line_step,
        "neurons and control": c.neurons_and_control * seconds,
        "input pulses": 256 * planes * c.input_pulse,
    }
    ours = point.ours(study.chip)
    assert point.cost(study.chip).operations == OPERATIONS
    assert ours["throughput"] == pytest.approx(48 * OPERATIONS / seconds / 1e12)
    assert ours["efficiency"] == pytest.approx(OPERATIONS / sum(joules.values()) / 1e12)
    for part, joule in joules.items():
        assert ours[part] == pytest.approx(1e15 * joule / OPERATIONS)


def test_the_preset_holds_the_fitted_constants_to_its_digits(study: Study) -> None:
    for name, held, fitted in zip(
        model.Constants._fields, model.Constants.of(study.chip), study.constants, strict=True
    ):
        assert f"{held:.{DIGITS}g}" == f"{fitted:.{DIGITS}g}", f"{name}: repeat the run and print its constants"


def test_a_fit_finds_the_constants_that_made_the_points(study: Study) -> None:
    true = model.Constants(2e-10, 3e-12, 5e-13, 1e-3, 2e-6, 1.1)
    made = [
        model.Product(p.point._replace(published=p.ours(true.on(study.chip))), p.ledger, p.installation)
        for p in study.products
    ]
    assert model.fit(made, study.chip) == pytest.approx(true, rel=1e-6)


def test_the_answer_does_not_depend_on_the_weights(study: Study) -> None:
    other = model.run_product(product(study, 4).point, study.chip, Streams(7))
    assert other.ours(study.chip) == product(study, 4).ours(study.chip)


def test_no_constant_can_be_left_out(study: Study) -> None:
    assert model.worst(model.compare(study.fitted, study.constants.on(study.chip))) < 10
    for held in ({"growth": 2.0}, {"growth": 1.0}, {"word_line_set_up": 0.0}, {"word_line_step": 0.0}):
        assert study.held_error(**held) > 10


def test_parts_sum_per_operation_and_not_per_mac(study: Study) -> None:
    for each in study.products:
        assert imbalance(each.ours(study.chip)) < 1e-9
        if each.point.fitted and each.point.phases == 2:
            assert imbalance(each.point.published) < 2
            assert imbalance(each.point.published, 0.5) > 48


def test_the_extrapolation_saw_few_bits_only(study: Study) -> None:
    blind = Study(study.chip, study.streams, tuple(p for p in study.products if p.point.input_bits <= 4))
    assert blind.early_constants == study.early_constants


def test_a_chip_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="must have a bit-serial drive and charge-decrement converters"):
        model.mapping_of(model.points()[0], Chip.load("generic-40nm"))


def test_the_run_meets_what_was_set(result: Result) -> None:
    assert result.status == "complete"
    verdicts = {claim.name: claim.verdict for claim in result.claims}
    factors = [name for name in verdicts if "prior art" in name]
    assert len(factors) == 2
    assert all(verdict == ("not comparable" if name in factors else "reproduced") for name, verdict in verdicts.items())
    assert {control.verdict for control in result.controls} == {"held"}
    assert {use.origin for use in result.data} == {"real"}
    assert result.figures["numbers compared"].value == 37
    assert result.figures["fitted constants"].value == 6
    references = next(table for table in result.tables if table.name == "Against processors")
    assert all("utilisation" in str(row[-1]) and "DRAM" in str(row[-1]) for row in references.rows)


def test_the_committed_result_is_this_one(result: Result) -> None:
    file = Path(__file__).parents[2] / "results" / "neurram-energy-standard.json"
    if not file.is_file():
        pytest.skip("no committed result beside the tests")
    kept = read_result(file)
    assert kept.command == "ohmloom run neurram-energy --tier standard --seed 0"
    for name, figure in kept.figures.items():
        ours = result.figures[name].value
        assert ours is None if figure.value is None else ours == pytest.approx(figure.value, rel=1e-4, abs=1e-3)
