"""``ohmloom summary`` and ``ohmloom evaluate``: a user's own model on a chip."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ohmloom.cli.output import Json, show_json, show_table, speaking
from ohmloom.errors import ConfigurationError, DataError, UnknownNameError, message

if TYPE_CHECKING:
    from torch import nn

    from ohmloom.chips import Chip
    from ohmloom.devices import Device
    from ohmloom.experiments.evaluate import Classified, Evaluation
    from ohmloom.experiments.figures import Figure

Model = Annotated[str, typer.Option("--model", help="package.module:callable that returns the network.")]
Weights = Annotated[Path | None, typer.Option("--weights", help="Its weights, a .safetensors file.")]
ChipName = Annotated[str, typer.Option("--chip", help="A preset's name or a TOML file.")]
DeviceName = Annotated[
    str | None, typer.Option("--device", help="Put these cells on the chip: a preset or a TOML file.")
]
Draws = Annotated[int, typer.Option("--draws", min=0, help="Draws of a fitted device to evaluate, if it has any.")]
Data = Annotated[str, typer.Option("--data", help="A data set's name, or package.module:callable.")]
Subset = Annotated[str, typer.Option("--subset", help="Of a named data set: full or embedded.")]
Dies = Annotated[int, typer.Option("--dies", min=1, help="Dies to draw.")]
Age = Annotated[str, typer.Option("--age", help='Time since programming, such as "1 day".')]
Seed = Annotated[int, typer.Option("--seed", help="The seed of the dies.")]
Images = Annotated[int, typer.Option("--samples", min=1, help="Test samples to use.")]


@speaking
def summary(
    model: Model,
    chip: ChipName = "neurram",
    device: DeviceName = None,
    weights: Weights = None,
    as_json: Json = False,
) -> None:
    """Where a model would sit on a chip, and what stays digital and why."""
    import ohmloom as ol

    shown = ol.summary(ol.convert(_model(model, weights), _chip(chip, device)))
    if as_json:
        place = shown.placement
        show_json({"chip": shown.chip, "digital": shown.digital, "cores": place.cores_used,
                   "utilisation": place.utilisation, "matrices": [asdict(row) for row in shown.rows]})  # fmt: skip
    else:
        typer.echo(shown)


@speaking
def evaluate(
    model: Model,
    data: Data,
    chip: ChipName = "neurram",
    device: DeviceName = None,
    draws: Draws = 10,
    weights: Weights = None,
    subset: Subset = "full",
    dies: Dies = 3,
    age: Age = "1 day",
    seed: Seed = 0,
    samples: Images = 1000,
    as_json: Json = False,
) -> None:
    """Accuracy, energy, latency and area of your own classifier on a chip.

    The callable of --data returns (calibration inputs, test inputs, test labels) as tensors. A device made by
    `ohmloom fit` has draws beside it: they show what the fit's own uncertainty leaves open.
    """
    from ohmloom.experiments import open_progress
    from ohmloom.experiments.evaluate import evaluate as compute
    from ohmloom.experiments.evaluate import evaluate_draws

    network, held, hardware = _model(model, weights), _data(data, subset, samples), _chip(chip, device)
    others = _draws(device)[:draws]
    with open_progress(quiet=as_json) as progress:
        found = compute(network, hardware, held, dies=dies, age=age, seed=seed, progress=progress)
        figures = [found.software, found.chip, found.uncalibrated]
        if others:
            figures.append(evaluate_draws(network, hardware, others, held, age=age, seed=seed, progress=progress))
    _show(found, figures, as_json)


def _show(found: Evaluation, figures: list[Figure], as_json: bool) -> None:
    if as_json:
        spent = found.cost
        show_json({
            "figures": {f.name: f.model_dump(mode="json") for f in figures},
            "cost": {"energy_joule": spent.energy_joule, "latency_second": spent.latency_second,
                     "area_square_metre": spent.area_square_metre, "components": dict(spent.components),
                     "layers": dict(spent.layers), "basis": spent.basis, "schedule": spent.schedule},
        })  # fmt: skip
        return
    typer.echo(f"{found.summary}\n\n{found.programming.table()}\n\n{found.cost.table()}\n")
    show_table(
        [(f.name, f.text, _interval(f), f"{len(f.values)} {f.spread_over}" if f.values else "") for f in figures],
        ("figure", "value", "95 % interval", "over"),
    )


def _interval(figure: Figure) -> str:
    return "" if figure.interval is None else f"{figure.interval.low:.2f} to {figure.interval.high:.2f} %"


def _chip(name: str, device: str | None) -> Chip:
    """The chip, with other cells if a device is named."""
    from ohmloom.chips import Chip
    from ohmloom.devices import Device

    chip = Chip.load(_place(name))
    return chip if device is None else chip.replace(device=Device.load(_place(device)))


def _draws(device: str | None) -> list[Device]:
    """The draws of a fitted device in a file."""
    if device is None or not device.endswith(".toml"):
        return []
    from ohmloom.devices.fitting import load_draws

    return load_draws(device)


def _place(name: str) -> str | Path:
    return Path(name) if name.endswith(".toml") else name


def _model(target: str, weights: Path | None) -> nn.Module:
    from torch import nn

    network = _call("--model", target)
    if not isinstance(network, nn.Module):
        rule = "must return a torch.nn.Module"
        raise ConfigurationError(message("--model", rule, type(network).__name__, "Name a class or a function."))
    if weights is not None:
        _load_weights(network, weights)
    return network.eval()


def _load_weights(network: nn.Module, weights: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        network.load_state_dict(load_file(weights))
    except FileNotFoundError:
        raise DataError(message("--weights", "must be a file", f"'{weights}'", "Check the path.")) from None
    except SafetensorError as error:
        raise DataError(
            message("--weights", "must be whole safetensors", f"{weights}: {error}", "Save it again.")
        ) from None
    except RuntimeError as error:
        rule = "must fit the model"
        raise ConfigurationError(message("--weights", rule, str(error).replace("\n", " "), "Give its own.")) from None


def _data(target: str, subset: str, samples: int) -> Classified:
    from ohmloom.experiments.evaluate import Classified

    if ":" in target:
        parts = _call("--data", target)
        if not isinstance(parts, tuple) or len(parts) != 3:
            rule = "must return (calibration inputs, test inputs, test labels)"
            raise ConfigurationError(message("--data", rule, type(parts).__name__, "Return three tensors."))
        calibration, inputs, labels = parts
        return Classified(calibration, inputs[:samples], labels[:samples])
    from ohmloom.data import Images, load

    if subset not in ("full", "embedded"):
        raise ConfigurationError(message("--subset", "must be full or embedded", repr(subset), "Choose one."))
    images = load(target, subset=subset)  # type: ignore[arg-type]
    if not isinstance(images, Images):
        rule = "must be a set of images, or package.module:callable"
        raise ConfigurationError(message("--data", rule, f"{target!r} ({type(images).__name__})", "Give a callable."))
    training, test = images.tensors("training"), images.tensors("test")
    return Classified(training.images[:500], test.images[:samples], test.labels[:samples])


def _call(option: str, target: str) -> Any:
    """What ``package.module:callable`` returns; the working folder is looked into as well."""
    module, _, name = target.partition(":")
    if not name:
        raise ConfigurationError(message(option, "must be package.module:callable", repr(target), "Add the callable."))
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return getattr(importlib.import_module(module), name)()
    except (ImportError, AttributeError) as error:
        remedy = "Check the name, and that the module can be imported from here."
        raise UnknownNameError(message(option, "must exist", f"{target!r} ({error})", remedy)) from None
