"""Where did my accuracy go? Effect by effect and layer by layer, on the cells that are there.

Programmed hardware is run again and again as if some of its effects were absent (:func:`ohmloom.nn.what_if`), with the
same cells and the same seeds. An effect *alone* is all others removed; the *waterfall* adds one after the other, from
the network in software to the hardware as it is. Effects interact: what the losses alone do not add up to is printed.
Column corrections are fitted anew in each case, if the hardware has any, since they belong to the effects that were
there when they were fitted; converter ranges stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Table
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ohmloom import markup
from ohmloom.errors import NotProgrammedError, message
from ohmloom.experiments.figures import Figure
from ohmloom.experiments.metrics import Metric, metric
from ohmloom.experiments.progress import Progress, Silent
from ohmloom.experiments.samples import Samples, samples

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ohmloom.chips.idealised import Effect
    from ohmloom.nn.whatif import Without

CORRECTED = 500  # samples for column corrections
SOFTWARE, CODES, HARDWARE = "software", "input codes", "hardware"
HELP = {
    CODES: "more input bits, or input ranges that are learned while the network is trained",
    "programming": "more programming epochs, training with weight noise, or a device with less spread",
    "age": "calibrating again at that age, programming again, or a device that drifts less",
    "read noise": "longer integration, training with noise, or a device that reads more quietly",
    "saturation": "a smaller read voltage, fewer rows per array, or an amplifier with more range",
    "converter": "a calibrated converter range, more converter bits, or fewer rows per array",
    "conduction": "a smaller read voltage, or cells that are closer to ohmic",
    "wires": "programming through the wires, smaller arrays, or cells that conduct less",
}


@dataclass(frozen=True)
class Step:
    """One effect: what it costs alone, what it costs where the waterfall adds it, and what the metric is after it."""

    effect: str
    alone: Figure  # loss against software, over dies
    added: Figure  # loss against the step before
    after: Figure  # the metric


@dataclass(frozen=True)
class LayerLoss:
    """One layer: what it costs if it alone is on the chip, its signal-to-noise ratio, and what in it costs most."""

    layer: str
    loss: Figure  # over dies
    deviation: Figure  # of the network's outputs, relative to their own size: where the metric does not move
    signal_to_noise: Figure  # of its own sums, dB
    effect: str  # the worst of its own effects alone
    clipped: float  # converter clips per output


@dataclass(frozen=True)
class Diagnosis:
    """What :func:`diagnose` finds."""

    metric: str
    unit: str
    larger_is_better: bool
    software: float
    hardware: Figure
    loss: Figure
    steps: tuple[Step, ...]
    rest: Figure  # the loss less what the effects cost alone
    layers: tuple[LayerLoss, ...]
    sentence: str

    def table(self) -> str:
        """As text: the waterfall, then the layers, then the sentence."""
        unit = f" {self.unit}" if self.unit else ""
        lines = [f"{'effect':<16}{'alone':>10}{'added':>10}{self.metric + ' after':>24}"]
        lines.append(f"{SOFTWARE:<16}{'':>10}{'':>10}{self.software:>24.4g}")
        for step in self.steps:
            lines.append(f"{step.effect:<16}{_number(step.alone)}{_number(step.added)}{_spread(step.after):>24}")
        lines.append(f"{'interaction':<16}{_number(self.rest)}")
        width = max(len(layer.layer) for layer in self.layers) + 2
        lines += ["", f"{'layer':<{width}}{'alone':>10}{'outputs move':>14}{'own SNR':>10}{'clipped':>10}  mostly"]
        for one in self.layers:
            moved = 100 * (one.deviation.value or 0)
            ratio = "" if one.signal_to_noise.value is None else f"{one.signal_to_noise.value:.1f} dB"
            clipped = f"{100 * one.clipped:.2g} %"
            lines.append(
                f"{one.layer:<{width}}{_number(one.loss)}{moved:>12.1f} %{ratio:>10}{clipped:>10}  {one.effect}"
            )
        return "\n".join([*lines, "", f"Losses are in {self.metric}{unit}; means over dies.", self.sentence])

    def _repr_html_(self) -> str:
        steps = [(s.effect, _number(s.alone), _number(s.added), _spread(s.after)) for s in self.steps]
        layers = [(one.layer, _number(one.loss), one.effect) for one in self.layers]
        heads = ("effect", "loss alone", "loss added", f"{self.metric} after")
        tables = markup.table(heads, steps) + markup.table(("layer", "loss alone", "mostly"), layers)
        return markup.lines(self.sentence) + tables

    def json(self) -> dict[str, Any]:
        """As plain values."""

        def shown(figure: Figure) -> dict[str, Any]:
            return figure.model_dump(mode="json")

        return {
            "metric": self.metric, "unit": self.unit, SOFTWARE: self.software, HARDWARE: shown(self.hardware),
            "loss": shown(self.loss), "interaction": shown(self.rest), "sentence": self.sentence,
            "effects": [{"effect": s.effect, "alone": shown(s.alone), "added": shown(s.added), "after": shown(s.after)}
                        for s in self.steps],
            "layers": [{"layer": one.layer, "loss": shown(one.loss), "deviation": shown(one.deviation),
                        "signal to noise, dB": shown(one.signal_to_noise), "mostly": one.effect,
                        "clipped": one.clipped} for one in self.layers],
        }  # fmt: skip


def diagnose(
    hardware: nn.Module,
    batches: Samples | Iterable[Any],
    metric_: Metric | str | Any = "accuracy",
    *,
    calibration: tuple[Tensor, ...] | None = None,
    most: int = 500,
    progress: Progress | None = None,
) -> Diagnosis:
    """Where programmed ``hardware`` loses, on all of its dies at their present age.

    ``batches`` are samples with targets, a loader of (input, …, targets) tuples or one such tuple of tensors, of which
    the first ``most`` are used. ``metric_`` is a name (``accuracy``, ``mse``, ``mae``) or a function of outputs and
    targets. ``calibration``: inputs to fit column corrections with (training data), a tensor for each argument;
    absent, those of ``batches``.

    Raises NotProgrammedError, DataError for a loader that yields nothing, and what the metric raises.
    """
    return _Run(hardware, samples(batches, most), metric(metric_), calibration, progress or Silent()).all()


@dataclass(frozen=True)
class _Found:
    """The metric and the deviation of the outputs from software, for each die."""

    values: list[float]
    deviations: list[float]


class _Run:
    def __init__(
        self,
        hardware: nn.Module,
        data: Samples,
        judge: Metric,
        calibration: tuple[Tensor, ...] | None,
        progress: Progress,
    ) -> None:
        from ohmloom.chips.idealised import EFFECTS
        from ohmloom.nn import Programmed, converted
        from ohmloom.nn.convert import state_of

        self.hardware, self.data, self.judge, self.progress = hardware, data, judge, progress
        self.state, self.layers = state_of(hardware), converted(hardware)
        if not isinstance(self.state.mode, Programmed):
            rule, given = "must be programmed, and in that mode", type(self.state.mode).__name__
            raise NotProgrammedError(message("hardware", rule, given, "Call ohmloom.program(hardware)."))
        corrected = any(m.calibration.slope is not None for m in self.state.matrices.values())
        self.calibration = None if not corrected else data.inputs if calibration is None else calibration
        self.effects: tuple[Effect, ...] = tuple(e for e in EFFECTS if self._present(e))
        self.targets: Tensor = data.targets
        self.outputs: Tensor | None = None

    def _present(self, effect: Effect) -> bool:
        """False for an effect that no matrix has."""
        from ohmloom.chips.idealised import idealised

        if effect == "programming":
            return True
        for matrix in self.state.matrices.values():
            other = idealised(matrix, (effect,))
            same = (other.mapping, other.device, other.wires, other.elapsed)
            if same != (matrix.mapping, matrix.device, matrix.wires, matrix.elapsed):
                return True
        return False

    def all(self) -> Diagnosis:
        effects = self.effects
        cases = 3 + 2 * len(effects) + len(self.layers) + len(effects)
        with self.progress.task("diagnosis", total=cases) as advance:
            soft = self._in_software()
            advance(1, SOFTWARE)
            codes = self._case(self._quantised())
            advance(1, CODES)
            full = self._case({})
            advance(1, HARDWARE)
            alone = {CODES: codes.values}
            after = {CODES: codes.values}
            for index, effect in enumerate(effects):
                alone[effect] = self._case(self._without([e for e in effects if e != effect])).values
                advance(1, f"{effect} alone")
                up_to = {0: alone[effect], len(effects) - 1: full.values}  # these cases were run already
                if index not in up_to:
                    up_to[index] = self._case(self._without(effects[index + 1 :])).values
                after[effect] = up_to[index]
                advance(1, f"up to {effect}")
            singles = {}
            for name in self.layers:
                singles[name] = self._case(self._only(name, ()))
                advance(1, name)
            worst = max(singles, key=lambda name: self._weight(soft, singles[name]))
            inside = {}
            for effect in effects:
                inside[effect] = self._case(self._only(worst, [e for e in effects if e != effect]))
                advance(1, f"{effect} in {worst}")
        return self._told(soft, full, alone, after, singles, worst, inside)

    # --- cases ------------------------------------------------------------------------------------------------------

    def _in_software(self) -> float:
        from ohmloom.nn.whatif import in_software, what_if

        with what_if(self.hardware, in_software(self.hardware)):
            self.outputs = self._outputs()
        return self.judge(self.outputs, self.targets)

    def _without(self, removed: Iterable[Effect]) -> Without:
        return dict.fromkeys(self.layers, tuple(removed))

    def _quantised(self) -> Without:
        """The input codes alone: no cells, no converter."""
        from ohmloom.nn import Quantised

        return dict.fromkeys(self.layers, Quantised(converter=False))

    def _only(self, name: str, removed: Iterable[Effect]) -> Without:
        from ohmloom.nn import Digital

        return dict.fromkeys(self.layers, Digital()) | {name: tuple(removed)}

    def _case(self, without: Without) -> _Found:
        """All dies as if without these effects, corrected anew where they are corrected at all."""
        import torch

        from ohmloom.nn import Mode, calibrate, select
        from ohmloom.nn.whatif import what_if

        values, deviations, before = [], [], [layer.on_chip.die for layer in self.layers.values()]
        on_cells = not all(isinstance(without.get(name, ()), Mode) for name in self.layers)
        assert self.outputs is not None
        with what_if(self.hardware, without), torch.no_grad():
            if self.calibration is not None and on_cells:
                inputs, count = [self.calibration], len(self.calibration)
                calibrate(
                    self.hardware, inputs, ranges=False, samples=CORRECTED, vectors=4 * CORRECTED, arguments=count
                )
            for die in range(self.state.dies):
                select(self.hardware, die)
                outputs = self._outputs()
                values.append(self.judge(outputs, self.targets))
                away = (outputs - self.outputs).double().norm() / self.outputs.double().norm().clamp(min=1e-30)
                deviations.append(float(away))
                if not on_cells:
                    values, deviations = values * self.state.dies, deviations * self.state.dies
                    break
        for layer, die in zip(self.layers.values(), before, strict=True):
            layer.on_chip.die = die
        return _Found(values, deviations)

    def _outputs(self) -> Tensor:
        import torch

        with torch.no_grad():
            return torch.cat([self.hardware(*batch) for batch in self.data.batches()])

    # --- what they say ----------------------------------------------------------------------------------------------

    def _weight(self, soft: float, found: _Found) -> tuple[float, float]:
        """What a case costs, to compare cases: the metric, rounded to what the samples can tell, then the outputs."""
        losses = [self.judge.loss(soft, value) for value in found.values]
        grain = 200 / len(self.data) if self.judge.unit == "%" else 0.0  # two samples of all
        mean = sum(losses) / len(losses)
        coarse = round(mean / grain) if grain else mean
        return float(max(coarse, 0)), sum(found.deviations) / len(found.deviations)

    def _losses(self, soft: float, values: list[float], name: str) -> Figure:
        return Figure.over(name, [self.judge.loss(soft, value) for value in values], self.judge.unit, "dies")

    def _told(
        self, soft: float, full: _Found, alone: Table[str, list[float]], after: Table[str, list[float]],
        singles: Table[str, _Found], worst: str, inside: Table[Effect, _Found],
    ) -> Diagnosis:  # fmt: skip
        judge, steps, before = self.judge, [], [soft] * self.state.dies
        for effect, values in after.items():
            lost = [judge.loss(a, b) for a, b in zip(before, values, strict=True)]
            steps.append(Step(
                effect, self._losses(soft, alone[effect], effect), Figure.over(effect, lost, judge.unit, "dies"),
                Figure.over(judge.name, values, judge.unit, "dies"),
            ))  # fmt: skip
            before = values
        whole = self._losses(soft, full.values, "loss")
        rest = [
            judge.loss(soft, value) - sum(judge.loss(soft, values[die]) for values in alone.values())
            for die, value in enumerate(full.values)
        ]
        culprit = max(inside, key=lambda effect: self._weight(soft, inside[effect]))
        layers = self._layers(soft, singles, worst, culprit)
        hardware = Figure.over(judge.name, full.values, judge.unit, "dies")
        found = Diagnosis(
            judge.name, judge.unit, judge.larger_is_better, soft, hardware, whole, tuple(steps),
            Figure.over("rest", rest, judge.unit, "dies"), layers, "",
        )  # fmt: skip
        return _with_sentence(found, worst, culprit)

    def _layers(self, soft: float, singles: Table[str, _Found], worst: str, culprit: str) -> tuple[LayerLoss, ...]:
        from ohmloom.experiments.signals import clipped, signals

        before = [layer.on_chip.die for layer in self.layers.values()]
        ratios, clips = signals(self.hardware, self.data, self.state.dies), clipped(self.hardware, self.data)
        for layer, die in zip(self.layers.values(), before, strict=True):
            layer.on_chip.die = die
        return tuple(
            LayerLoss(
                name, self._losses(soft, found.values, name), Figure.over(name, found.deviations, "", "dies"),
                Figure.over(name, ratios[name], "dB", "dies"), culprit if name == worst else "", clips[name],
            )
            for name, found in singles.items()
        )  # fmt: skip


def _with_sentence(found: Diagnosis, worst: str, culprit: str) -> Diagnosis:
    largest = max(found.steps, key=lambda step: step.alone.value or 0)
    loss, unit = found.loss.value or 0.0, f" {found.unit}" if found.unit else ""
    by_layer = {one.layer: one for one in found.layers}
    share = by_layer[worst].loss.value or 0.0
    points = "points" if found.unit == "%" else found.unit
    moved = 100 * (by_layer[worst].deviation.value or 0)
    sentence = (
        f"The hardware loses {loss:.3g} {points} of {found.software:.4g}{unit}. "
        f"The largest loss is that of layer '{worst}', mostly by {_cause(culprit)}: alone the layer costs {share:.3g} "
        f"{points} and moves the outputs by {moved:.1f} %. "
        f"Over all layers {_cause(largest.effect)} is the largest effect ({largest.alone.value or 0:.3g} {points}). "
        f"What usually helps: {HELP[culprit]}."
    )
    return replace(found, sentence=sentence)


def _cause(effect: str) -> str:
    return "programming and faults" if effect == "programming" else effect


def _number(figure: Figure) -> str:
    return f"{figure.value:>10.3g}" if figure.value is not None else f"{'':>10}"


def _spread(figure: Figure) -> str:
    if figure.interval is None or figure.value is None:
        return figure.text
    return f"{figure.value:.4g} ({figure.interval.low:.4g}-{figure.interval.high:.4g})"
