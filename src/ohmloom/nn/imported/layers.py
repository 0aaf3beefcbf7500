"""The nodes of ONNX that hold weights, as ordinary torch layers, which `ohmloom.convert` knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ohmloom.errors import ConversionError, message
from ohmloom.nn.imported.operators import symmetric

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
NORMS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


class Given(NamedTuple):
    """What a layer is made of: constant inputs by place (None where computed), attributes, axes of the input."""

    constants: list[Tensor | None]
    settings: dict[str, Any]
    axes: int | None


def convolution(given: Given) -> nn.Module | None:
    """Conv with a constant kernel (out, in / groups, …)."""
    _known(given, "kernel_shape", "strides", "pads", "dilations", "group", "auto_pad")
    kernel, bias = _constant(given, 1), _constant(given, 2)
    if kernel is None or _computed(given, 2):
        return None
    space, settings = kernel.dim() - 2, given.settings
    if space not in CONVOLUTIONS:
        raise ConversionError(message("kernel", "must have one to three axes of space", space, "Export another."))
    groups, ones = settings.get("group", 1), [1] * space
    layer = CONVOLUTIONS[space](
        kernel.shape[1] * groups,
        kernel.shape[0],
        tuple(kernel.shape[2:]),  # type: ignore[arg-type]
        tuple(settings.get("strides", ones)),  # type: ignore[arg-type]
        tuple(symmetric(settings.get("pads"), space, settings.get("auto_pad", "NOTSET"))),  # type: ignore[arg-type]
        tuple(settings.get("dilations", ones)),  # type: ignore[arg-type]
        groups,
        bias is not None,
    )
    return _filled(layer, weight=kernel, bias=bias)


def linear(given: Given) -> nn.Module | None:
    """Gemm with constant B and C: alpha A B + beta C."""
    _known(given, "alpha", "beta", "transA", "transB")
    weight, bias, settings = _constant(given, 1), _constant(given, 2), given.settings
    if weight is None or _computed(given, 2) or settings.get("transA", 0):
        return None
    weight = settings.get("alpha", 1.0) * (weight if settings.get("transB", 0) else weight.T)
    if bias is not None:
        if bias.numel() not in (1, len(weight)):
            return None
        bias = (settings.get("beta", 1.0) * bias.reshape(-1)).expand(len(weight))
    return _linear(weight, bias)


def product(given: Given) -> nn.Module | None:
    """MatMul with a constant (in, out) matrix; a constant vector that is added after it comes as a third input."""
    _known(given)
    weight = _constant(given, 1)
    return None if weight is None or weight.dim() != 2 else _linear(weight.T, _constant(given, 2))


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Module:
    return _filled(nn.Linear(weight.shape[1], weight.shape[0], bias is not None), weight=weight, bias=bias)


def batch_norm(given: Given) -> nn.Module | None:
    """BatchNormalization with constant statistics."""
    _known(given, "epsilon", "momentum", "training_mode", "spatial")
    held = [_constant(given, place) for place in range(1, 5)]
    if any(value is None for value in held):
        return None
    if given.axes not in NORMS or given.settings.get("training_mode", 0):
        rule = "must be at inference, with an input of 2 to 5 axes that the file states"
        raise ConversionError(message("BatchNormalization", rule, f"{given.axes} axes", "Export it in eval mode."))
    momentum = 1 - given.settings.get("momentum", 0.9)  # ONNX counts the share that is kept
    weight, bias, mean, variance = held
    layer = NORMS[given.axes](len(weight), given.settings.get("epsilon", 1e-5), momentum)  # type: ignore[arg-type]
    return _filled(layer, weight=weight, bias=bias, running_mean=mean, running_var=variance)


def layer_norm(given: Given) -> nn.Module | None:
    """LayerNormalization over the last axes with constant scale."""
    _known(given, "axis", "epsilon", "stash_type")
    scale, bias = _constant(given, 1), _constant(given, 2)
    if scale is None or _computed(given, 2):
        return None
    axis = given.settings.get("axis", -1)
    if (axis if axis < 0 else axis - (given.axes or 0)) != -scale.dim():
        raise ConversionError(message("axis", "must begin the axes of the scale", axis, "Give a full scale."))
    layer = nn.LayerNorm(scale.shape, given.settings.get("epsilon", 1e-5), bias=bias is not None)  # type: ignore[arg-type]
    return _filled(layer, weight=scale, bias=bias)


def embedding(given: Given) -> nn.Module | None:
    """Gather of rows of a constant table (entries, features) by computed indices."""
    table = _constant(given, 0)
    if table is None or table.dim() != 2 or not table.is_floating_point() or given.settings.get("axis", 0) != 0:
        return None
    return _filled(nn.Embedding(table.shape[0], table.shape[1]), weight=table)


LAYERS: dict[str, Callable[[Given], nn.Module | None]] = {
    "Conv": convolution,
    "Gemm": linear,
    "MatMul": product,
    "BatchNormalization": batch_norm,
    "LayerNormalization": layer_norm,
    "Gather": embedding,
}


def _constant(given: Given, place: int) -> Tensor | None:
    return given.constants[place] if place < len(given.constants) else None


def _computed(given: Given, place: int) -> bool:
    return place < len(given.constants) and given.constants[place] is None


def _known(given: Given, *names: str) -> None:
    for name in given.settings.keys() - set(names):
        raise ConversionError(message(name, "must be an attribute that ohmloom reads", name, "Export without it."))


def _filled(layer: nn.Module, **values: Tensor | None) -> nn.Module:
    """The layer with these values, in their own precision."""
    weight = values["weight"]
    assert weight is not None
    layer.to(weight.dtype)
    with torch.no_grad():
        for name, value in values.items():
            if value is not None:
                getattr(layer, name).copy_(value)
    return layer
