"""The system ``neurram-energy``: NeuRRAM's published energy and speed against ours, with the fit that gave the preset.

Nothing here is measured by us: 37 digitised numbers, six constants, and the events that real products leave behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ohmloom.chips import REFERENCES, Chip
from ohmloom.descriptions import Description
from ohmloom.experiments import Context, Cost, Figure, Findings, System, Tier
from ohmloom.experiments.figures import DIMENSIONS
from ohmloom.ledger import Event
from ohmloom.quantities import show
from ohmloom.random import Streams
from ohmloom.systems.neurram.energy_claims import ACCEPTED, CLAIMS, CONTROLS, FACTOR, KNOWN, NO_BASELINE
from ohmloom.systems.neurram.energy_model import (
    CONSTANT_UNITS,
    DOUBTFUL,
    PARTS,
    SAME,
    UNITS,
    Compared,
    Constants,
    Product,
    compare,
    fit,
    points,
    root_mean_square,
    run_product,
    worst,
)
from ohmloom.systems.neurram.publication import PAPER

SHOWN = 4  # input bits (sign and 3 bits, as in the MNIST network) at which single figures are given
DIGITS = 5  # of the constants, as they are printed in the preset


class EnergySettings(Description):
    """Settings of the comparison: the chip, by name or file, whose constants and structure are held to the points."""

    chip: str = "neurram"


TIER = Tier(summary="All published points; a few seconds.", budget=60, settings=EnergySettings())


@dataclass(frozen=True)
class Study:
    """The products of all published points on one chip, and the fits to them."""

    chip: Chip
    streams: Streams
    products: tuple[Product, ...]

    @classmethod
    def run(cls, settings: EnergySettings, streams: Streams) -> Study:
        chip = Chip.load(settings.chip)
        return cls(chip, streams, tuple(run_product(point, chip, streams) for point in points()))

    @property
    def fitted(self) -> list[Product]:
        return [product for product in self.products if product.point.fitted]

    @cached_property
    def constants(self) -> Constants:
        """Fitted to all 37 numbers."""
        return fit(self.fitted, self.chip)

    @cached_property
    def early_constants(self) -> Constants:
        """Fitted to the points of few input bits only."""
        return fit([product for product in self.fitted if product.point.input_bits <= KNOWN], self.chip)

    def held_error(self, **held: float) -> float:
        """The worst error with some constants held and the others fitted anew."""
        return worst(compare(self.fitted, fit(self.fitted, self.chip, **held).on(self.chip)))

    def ungrouped_error(self) -> float:
        """The worst error if two-phase operation converted all phases together, all constants fitted anew."""
        possible = [product.point for product in self.fitted if product.point.output_bits <= 9]
        products = [run_product(point, self.chip, self.streams, split=False) for point in possible]
        return worst(compare(products, fit(products, self.chip).on(self.chip)))


class NeurramEnergy(System[EnergySettings]):
    """Throughput, efficiency and energy parts of 48 cores at 1 to 8 input bits."""

    name = "neurram-energy"
    title = "NeuRRAM: energy and speed at each precision"
    summary = (
        "Ten products of a full 256 x 256 core, counted by the ledger and priced with six fitted constants, against "
        "the published throughput, efficiency and energy parts at 1 to 8 input bits."
    )
    paper = PAPER
    tiers = {name: TIER for name in ("smoke", "standard", "full")}  # noqa: C420, RUF012
    claims = CLAIMS
    controls = CONTROLS

    def run(self, context: Context[EnergySettings]) -> None:
        findings = context.findings
        findings.data(
            "neurram energy points",
            "real",
            "Published numbers, shipped with ohmloom; digitised from the paper's figures in CiMLoop, so each has a "
            "reading error of its own (the parts sum to the published total within 2 %, at 6 input bits within 11 %).",
        )
        state_assumptions(findings)
        context.progress.say("ten products of a full core")
        study = Study.run(context.settings, context.streams)
        record_errors(findings, study)
        record_controls(findings, study)
        record_tables(findings, study)
        record_plots(findings, study)
        record_cost(findings, study)
        findings.figure(Figure.absent(FACTOR["figure"], "times", NO_BASELINE))
        for claim in CLAIMS:
            if claim.figure == FACTOR["figure"]:
                findings.not_comparable(claim.name, NO_BASELINE)


def record_errors(findings: Findings, study: Study) -> None:
    """How far ours are from the published numbers, with the preset's constants and with those of few bits."""
    ours = compare(study.fitted, study.chip)
    record = {
        "worst error": worst(ours),
        "root mean square error": root_mean_square(ours),
        **{f"worst error, {kind}": worst([n for n in ours if n.kind == kind]) for kind in UNITS},
    }
    unseen = [product for product in study.fitted if product.point.input_bits > KNOWN]
    predicted = compare(unseen, study.early_constants.on(study.chip))
    record |= {
        "worst error, extrapolated": worst(predicted),
        "root mean square error, extrapolated": root_mean_square(predicted),
    }
    doubtful = [product for product in study.products if not product.point.fitted]
    record[f"worst error, {DOUBTFUL} input bits (not fitted)"] = worst(compare(doubtful, study.chip))
    record["parts less total, worst"] = max(imbalance(product.ours(study.chip)) for product in study.products)
    refitted = compare(study.fitted, study.constants.on(study.chip))
    record["worst error, constants fitted in this run"] = worst(refitted)
    pairs = zip(Constants.of(study.chip), study.constants, strict=True)
    record["constants of the preset less those fitted in this run, worst"] = max(
        100 * abs(held / fitted - 1) for held, fitted in pairs
    )
    for name, error in record.items():
        findings.figure(Figure.of(name, error, "%"))
    findings.figure(Figure.of("numbers compared", len(ours)))
    findings.figure(Figure.of("fitted constants", len(Constants._fields)))


