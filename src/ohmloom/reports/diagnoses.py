"""The page of a diagnosis: the sentence, the waterfall, the layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

import ohmloom
from ohmloom.atomic import write_text
from ohmloom.experiments.diagnosis import CODES, SOFTWARE, Diagnosis
from ohmloom.experiments.figures import Figure
from ohmloom.reports import style
from ohmloom.reports.curves import Bar, effect_waterfall, loss_bars
from ohmloom.reports.page import FIGURES, FILE, template

RECORD = "diagnosis.json"


def write_diagnosis(found: Diagnosis, folder: str | Path, title: str, facts: tuple[str, ...] = ()) -> Path:
    """Write ``report.html``, ``diagnosis.json`` and ``figures/*.svg`` into ``folder``, and return the page's path.

    Raises OutputError for a folder that cannot be written.
    """
    folder = Path(folder)
    write_text(folder / RECORD, json.dumps(found.json(), indent=1, ensure_ascii=False, allow_nan=False))
    pictures = []
    for name, heading, caption, figure in _pictures(found):
        svg = style.svg(figure, name, caption)
        write_text(folder / FIGURES / f"{name}.svg", svg)
        # style.svg escaped every text in it
        pictures.append({"name": name, "title": heading, "caption": caption, "svg": Markup(style.inline(svg))})
    page = template("diagnosis.html.jinja").render(
        found=found, title=title, facts=facts, pictures=pictures, version=ohmloom.__version__, number=_number
    )
    write_text(folder / FILE, page)
    return folder / FILE


def _pictures(found: Diagnosis) -> list[tuple[str, str, str, Any]]:
    axis = found.metric + (f", {found.unit}" if found.unit else "")
    points = "points" if found.unit == "%" else found.unit
    labels = [SOFTWARE, *(f"+ {step.effect}" for step in found.steps)]
    levels = [found.software, *(step.after.value or 0.0 for step in found.steps)]
    layers = [_bar(one.layer, one.loss) for one in found.layers]
    alone = [_bar(step.effect, step.alone) for step in found.steps]
    worst = next((one.layer for one in found.layers if one.effect), None)
    loss = f"loss alone{', ' + points if points else ''}"
    drawn = effect_waterfall(labels, levels, axis, larger_is_better=found.larger_is_better)
    moved = [Bar(one.layer, 100 * (one.deviation.value or 0.0)) for one in found.layers]
    return [
        ("waterfall", "Effect after effect", "From the network in software to the hardware as it is; means over dies. "
         "The order matters where effects interact.", drawn),
        ("effects", "Each effect alone", f"All others are left out ({CODES} stay); bars are intervals over dies.",
         loss_bars(alone, loss)),
        ("layers", "Each layer alone", "Only this layer is on the chip, the others compute in software.",
         loss_bars(layers, loss, worst)),
        ("outputs", "What each layer does to the outputs", "The change of the network's outputs, relative to their "
         "size, if only this layer is on the chip: it shows where the metric does not.",
         loss_bars(moved, "change of the outputs, %", worst)),
    ]  # fmt: skip


def _bar(label: str, figure: Figure) -> Bar:
    ends = (None, None) if figure.interval is None else (figure.interval.low, figure.interval.high)
    return Bar(label, figure.value or 0.0, *ends)


def _number(figure: Figure, digits: int = 3) -> str:
    """The mean, with its interval where known."""
    if figure.value is None:
        return "\u2013"
    if figure.interval is None:
        return f"{figure.value:.{digits}g}"
    return f"{figure.value:.{digits}g} ({figure.interval.low:.{digits}g} to {figure.interval.high:.{digits}g})"
