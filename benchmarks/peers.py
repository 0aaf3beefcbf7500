"""Other programs on the shapes of `linear` and `convolution`, where they are installed: `pip install --no-deps
aihwkit-lightning` (MIT), say. What each computes stands in its line; none draws noise for every cell and read."""

from __future__ import annotations

import contextlib
import io
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from benchmarks.products import BATCH, SIZE
from benchmarks.timing import Result, compare, result


def peers(pairs: int) -> list[Result]:
    """aihwkit-lightning: one draw of noise on the weights for all vectors of a call, noise on outputs, 8-bit codes."""
    if find_spec("aihwkit_lightning") is None:
        print("aihwkit-lightning is not installed: pip install --no-deps aihwkit-lightning")
        return []
    torch.manual_seed(0)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):  # of its Triton kernels
        analogue = _lightning()
    dense, convolved = nn.Linear(SIZE, SIZE), nn.Conv2d(64, 64, 3, padding=1)
    shapes: tuple[tuple[str, nn.Module, nn.Module, torch.Tensor], ...] = (
        (f"Linear {SIZE} x {SIZE}, batch {BATCH}", analogue["linear"], dense, torch.randn(BATCH, SIZE)),
        ("Conv2d 64-64 3x3, 32 x 16 x 16", analogue["convolution"], convolved, torch.randn(32, 64, 16, 16)),
    )
    results = []
    for what, theirs, plain, x in shapes:
        with torch.no_grad():
            seconds = compare(lambda: theirs(x), lambda: plain(x), pairs)  # noqa: B023
        name = f"aihwkit-lightning: {what}, noise once a call"
        results.append(result(name, seconds, "", "torch, float32"))
    return results


def _lightning() -> dict[str, Any]:
    """Its layers with codes of 8 bits, 2 % noise on weights and outputs, evaluated."""
    from aihwkit_lightning.nn import (  # pyright: ignore[reportMissingImports]
        AnalogConv2d,
        AnalogLinear,
    )
    from aihwkit_lightning.simulator.configs import (  # pyright: ignore[reportMissingImports]
        TorchInferenceRPUConfig,
        WeightModifierType,
    )

    config: Any = TorchInferenceRPUConfig()
    config.forward.inp_res = config.forward.out_res = 2**8 - 2
    config.forward.out_noise, config.forward.out_bound = 0.02, 10.0
    config.modifier.type, config.modifier.std_dev = WeightModifierType.ADD_NORMAL, 0.02
    config.modifier.enable_during_test = True
    config.pre_post.input_range.enable = True
    layers: dict[str, Any] = {
        "linear": AnalogLinear(SIZE, SIZE, rpu_config=config),
        "convolution": AnalogConv2d(64, 64, 3, padding=1, rpu_config=config),
    }
    return {name: layer.eval() for name, layer in layers.items()}