def record_controls(findings: Findings, study: Study) -> None:
    """What must fail: other readings of the points, and models with one thing left out."""
    split = [product.point.published for product in study.fitted if len(product.point.published) == len(UNITS)]
    left_out = {
        "all six constants": worst(compare(study.fitted, study.constants.on(study.chip))),
        "no early stop": study.held_error(growth=2.0),
        "same time at all bits": study.held_error(growth=1.0),
        "one group of phases": study.ungrouped_error(),
        "no word-line set-up": study.held_error(word_line_set_up=0.0),
    }
    record = {f"worst error, {name}": error for name, error in left_out.items() if name != "all six constants"}
    record |= {
        "published parts per OP against efficiency, worst": max(imbalance(numbers) for numbers in split),
        "published parts per MAC against efficiency, least": min(imbalance(numbers, 0.5) for numbers in split),
    }
    for name, value in record.items():
        findings.figure(Figure.of(name, value, "%"))
    findings.plot(
        "ablation_bars",
        title="What the model needs",
        caption="Worst error of the 37 numbers with one thing left out and all other constants fitted anew; one group "
        "of phases: of the 32 numbers up to 9 output bits.",
        labels=list(left_out),
        values=list(left_out.values()),
        references={"accepted": ACCEPTED},
        axis="worst relative error, %",
    )


def record_tables(findings: Findings, study: Study) -> None:
    """The constants, all numbers, what was counted, and processors to compare with."""
    rows = zip(Constants.of(study.chip), study.constants, study.early_constants, strict=True)
    findings.table(
        "Constants",
        ["constant", "in the preset", "fitted in this run", f"fitted to at most {KNOWN} input bits"],
        [
            [name.replace("_", " ").replace("word line", "word-line"), *(_digits(value, unit) for value in values)]
            for (name, unit), values in zip(CONSTANT_UNITS.items(), rows, strict=True)
        ],
        "Least squares of relative errors. Word-line set-up per product and core, word-line step per row and phase, "
        "input pulse per driven row and phase, neurons and control while a core is busy, conversion time at 3 bits "
        "and its growth per bit. Published, not fitted: 0.27 µs per unit of integration, 0.3 µs per further group.",
    )
    early = compare(study.products, study.early_constants.on(study.chip))
    findings.table(
        "All numbers",
        ["input → output", "number", "unit", "published", "ours", "error, %", f"error, % (≤ {KNOWN} bits)"],
        [
            [
                number.point.name + ("" if number.point.fitted else " (not fitted)"),
                number.kind,
                UNITS[number.kind],
                _short(number.published),
                _short(number.ours),
                round(number.error, 1),
                round(guess.error, 1),
            ]
            for number, guess in zip(compare(study.products, study.chip), early, strict=True)
        ],
        f"48 cores; 1 MAC = 2 OP. Up to {SAME} input bits one-phase and two-phase operation are the same point, "
        f"counted once. {DOUBTFUL} input bits are shown and not fitted: their published parts and total differ by "
        "11 %. The last column has the error of constants that saw only the small precisions; beyond them it is a "
        "prediction.",
    )
    counted = (
        Event.SAMPLE, Event.ROW_STEP, Event.ROW_DRIVE, Event.ARRAY_STEP, Event.CONVERSION, Event.CONVERSION_ROUND,
        Event.CONVERSION_BIT, Event.DECREMENT,
    )  # fmt: skip
    findings.table(
        "What the ledger counted",
        ["input → output", *counted],
        [[product.point.name, *(int(product.ledger.total(event)) for event in counted)] for product in study.products],
        "One vector through one full core. A row step is one word line toggled for one phase; an array step is one "
        "unit of integration. Decrement steps (with early stop of each neuron) depend on data and range, here random "
        "weights and a range that never clips; they are counted but not priced: the time of a conversion is fitted.",
    )
    _record_references(findings, _shown(study))


