"""What commands are given by name: networks, weights, chips, devices, data and metrics."""

from __future__ import annotations

import importlib
import os
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ohmloom.errors import ConfigurationError, DataError, UnknownNameError, message

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ohmloom.chips import Chip
    from ohmloom.devices import Device
    from ohmloom.experiments.metrics import Metric
    from ohmloom.experiments.samples import Task

Model = Annotated[
    str, typer.Option("--model", help="package.module:callable that returns the network, or an .onnx file.")
]
Weights = Annotated[Path | None, typer.Option("--weights", help="Its weights, a .safetensors file.")]
ChipName = Annotated[str, typer.Option("--chip", help="A preset's name or a TOML file.")]
DeviceName = Annotated[
    str | None, typer.Option("--device", help="Put these cells on the chip: a preset or a TOML file.")
]
Data = Annotated[str, typer.Option("--data", help="A data set's name, package.module:callable, .npz or .safetensors.")]
Subset = Annotated[str, typer.Option("--subset", help="Of a named data set: full or embedded.")]
MetricName = Annotated[str, typer.Option("--metric", help="accuracy, mse, mae or package.module:callable.")]
Dies = Annotated[int, typer.Option("--dies", min=1, help="Dies to draw.")]
Age = Annotated[str, typer.Option("--age", help='Time since programming, such as "1 day".')]
Seed = Annotated[int, typer.Option("--seed", help="The seed of the dies.")]
Count = Annotated[int, typer.Option("--samples", min=1, help="Test samples to use.")]


def load_chip(name: str, device: str | None = None) -> Chip:
    """The chip, with other cells if a device is named."""
    from ohmloom.chips import Chip
    from ohmloom.devices import Device

    chip = Chip.load(_place(name))
    return chip if device is None else chip.replace(device=Device.load(_place(device)))


def load_draws(device: str | None) -> list[Device]:
    """The draws of a fitted device in a file."""
    if device is None or not device.endswith(".toml"):
        return []
    from ohmloom.devices import fitting

    return fitting.load_draws(device)


def _place(name: str) -> str | Path:
    return Path(name) if name.endswith(".toml") else name


def load_model(target: str, weights: Path | None) -> nn.Module:
    from torch import nn

    if target.endswith(".onnx"):
        return _load_onnx(Path(target), weights)
    network = _call("--model", target)
    if not isinstance(network, nn.Module):
        rule = "must return a torch.nn.Module"
        raise ConfigurationError(message("--model", rule, type(network).__name__, "Name a class or a function."))
    if weights is not None:
        _load_weights(network, weights)
    return network.eval()


def _load_onnx(file: Path, weights: Path | None) -> nn.Module:
    from ohmloom.nn import from_onnx

    network = from_onnx(file)
    if weights is not None:
        _load_weights(network, weights)
    return network


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


def load_task(target: str, subset: str, samples: int) -> Task:
    """A named set of images, a file of arrays, or what ``package.module:callable`` returns."""
    from ohmloom.experiments.samples import task

    if Path(target).suffix in (".npz", ".safetensors"):
        return task(_arrays(Path(target)), samples)
    if ":" in target:
        return task(_call("--data", target), samples)
    from ohmloom.data import Images, load

    if subset not in ("full", "embedded"):
        raise ConfigurationError(message("--subset", "must be full or embedded", repr(subset), "Choose one."))
    images = load(target, subset=subset)  # type: ignore[arg-type]
    if not isinstance(images, Images):
        rule = "must be a set of images, a file of arrays, or package.module:callable"
        raise ConfigurationError(message("--data", rule, f"{target!r} ({type(images).__name__})", "Give a callable."))
    training, test = images.tensors("training"), images.tensors("test")
    return task((training.images[:500], test.images, test.labels), samples)


def load_metric(target: str) -> Metric:
    """A metric by name, or the function ``package.module:callable``."""
    from ohmloom.experiments.metrics import metric

    return metric(_named("--metric", target) if ":" in target else target)


def _arrays(file: Path) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], Tensor]:
    """Arrays ``calibration``, ``inputs`` and ``targets``; of several inputs ``calibration_0``, ``inputs_0``, …"""
    import numpy as np
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if file.suffix == ".npz":
            with np.load(file, allow_pickle=False) as held:
                arrays = {name: torch.from_numpy(held[name]) for name in held.files}
        else:
            arrays = load_file(file)
    except FileNotFoundError:
        raise DataError(message("--data", "must be a file", f"'{file}'", "Check the path.")) from None
    except (SafetensorError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise DataError(message("--data", "must be whole arrays", f"{file}: {error}", "Save it again.")) from None
    calibration, inputs = _several("calibration", arrays), _several("inputs", arrays)
    if not calibration or not inputs or "targets" not in arrays:
        rule, given = "must hold calibration, inputs and targets", ", ".join(sorted(arrays)) or "nothing"
        raise DataError(message(f"--data: {file}", rule, given, "Save arrays of these names."))
    return calibration, inputs, arrays["targets"]


def _several(name: str, arrays: dict[str, Tensor]) -> tuple[Tensor, ...]:
    if name in arrays:
        return (arrays[name],)
    numbered = sorted((key for key in arrays if key.startswith(f"{name}_")), key=lambda key: int(key.split("_")[-1]))
    return tuple(arrays[key] for key in numbered)


def _call(option: str, target: str) -> Any:
    """What ``package.module:callable`` returns."""
    return _named(option, target)()


def _named(option: str, target: str) -> Any:
    """``package.module:callable`` itself; the working folder is looked into as well."""
    module, _, name = target.partition(":")
    if not name:
        raise ConfigurationError(message(option, "must be package.module:callable", repr(target), "Add the callable."))
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        remedy = "Check the name, and that the module can be imported from here."
        raise UnknownNameError(message(option, "must exist", f"{target!r} ({error})", remedy)) from None
