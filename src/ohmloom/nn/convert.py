"""Conversion: a copy of the user's model whose layers can compute on a chip."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping as Table
from typing import Any, cast

import torch
from torch import nn

from ohmloom.chips import Chip, Mapping, Need, Placement, need, place
from ohmloom.errors import ConfigurationError, ConversionError, NotFiniteError, message, unknown
from ohmloom.nn.attention import ChipMultiheadAttention, why_digital
from ohmloom.nn.folding import norm_pairs
from ohmloom.nn.layers import ChipBatchNorm1d, ChipBatchNorm2d, ChipConv1d, ChipConv2d, ChipLinear, OnChip
from ohmloom.nn.state import HardwareState, LayerState

CONVERTED = {
    nn.Linear: ChipLinear,
    nn.Conv1d: ChipConv1d,
    nn.Conv2d: ChipConv2d,
    nn.MultiheadAttention: ChipMultiheadAttention,
}
NORMS = {nn.BatchNorm1d: ChipBatchNorm1d, nn.BatchNorm2d: ChipBatchNorm2d}
WEIGHTED = (
    nn.Embedding,
    nn.EmbeddingBag,
    nn.RNNBase,
    nn.RNNCellBase,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
    nn.Conv3d,
    nn.Bilinear,
)


def convert(model: nn.Module, chip: Chip, rules: Table[str, Table[str, object]] | None = None) -> Any:
    """A new module that computes like ``model`` and can be put on ``chip``; the model is untouched. No chance involved.

    ``rules`` maps a layer's name to settings: ``{"digital": True}`` keeps it off the chip, ``{"mapping": Mapping}``
    gives it a mapping of its own, ``{"fold": False}`` leaves the batch norm after it digital. Linear, Conv1d, Conv2d
    and MultiheadAttention are converted; everything else stays digital, and `summary` says why. Batch norms that
    directly follow a converted layer are folded into its cells when they are programmed, and only then.

    Raises ConversionError if nothing can be converted or something already is, UnknownNameError for a rule without its
    layer, NotFiniteError for NaN in a weight, PlacementError if the network does not fit the chip.
    """
    if converted(model):
        rule = "must not be converted already"
        raise ConversionError(message("model", rule, type(model).__name__, "Convert the model that you started from."))
    rules = {name: dict(rule) for name, rule in (rules or {}).items()}
    names = {name for name, _ in model.named_modules()}
    for name in rules.keys() - names:
        raise unknown("rules", name, names - {""})
    _check_finite(model)
    hardware = copy.deepcopy(model)
    state = HardwareState(chip, rules, {}, signature(model))
    pairs = norm_pairs(model)
    inside_attention: set[str] = set()
    modules = dict(hardware.named_modules())
    for name, layer in modules.items():
        if name in inside_attention:
            continue
        reason = _why_digital(layer, rules.get(name, {}))
        if reason is None and type(layer) in CONVERTED:
            _exchange(layer, name, state, rules.get(name, {}))
            inside_attention |= {f"{name}.out_proj"} if isinstance(layer, nn.MultiheadAttention) else set()
        elif reason is not None:
            state.digital[name] = reason
    layers = converted(hardware)
    if not layers:
        rule = "must have a Linear, Conv1d, Conv2d or MultiheadAttention that may leave the digital side"
        raise ConversionError(message("model", rule, type(model).__name__, "Check the rules, or convert a submodule."))
    for name, norm in pairs.items():
        if name in layers and rules.get(name, {}).get("fold", True):
            _fold(cast("OnChip", modules[name]), modules[norm])
    cast("Any", hardware).on_chip_state = state
    plan(hardware)
    return hardware


def converted(hardware: nn.Module) -> dict[str, OnChip]:
    """The converted layers by name."""
    return {name: layer for name, layer in hardware.named_modules() if isinstance(layer, OnChip)}


def state_of(hardware: nn.Module) -> HardwareState:
    """The record of a converted model. Raises ConversionError for any other module."""
    state = getattr(hardware, "on_chip_state", None)
    if not isinstance(state, HardwareState):
        rule = "must come from ohmloom.convert"
        raise ConversionError(message("hardware", rule, type(hardware).__name__, "Convert the model first."))
    return state


def needs(hardware: nn.Module) -> dict[str, Need]:
    """What each part of each layer needs of the chip, before programming."""
    result: dict[str, Need] = {}
    for name, layer in converted(hardware).items():
        with torch.no_grad():
            parts = layer.parts()
        for part, (weight, bias) in parts.items():
            mapping, limit = layer.on_chip.mapping, layer.limit(part)
            largest = 0.0
            if mapping.bias == "rows" and bias is not None and limit is not None:
                largest = float((bias.detach().abs().max() / (limit.detach() * mapping.scale(weight))).cpu())
            segments = mapping.segments(weight.shape[1], weight.shape[0], largest)
            result[matrix_name(name, part, len(parts))] = need(segments, mapping)
    return result


def plan(hardware: nn.Module) -> Placement:
    """Where everything will sit. Raises PlacementError if it does not fit."""
    cores = state_of(hardware).chip.cores
    return place(needs(hardware), cores.count, cores.rows, cores.columns)


def matrix_name(layer: str, part: str, parts: int) -> str:
    """The name of a matrix in placements, ledgers and files; a model that is a layer itself is called "model"."""
    return (layer or "model") if parts == 1 else f"{layer or 'model'}.{part}"


def signature(model: nn.Module) -> str:
    """The structure of a model: names, classes and shapes, by which a saved folder recognises it."""
    lines = [
        f"{name} {tuple(value.shape)}" for name, value in sorted(model.state_dict().items()) if "clips." not in name
    ]
    return "\n".join(lines)


def _why_digital(layer: nn.Module, rule: Table[str, object]) -> str | None:
    """The reason a layer with weights stays digital; None for layers that are converted or have none."""
    if rule.get("digital"):
        return "a rule says so"
    if isinstance(layer, nn.MultiheadAttention) and type(layer) is nn.MultiheadAttention:
        return why_digital(layer)
    if type(layer) in CONVERTED:
        return None
    for known in CONVERTED:
        if isinstance(layer, known):
            return f"a subclass of {known.__name__} may compute anything"
    return f"{type(layer).__name__} is not converted" if isinstance(layer, WEIGHTED) else None


def _exchange(layer: nn.Module, name: str, state: HardwareState, rule: Table[str, object]) -> None:
    known = {"digital", "mapping", "fold"}
    if extra := rule.keys() - known:
        raise unknown(f"rules.{name}", next(iter(extra)), known)
    mapping = rule.get("mapping", state.chip.layer_mapping)
    if not isinstance(mapping, Mapping):
        given, remedy = type(mapping).__name__, "Give ohmloom.Mapping(...), such as chip.mapping.replace(...)."
        raise ConfigurationError(message(f"rules.{name}.mapping", "must be a Mapping", given, remedy))
    rows, columns = mapping.rows or state.chip.cores.rows, mapping.columns or state.chip.cores.columns
    layer.__class__ = CONVERTED[type(layer)]
    cast("OnChip", layer).on_chip = LayerState(name or "model", mapping.replace(rows=rows, columns=columns))


def _fold(layer: OnChip, norm: nn.Module) -> None:
    norm.__class__ = NORMS[type(norm)]
    cast("Any", norm).source = [layer]
    layer.on_chip.folded.append(norm)


def _check_finite(model: nn.Module) -> None:
    for name, value in itertools.chain(model.named_parameters(), model.named_buffers()):
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            count = int((~torch.isfinite(value)).sum())
            raise NotFiniteError(message(name, "must be finite", f"{count} NaN or inf", "Check the training."))