def _record_references(findings: Findings, shown: tuple[Product, Chip]) -> None:
    product, chip = shown
    against = [(name, *product.cost(chip).against(name)) for name in REFERENCES]
    findings.table(
        "Against processors",
        ["reference", "its energy over ours", "basis"],
        [[name, _short(factor), sentence] for name, factor, sentence in against],
        f"Energy per operation at {product.point.name}. A peak rate at full power is a lower bound for the processor, "
        "and cores alone are one for the chip: these are bases, not results.",
    )


def record_plots(findings: Findings, study: Study) -> None:
    """Throughput, efficiency and energy parts over input bits."""
    ours, early = _by_place(study, study.chip), _by_place(study, study.early_constants.on(study.chip))
    bits = list(range(1, 9))
    prediction = f"ours, from ≤ {KNOWN} bits"

    def pair(label: str, kind: str, phases: int) -> dict[str, object]:
        places = [(kind, bit, 2 if bit == SAME else phases) for bit in bits]  # where one-phase lines branch off
        return {
            "label": label,
            "published": [ours[place].published if place in ours else None for place in places],
            "ours": [ours[place].ours if place in ours else None for place in places],
            "predicted": [early[place].ours if place in early and place[1] >= KNOWN else None for place in places],
        }

    axes = {"throughput": "throughput of 48 cores, TOPS", "efficiency": "efficiency, TOPS/W"}
    for kind, axis in axes.items():
        findings.plot(
            "published_and_ours",
            name=kind,
            title=kind.capitalize(),
            caption=f"{kind.capitalize()} over input bits; output bits are two more. Solid: ours with the preset's "
            f"constants; dashed: with constants that saw at most {KNOWN} input bits.",
            positions=bits,
            pairs=[pair("two-phase operation", kind, 2), pair("one-phase operation", kind, 1)],
            doubtful=[DOUBTFUL],
            prediction=prediction,
            position_axis="input bits",
            axis=axis,
        )
    findings.plot(
        "published_and_ours",
        name="energy-parts",
        title="Energy parts",
        caption="Energy per operation in two-phase operation, by part. Lines as above.",
        positions=bits,
        pairs=[pair(part, part, 2) for part in PARTS],
        doubtful=[DOUBTFUL],
        prediction=prediction,
        position_axis="input bits",
        axis="energy, fJ per operation",
    )


def record_cost(findings: Findings, study: Study) -> None:
    """The cost of one product at the precision of the MNIST network."""
    product, chip = _shown(study)
    priced, ours = product.cost(chip), product.ours(chip)
    at = f"at {product.point.name}"
    findings.figure(Figure.of(f"throughput {at}", ours["throughput"], "TOPS"))
    findings.figure(Figure.of(f"efficiency {at}", ours["efficiency"], "TOPS/W"))
    findings.figure(Figure.of(f"energy per operation {at}", priced.energy_joule / priced.operations, "J"))
    findings.cost(Cost.priced(priced).replace(per=f"per product of one full core, {product.point.name}"))


def state_assumptions(findings: Findings) -> None:
    """What is not published, and where the rest comes from."""
    for text, source in (
        ("Every row is driven in every phase (inputs at full level): the inputs behind the figure are not known.", ""),
        ("All 48 cores are busy all the time; buffers, adders, links and the board are outside.", ""),
        (
            "Two-phase operation cuts 5 and more input bits into two groups of phases, integrated and converted apart; "
            "inferred from the throughput, not published.",
            "inferred",
        ),
        (
            "The structure of the model was chosen with all points in view; only the constants of the extrapolation "
            "are blind to 5 and more input bits.",
            "",
        ),
        ("A conversion takes a constant factor longer per bit: it stands for counting with early stop.", "fitted"),
        ("Neurons and control take one power while a core integrates or converts.", "fitted"),
        (
            "The published parts are fJ per operation: their source labels them fJ per MAC, but only per operation "
            "do they sum to the published efficiency.",
            "derived",
        ),
    ):
        findings.assumption(text, source or "assumed")
    findings.reference("CiMLoop, model wan_nature_2022 (MIT licence): the digitised points, integration and phase "
                       "times.", "github.com/mit-emze/cimloop, commit d6e1390")  # fmt: skip
    findings.reference("Edge AI without Compromise: the preprint, whose energy factor differs.", "arXiv:2108.07879")


def imbalance(numbers: Mapping[str, float], share: float = 1.0) -> float:
    """How far the parts (a ``share`` of them) are from 1 / efficiency, in per cent."""
    return 100 * abs(share * sum(numbers[part] for part in PARTS) * numbers["efficiency"] / 1000 - 1)


def _by_place(study: Study, chip: Chip) -> dict[tuple[str, int, int], Compared]:
    """The numbers by kind, input bits and phases."""
    return {(n.kind, n.point.input_bits, n.point.phases): n for n in compare(study.products, chip)}


def _shown(study: Study) -> tuple[Product, Chip]:
    return next(product for product in study.products if product.point.input_bits == SHOWN), study.chip


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _digits(value: float, unit: str) -> str:
    return show(value, DIMENSIONS[unit], DIGITS) if unit else f"{value:.{DIGITS}g}"
