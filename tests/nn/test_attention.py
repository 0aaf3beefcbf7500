"""Attention on a chip against torch's own, mask by mask and path by path."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import ohmloom as ol
from ohmloom import Chip
from tests.nn.helpers import relative

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # torch's own, about nested tensors and masks
IDEAL = Chip.load("ideal")
BATCH, TARGETS, SOURCES, WIDTH, HEADS = 3, 4, 6, 8, 2


def masks(kind: str, targets: int, sources: int) -> Tensor | None:
    """An attention mask of every kind that torch takes."""
    generator = torch.Generator().manual_seed(5)
    if kind == "none":
        return None
    if kind == "float":
        return torch.randn(targets, sources, generator=generator)
    if kind == "per head":
        return torch.rand(BATCH * HEADS, targets, sources, generator=generator) < 0.2
    return torch.rand(targets, sources, generator=generator) < 0.2


@settings(max_examples=60)
@given(
    batch_first=st.booleans(),
    other_widths=st.booleans(),
    bias=st.booleans(),
    batched=st.booleans(),
    need_weights=st.booleans(),
    average=st.booleans(),
    padding=st.sampled_from(["none", "bool", "float"]),
    mask=st.sampled_from(["none", "bool", "float", "per head"]),
)
def test_attention_agrees_with_torchs(
    batch_first: bool, other_widths: bool, bias: bool, batched: bool, need_weights: bool, average: bool, padding: str,
    mask: str,
) -> None:  # fmt: skip
    torch.manual_seed(1)
    widths = {"kdim": 5, "vdim": 7} if other_widths else {}
    layer = nn.MultiheadAttention(WIDTH, HEADS, bias=bias, batch_first=batch_first, **widths).eval()
    if bias:
        nn.init.normal_(layer.in_proj_bias)
    shapes = ((TARGETS, WIDTH), (SOURCES, widths.get("kdim", WIDTH)), (SOURCES, widths.get("vdim", WIDTH)))
    inputs = [torch.randn(BATCH, *shape) for shape in shapes]
    empty = torch.zeros(BATCH, SOURCES, dtype=torch.bool)
    empty[:, 4:] = torch.tensor([[False, True], [True, True], [False, False]])
    told: dict[str, Any] = {"need_weights": need_weights, "average_attn_weights": average}
    if not batched:
        inputs, empty = [x[0] for x in inputs], empty[0]
        mask = "bool" if mask == "per head" else mask
    elif not batch_first:
        inputs = [x.transpose(0, 1) for x in inputs]
    if padding != "none":
        told["key_padding_mask"] = empty if padding == "bool" else torch.zeros(empty.shape).masked_fill(empty, -1e4)
    attn_mask = masks(mask, TARGETS, SOURCES)
    told["attn_mask"] = attn_mask
    wanted, wanted_weights = layer(*inputs, **told)
    hardware = ol.convert(layer, IDEAL)
    digital, _ = hardware(*inputs, **told)
    assert torch.equal(digital, wanted)
    ol.program(hardware)
    ours, weights = hardware(*inputs, **told)
    assert ours.shape == wanted.shape
    torch.testing.assert_close(ours, wanted, rtol=1e-4, atol=1e-5)
    assert (weights is None) == (wanted_weights is None)
    if weights is not None:
        torch.testing.assert_close(weights, wanted_weights, rtol=1e-4, atol=1e-6)


def encoder(**how: Any) -> nn.Module:
    torch.manual_seed(3)
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 16, dropout=0.0, **how)
    return nn.TransformerEncoder(layer, 2)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("masked", ["no", "padded", "causal", "both"])
def test_encoders_agree_on_every_path_of_torchs(
    training: bool, norm_first: bool, batch_first: bool, masked: str
) -> None:
    model = encoder(batch_first=batch_first, norm_first=norm_first).train(training)
    x = torch.randn((BATCH, SOURCES, WIDTH) if batch_first else (SOURCES, BATCH, WIDTH))
    told: dict[str, Any] = {}
    lengths = torch.tensor([SOURCES, 2, 4])
    inside = torch.arange(SOURCES) < lengths.unsqueeze(1)
    if masked in ("padded", "both"):
        told["src_key_padding_mask"] = ~inside
    if masked in ("causal", "both"):
        told |= {"mask": nn.Transformer.generate_square_subsequent_mask(SOURCES).isinf(), "is_causal": True}
    hardware = ol.convert(model, IDEAL)
    seen = inside if masked in ("padded", "both") else torch.ones_like(inside)
    seen = seen if batch_first else seen.T
    with torch.inference_mode():  # torch's fused and nested paths
        wanted = model(x, **told)
        assert torch.equal(hardware(x, **told), wanted)
        ol.program(hardware)
        ours = hardware(x, **told)
        assert relative(ours[seen], wanted[seen]) < 1e-5  # what a padded place holds means nothing
        assert all(layer.on_chip.calls for layer in ol.converted(hardware).values())
        ol.mode(hardware, "digital")
        assert torch.equal(hardware(x, **told), wanted)


def test_is_causal_is_a_hint_that_needs_its_mask() -> None:
    """Torch refuses the hint without the mask; so does the hardware, in every mode."""
    layer, x = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True), torch.randn(BATCH, SOURCES, WIDTH)
    hardware = ol.convert(layer, IDEAL)
    ol.program(hardware)
    for mode in ("digital", "quantised", "programmed"):
        ol.mode(hardware, mode)
        with pytest.raises((RuntimeError, ol.OhmloomError), match="attn_mask"):
            hardware(x, x, x, is_causal=True)


def test_a_whole_transformer_with_a_decoder() -> None:
    torch.manual_seed(4)
    model = nn.Transformer(WIDTH, HEADS, 1, 1, 16, dropout=0.0, batch_first=True).eval()
    source, target = torch.randn(BATCH, SOURCES, WIDTH), torch.randn(BATCH, TARGETS, WIDTH)
    hardware = ol.convert(model, IDEAL)
    assert torch.equal(hardware(source, target), model(source, target))
    ol.program(hardware)
    assert relative(hardware(source, target), model(source, target)) < 1e-5


def test_attention_weights_dropout_only_in_training() -> None:
    layer, x = nn.MultiheadAttention(WIDTH, HEADS, dropout=0.5, batch_first=True), torch.randn(1, SOURCES, WIDTH)
    hardware = ol.convert(layer, IDEAL)
    ol.program(hardware)
    assert torch.equal(hardware.eval()(x, x, x)[0], hardware(x, x, x)[0])
    assert not torch.equal(hardware.train()(x, x, x)[0], hardware(x, x, x)[0])
