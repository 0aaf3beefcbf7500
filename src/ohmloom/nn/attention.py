"""Multi-head attention on a chip: the four projections are stored matrices, scores and softmax stay digital."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ohmloom.errors import ConfigurationError, message
from ohmloom.nn.layers import OnChip, Weighted
from ohmloom.nn.modes import Programmed


def why_digital(layer: nn.MultiheadAttention) -> str | None:
    """The reason an attention layer cannot be converted, or None."""
    if layer.bias_k is not None or layer.bias_v is not None:
        return "attention with bias_k and bias_v"
    return "attention with add_zero_attn" if layer.add_zero_attn else None


class ChipMultiheadAttention(OnChip, nn.MultiheadAttention):
    """Attention whose query, key, value and output projections run on the chip."""

    def parts(self) -> dict[str, Weighted]:
        names = ("query", "key", "value")
        if self._qkv_same_embed_dim:
            weights = cast("Tensor", self.in_proj_weight).chunk(3)
        else:
            weights = tuple(cast("Tensor", w) for w in (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight))
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        own: dict[str, Weighted] = {n: (w, b) for n, w, b in zip(names, weights, biases, strict=True)}
        return own | {"output": (self.out_proj.weight, self.out_proj.bias)}

    def watched(self):
        yield from super().watched()
        yield from self.out_proj.parameters()

    def project(self, x: Tensor, part: str, weighted: Weighted) -> Tensor:
        """One of the four projections in the layer's mode."""
        if isinstance(self.on_chip.mode, Programmed):
            return self.product(x, part, weighted)
        weight, bias = weighted
        own = {"weight": weight} | ({} if bias is None else {"bias": bias})
        return self.soft(x, own, lambda v, w: F.linear(v, w["weight"], w.get("bias")), part)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        if self.computes_digitally:
            return super().forward(
                query, key, value, key_padding_mask, need_weights, attn_mask, average_attn_weights, is_causal
            )
        batched = query.dim() == 3
        if not batched:
            query, key, value = query.unsqueeze(0), key.unsqueeze(0), value.unsqueeze(0)
        elif not self.batch_first:
            query, key, value = query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1)
        parts = self.parts()
        heads = [
            self.project(x, name, parts[name]).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for name, x in (("query", query), ("key", key), ("value", value))
        ]  # (batch, heads, positions, head width)
        scores = heads[0] @ heads[1].transpose(-1, -2) / self.head_dim**0.5
        if is_causal and attn_mask is None:
            rule = "must be given where is_causal says that it is causal"
            raise ConfigurationError(message("attn_mask", rule, None, "Give the mask: the hint does not replace it."))
        mask = self._mask(scores, attn_mask, key_padding_mask)
        weights = torch.softmax(scores if mask is None else scores + mask, dim=-1)
        mixed = F.dropout(weights, self.dropout, self.training) @ heads[2]
        output = self.project(mixed.transpose(1, 2).flatten(2), "output", parts["output"])
        if batched and not self.batch_first:
            output = output.transpose(0, 1)
        shown = (weights.mean(1) if average_attn_weights else weights) if need_weights else None
        if not batched:
            return output.squeeze(0), None if shown is None else shown.squeeze(0)
        return output, shown

    def _mask(self, scores: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None) -> Tensor | None:
        """All masks as one additive mask, broadcastable to the scores (batch, heads, targets, sources)."""
        batch, _, targets, sources = scores.shape
        total = None
        if attn_mask is not None:
            total = _additive(attn_mask, scores)
            total = total if total.dim() == 2 else total.view(batch, self.num_heads, targets, sources)
        if key_padding_mask is not None:
            padding = _additive(key_padding_mask, scores).view(batch, 1, 1, sources)
            total = padding if total is None else total + padding
        return total


def _additive(mask: Tensor, like: Tensor) -> Tensor:
    if mask.dtype == torch.bool:
        return torch.zeros_like(mask, dtype=like.dtype).masked_fill_(mask, float("-inf"))
    return mask.to(like)
