"""Cost: what the events of a ledger took, in joules, seconds and square metres.

Energy and area are sums over components. Latency is not: arrays in different cores work side by side, arrays in one
core one after the other, and the layers of one sample one after the other; pipelining hides all but the busiest core.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping as Table
from dataclasses import dataclass, field

from ohmloom import markup
from ohmloom.chips.chip import Chip, Component
from ohmloom.chips.installation import Installation
from ohmloom.chips.placement import Placement
from ohmloom.errors import LedgerError, message, unknown
from ohmloom.ledger import Event, Ledger
from ohmloom.quantities import AREA, ENERGY, TIME, show


@dataclass(frozen=True)
class Reference:
    """A processor to compare with: one basis of many, and only that."""

    name: str
    joule_per_operation: float
    precision: str
    utilisation: float
    memory: str
    source: str


REFERENCES = {
    reference.name: reference
    for reference in (
        Reference("rtx-4090-fp32-peak", 450 / 82.6e12, "fp32", 1.0, "not included", "450 W, 82.6 TFLOPS, web specs"),
        Reference("rtx-4090-int8-peak", 450 / 660e12, "int8", 1.0, "not included", "450 W, 660 TOPS, web specs"),
        Reference("rtx-2080ti-fp32-peak", 260 / 13.45e12, "fp32", 1.0, "not included", "260 W, 13.45 TFLOPS, web"),
        Reference("a100-fp32-peak", 300 / 19.5e12, "fp32", 1.0, "not included", "300 W, 19.5 TFLOPS"),
    )
}


@dataclass(frozen=True)
class Cost:
    """What one inference took (or the whole run, where no inference was counted), as a mean over dies."""

    energy_joule: float
    latency_second: float
    interval_second: float  # between inferences when layers are pipelined: the busiest core
    area_square_metre: float
    components: Table[str, float]  # J
    layers: Table[str, float]  # J
    layer_seconds: Table[str, float]
    areas: Table[str, float]  # m², of the cores in use
    per: str
    basis: str
    schedule: str
    operations: float  # 2 per multiply-accumulate of the matrices held
    dies: Table[int, float] = field(default_factory=dict)  # J

    @property
    def operations_per_joule(self) -> float:
        return self.operations / self.energy_joule if self.energy_joule else float("nan")

    def against(self, reference: str) -> tuple[float, str]:
        """Energy of the named reference over ours, and the sentence that must stand beside the number."""
        if reference not in REFERENCES:
            raise unknown("reference", reference, REFERENCES)
        r = REFERENCES[reference]
        sentence = (
            f"against {r.name}: {r.joule_per_operation * 1e12:.3g} pJ per operation ({r.precision}, utilisation "
            f"{r.utilisation:.0%}, DRAM and host {r.memory}; {r.source}); ours: {self.basis}"
        )
        return self.operations * r.joule_per_operation / self.energy_joule, sentence

    def table(self) -> str:
        """The cost for people: by component, then by layer."""
        width = max(len(name) for name in (*self.components, *self.layers, "component")) + 2
        lines = [f"{'component':<{width}}{'energy':>12}{'share':>8}"]
        for name, joule in sorted(self.components.items(), key=lambda item: -item[1]):
            lines.append(self._line(name, joule, width))
        lines += ["", f"{'layer':<{width}}{'energy':>12}{'share':>8}{'time':>12}"]
        for name, joule in self.layers.items():
            lines.append(self._line(name, joule, width) + f"{show(self.layer_seconds.get(name, 0.0), TIME, 3):>12}")
        return "\n".join([*lines, "", *self._sums])

    def _repr_html_(self) -> str:
        def shares(parts: Table[str, float]) -> list[tuple[str, str, str]]:
            whole = self.energy_joule or float("inf")
            return [(name, show(joule, ENERGY, 3), f"{joule / whole:.1%}") for name, joule in parts.items()]

        parts = markup.table(("component", "energy", "share"), shares(self.components))
        return parts + markup.table(("layer", "energy", "share"), shares(self.layers)) + markup.lines(*self._sums)

    @property
    def _sums(self) -> list[str]:
        return [
            f"energy {show(self.energy_joule, ENERGY)} {self.per}",
            f"latency {show(self.latency_second, TIME)}, one per {show(self.interval_second, TIME)} pipelined",
            f"area {show(self.area_square_metre, AREA)}, cores in use",
            f"basis: {self.basis}",
            f"schedule: {self.schedule}",
        ]

    def _line(self, name: str, joule: float, width: int) -> str:
        share = joule / self.energy_joule if self.energy_joule else 0.0
        return f"{name:<{width}}{show(joule, ENERGY, 3):>12}{share:>8.1%}"


def cost(ledger: Ledger, installation: Installation, *, inferences: float | None = None) -> Cost:
    """Price what ``ledger`` counted for the matrices of ``installation``.

    Raises LedgerError for an empty ledger and for one that counted other hardware.
    """
    counts = _counts(ledger, installation)
    chip, placement = installation.chip, installation.placement
    dies = sorted({die for per_die in counts.values() for die in per_die})
    share = 1 / len(dies) / (inferences or 1.0)
    busy = _busy_seconds(counts, chip)
    components: dict[str, float] = defaultdict(float)
    layers: dict[str, float] = dict.fromkeys(installation.matrices, 0.0)
    per_die: dict[int, float] = dict.fromkeys(dies, 0.0)
    for name, component in chip.components.items():
        if component.event is None and not component.power:
            continue  # it only takes area
        for layer in installation.matrices:
            for die in dies:
                joule = _joule(component, counts, busy, layer, die)
                components[name] += joule * share
                layers[layer] += joule * share
                per_die[die] += joule / (inferences or 1.0)
    latency, interval, seconds = _latency(busy, placement, installation, dies, inferences or 1.0)
    areas = _areas(chip, placement)
    operations = sum(
        2 * m.shape[0] * m.shape[1] * sum(counts.get((name, Event.SAMPLE), {}).values()) * share
        for name, m in installation.matrices.items()
    )
    return Cost(
        energy_joule=sum(components.values()),
        latency_second=latency,
        interval_second=interval,
        area_square_metre=sum(areas.values()),
        components=dict(components),
        layers=layers,
        layer_seconds=seconds,
        areas=areas,
        per="for the whole run" if inferences is None else "per inference",
        basis=chip.basis,
        schedule="layers in turn; arrays of different cores side by side, of one core in turn",
        operations=operations,
        dies=per_die,
    )


Counts = dict[tuple[str, Event], dict[int, float]]


def _counts(ledger: Ledger, installation: Installation) -> Counts:
    if len(ledger) == 0:
        remedy = "Run the hardware inside `with Ledger() as ledger:`."
        raise LedgerError(message("ledger", "must have counted something", "an empty ledger", remedy))
    names = {matrix.owner: name for name, matrix in installation.matrices.items()}
    counts: Counts = {}
    for (owner, _, event), per_die in ledger.counts.items():  # both directions of a matrix have one owner
        if owner in names:
            total = counts.setdefault((names[owner], event), {})
            for die, count in per_die.items():
                total[die] = total.get(die, 0.0) + count
    if not counts:
        remedy = "Price it with the hardware that ran inside it."
        raise LedgerError(message("ledger", "must belong to this hardware", "other hardware's events", remedy))
    return counts


def _busy_seconds(counts: Counts, chip: Chip) -> dict[tuple[str, int], float]:
    """Array seconds of each (layer, die), summed over its arrays."""
    busy = {}
    for layer, die in {(layer, die) for (layer, _), per_die in counts.items() for die in per_die}:

        def count(event: Event, layer: str = layer, die: int = die) -> float:
            return counts.get((layer, event), {}).get(die, 0.0)

        bits = count(Event.CONVERSION_BIT) / count(Event.CONVERSION) if count(Event.CONVERSION) else 0.0
        rounds = count(Event.CONVERSION_ROUND)
        operations = count(Event.ARRAY_OPERATION)
        busy[layer, die] = chip.timing.busy(count(Event.PHASE), count(Event.ARRAY_STEP), rounds, bits, operations)
    return busy


def _joule(component: Component, counts: Counts, busy: dict[tuple[str, int], float], layer: str, die: int) -> float:
    events = counts.get((layer, component.event), {}).get(die, 0.0) if component.event is not None else 0.0
    return component.energy * events + component.power * busy.get((layer, die), 0.0)


def _latency(
    busy: dict[tuple[str, int], float], placement: Placement, installation: Installation, dies: list[int], runs: float
) -> tuple[float, float, dict[str, float]]:
    """Sequential latency, pipelined interval and each layer's time, per inference."""
    seconds, cores = {}, defaultdict(float)
    for layer in installation.matrices:
        blocks = placement.of(layer)
        each = sum(busy.get((layer, die), 0.0) for die in dies) / len(dies) / runs / len(blocks)
        here: dict[int, float] = defaultdict(float)
        for block in blocks:
            here[block.core] += each
            cores[block.core] += each
        seconds[layer] = max(here.values())
    return sum(seconds.values()), max(cores.values()), seconds


def _areas(chip: Chip, placement: Placement) -> dict[str, float]:
    """Area of each component in the cores in use."""
    used, core = placement.cores_used, chip.cores
    number = {"chip": 1, "core": used, "row": used * core.rows, "column": used * core.columns}
    number["cell"] = used * core.rows * core.columns
    return {name: part.area * number[part.place] for name, part in chip.components.items() if part.area}
