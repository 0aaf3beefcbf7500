"""Which batch norm directly follows which layer: by tracing, or, where a model cannot be traced, inside Sequentials."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import cast

import torch.fx
from torch import Tensor, nn

FOLDABLE = {nn.Linear: nn.BatchNorm1d, nn.Conv1d: nn.BatchNorm1d, nn.Conv2d: nn.BatchNorm2d}


def norm_pairs(model: nn.Module) -> dict[str, str]:
    """Layer name → name of the batch norm that is the only user of its output.

    Only norms with running statistics, of as many channels as the layer has outputs, and layers called once count;
    others stay digital.
    """
    pairs = _traced(model)
    modules = dict(model.named_modules())
    found = (_sequential(model) if pairs is None else pairs).items()
    return {layer: norm for layer, norm in found if _fits(modules[layer], modules[norm])}


def _fits(layer: nn.Module, norm: nn.Module) -> bool:
    if type(norm) is not FOLDABLE.get(type(layer)) or norm.running_var is None:
        return False
    return len(cast("Tensor", layer.weight)) == len(cast("Tensor", norm.running_var))


class _Tracer(torch.fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) in FOLDABLE or type(m) in FOLDABLE.values() or super().is_leaf_module(m, module_qualified_name)


def _traced(model: nn.Module) -> dict[str, str] | None:
    try:
        graph = _Tracer().trace(model)
    except Exception:
        return None
    calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
    pairs = {}
    for node in graph.nodes:
        users = list(node.users)
        alone = node.op == "call_module" and calls[node.target] == 1 and len(users) == 1
        if alone and users[0].op == "call_module" and calls[users[0].target] == 1:
            pairs[str(node.target)] = str(users[0].target)
    return pairs


def _sequential(model: nn.Module) -> dict[str, str]:
    pairs = {}
    for prefix, module in model.named_modules():
        if type(module) is nn.Sequential:
            names = [f"{prefix}.{name}" if prefix else name for name, _ in module.named_children()]
            pairs |= dict(itertools.pairwise(names))
    return pairs
