"""The operators of ONNX that hold no weights: pure functions, named as in the standard (opset 13 and later).

Tensors are positional, attributes are keywords with the names of the standard; an attribute that a function does not
have is refused at import. An absent optional input is None. Source: https://onnx.ai/onnx/operators.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function

from ohmloom.errors import ConversionError, message

TYPES = {
    1: torch.float32, 2: torch.uint8, 3: torch.int8, 6: torch.int32, 7: torch.int64, 9: torch.bool, 10: torch.float16,
    11: torch.float64, 16: torch.bfloat16,
}  # fmt: skip
OPERATORS: dict[str, Callable[..., Any]] = {}
Sizes = list[int] | None


def operator(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put a function into `OPERATORS`; to a tracer it is one call, whatever happens inside."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def called(*tensors: Any, **settings: Any) -> Any:
            if has_torch_function(tensors):
                return handle_torch_function(called, tensors, *tensors, **settings)
            return function(*tensors, **settings)

        OPERATORS[name] = called
        return called

    return decorate


def _refuse(name: str, rule: str, given: object) -> ConversionError:
    return ConversionError(message(name, rule, given, "Export the model without it."))


def _whole(values: Tensor | None) -> Sizes:
    return None if values is None else [int(value) for value in values.reshape(-1).tolist()]


def _divide(a: Tensor, b: Tensor) -> Tensor:
    """Division; of whole numbers towards zero."""
    whole = not (a.is_floating_point() or b.is_floating_point())
    return torch.div(a, b, rounding_mode="trunc" if whole else None)


for _name, _function in {
    "Abs": torch.abs, "Add": torch.add, "And": torch.logical_and, "Cos": torch.cos, "Div": _divide, "Equal": torch.eq,
    "Erf": torch.erf, "Exp": torch.exp, "Floor": torch.floor, "Greater": torch.gt, "Identity": lambda x: x,
    "Less": torch.lt, "Log": torch.log, "MatMul": torch.matmul, "Mul": torch.mul, "Neg": torch.neg,
    "Not": torch.logical_not, "Pow": torch.pow, "Reciprocal": torch.reciprocal, "Relu": torch.relu,
    "Sigmoid": torch.sigmoid, "Sin": torch.sin, "Softplus": F.softplus, "Sqrt": torch.sqrt, "Sub": torch.sub,
    "Tanh": torch.tanh, "Where": torch.where,
}.items():  # fmt: skip
    operator(_name)(lambda *tensors, function=_function: function(*tensors))


@operator("Cast")
def cast(x: Tensor, *, to: int) -> Tensor:
    if to not in TYPES:
        raise _refuse("to", f"must be a type of {sorted(TYPES)}", to)
    return x.to(TYPES[to])


@operator("Clip")
def clip(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    return x if low is None and high is None else torch.clamp(x, low, high)


@operator("Concat")
def concat(*parts: Tensor, axis: int) -> Tensor:
    return torch.cat(parts, dim=axis)


@operator("ConstantOfShape")
def constant_of_shape(shape: Tensor, *, value: Tensor | None = None) -> Tensor:
    held = torch.zeros(1) if value is None else value
    return held.reshape(()).expand(tuple(_whole(shape) or ())).clone()


@operator("Dropout")
def dropout(x: Tensor, ratio: Tensor | None = None, training: Tensor | None = None, *, seed: int = 0) -> Tensor:
    """The input: a file is a network at inference."""
    if training is not None and bool(training):
        raise _refuse("training_mode", "must be off", "on")
    return x


@operator("Elu")
def elu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.elu(x, alpha)


@operator("Expand")
def expand(x: Tensor, shape: Tensor) -> Tensor:
    return x.expand(torch.broadcast_shapes(x.shape, tuple(_whole(shape) or ())))


@operator("Flatten")
def flatten(x: Tensor, *, axis: int = 1) -> Tensor:
    """Two axes: those before ``axis``, and the rest."""
    first = axis % x.dim() if axis < 0 else axis
    rest = x.shape[first:].numel()
    return x.reshape(-1, rest) if rest else x.reshape(x.shape[:first].numel(), rest)


@operator("Gather")
def gather(x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    axis, size = axis % x.dim(), x.shape[axis]
    flat = torch.where(indices < 0, indices + size, indices).reshape(-1).to(x.device)
    return x.index_select(axis, flat).reshape([*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]])


@operator("Gelu")
def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    return F.gelu(x, approximate=approximate)


@operator("Gemm")
def gemm(
    a: Tensor, b: Tensor, c: Tensor | None = None, *, alpha: float = 1.0, beta: float = 1.0, transA: int = 0,  # noqa: N803
    transB: int = 0,  # noqa: N803
) -> Tensor:  # fmt: skip
    """alpha A B + beta C, of two computed matrices."""
    value = alpha * ((a.T if transA else a) @ (b.T if transB else b))
    return value if c is None else value + beta * c


@operator("GlobalAveragePool")
def global_average_pool(x: Tensor) -> Tensor:
    return x.mean(dim=tuple(range(2, x.dim())), keepdim=True)


@operator("HardSigmoid")
def hard_sigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    return torch.clamp(alpha * x + beta, 0, 1)


@operator("HardSwish")
def hard_swish(x: Tensor) -> Tensor:
    return F.hardswish(x)


@operator("LeakyRelu")
def leaky_relu(x: Tensor, *, alpha: float = 0.01) -> Tensor:
    return F.leaky_relu(x, alpha)


@operator("LogSoftmax")
def log_softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    return torch.log_softmax(x, dim=axis)


@operator("Pad")
def pad(
    x: Tensor, pads: Tensor, value: Tensor | None = None, axes: Tensor | None = None, *, mode: str = "constant"
) -> Tensor:
    """Around the axes: all starts first, then all ends, as the standard has them."""
    around = _whole(pads) or []
    places = list(range(x.dim())) if axes is None else [axis % x.dim() for axis in _whole(axes) or []]
    pairs = {axis: around[i :: len(places)] for i, axis in enumerate(places)}
    first = min((axis for axis, pair in pairs.items() if any(pair)), default=x.dim())
    first = first if mode == "constant" else min(first, 2)  # torch has these modes for all axes of space only
    flat = [size for axis in range(x.dim() - 1, first - 1, -1) for size in pairs.get(axis, [0, 0])]
    if mode == "constant":
        return F.pad(x, flat, value=0.0 if value is None else float(value))
    return F.pad(x, flat, mode={"edge": "replicate", "reflect": "reflect", "wrap": "circular"}[mode])


@operator("ReduceMean")
def reduce_mean(x: Tensor, axes: Tensor | Sizes = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Tensor:
    return _reduced(torch.mean, x, axes, keepdims, noop_with_empty_axes)


@operator("ReduceSum")
def reduce_sum(x: Tensor, axes: Tensor | Sizes = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Tensor:
    return _reduced(torch.sum, x, axes, keepdims, noop_with_empty_axes)


def _reduced(function: Callable[..., Tensor], x: Tensor, axes: Tensor | Sizes, keep: int, noop: int) -> Tensor:
    chosen = _whole(axes) if isinstance(axes, Tensor) else axes
    if not chosen and noop:
        return x
    return function(x, dim=tuple(chosen or range(x.dim())), keepdim=bool(keep))


@operator("Reshape")
def reshape(x: Tensor, shape: Tensor, *, allowzero: int = 0) -> Tensor:
    """A size of 0 is that of the input at the same place, unless ``allowzero``; one size may be -1."""
    sizes = _whole(shape) or []
    if not allowzero:
        sizes = [x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
    return x.reshape(sizes)


@operator("Shape")
def shape_of(x: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    return torch.tensor(x.shape[start:end], dtype=torch.int64)


@operator("Slice")
def slice_of(
    x: Tensor, starts: Tensor, ends: Tensor, axes: Tensor | None = None, steps: Tensor | None = None
) -> Tensor:
    first, last = _whole(starts) or [], _whole(ends) or []
    strides = _whole(steps) or [1] * len(first)
    for axis, start, end, step in zip(_whole(axes) or range(len(first)), first, last, strides, strict=True):
        if step < 0:
            raise _refuse("steps", "must be positive", step)
        size = x.shape[axis]
        low, high = (min(max(at + size if at < 0 else at, 0), size) for at in (start, end))
        x = x.narrow(axis, low, max(high - low, 0))
        x = x.index_select(axis, torch.arange(0, x.shape[axis], step, device=x.device)) if step > 1 else x
    return x


@operator("Softmax")
def softmax(x: Tensor, *, axis: int = -1) -> Tensor:
    return torch.softmax(x, dim=axis)


@operator("Split")
def split(x: Tensor, sizes: Tensor | None = None, *, axis: int = 0, num_outputs: int) -> tuple[Tensor, ...]:
    """Parts of the given sizes, or as many as there are outputs, the last one smaller."""
    each = -(-x.shape[axis] // num_outputs)
    return torch.split(x, each if sizes is None else _whole(sizes) or each, dim=axis)


@operator("Squeeze")
def squeeze(x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.squeeze() if axes is None else x.squeeze(tuple(_whole(axes) or ()))


@operator("Transpose")
def transpose(x: Tensor, *, perm: Sizes = None) -> Tensor:
    return x.permute(tuple(range(x.dim()))[::-1] if perm is None else perm)


@operator("Unsqueeze")
def unsqueeze(x: Tensor, axes: Tensor) -> Tensor:
    whole = _whole(axes) or []
    for axis in sorted(at % (x.dim() + len(whole)) for at in whole):
        x = x.unsqueeze(axis)
    return x


@operator("AveragePool")
def average_pool(
    x: Tensor, *, kernel_shape: list[int], strides: Sizes = None, pads: Sizes = None, ceil_mode: int = 0,
    count_include_pad: int = 0, dilations: Sizes = None, auto_pad: str = "NOTSET",
) -> Tensor:  # fmt: skip
    if any(size != 1 for size in dilations or []):
        raise _refuse("dilations", "must be 1", dilations)
    pool = {1: F.avg_pool1d, 2: F.avg_pool2d}
    padding, axes = symmetric(pads, len(kernel_shape), auto_pad), _axes(kernel_shape)
    stride = strides or [1] * axes
    return pool[axes](x, kernel_shape, stride, padding, bool(ceil_mode), bool(count_include_pad))


@operator("MaxPool")
def max_pool(
    x: Tensor, *, kernel_shape: list[int], strides: Sizes = None, pads: Sizes = None, ceil_mode: int = 0,
    dilations: Sizes = None, storage_order: int = 0, auto_pad: str = "NOTSET",
) -> Tensor:  # fmt: skip
    pool, axes = {1: F.max_pool1d, 2: F.max_pool2d}, _axes(kernel_shape)
    padding, ones = symmetric(pads, axes, auto_pad), [1] * axes
    return pool[axes](x, kernel_shape, strides or ones, padding, dilations or ones, bool(ceil_mode))


def _axes(kernel: list[int]) -> int:
    if len(kernel) > 2:
        raise _refuse("kernel_shape", "must have one or two axes", kernel)
    return len(kernel)


def symmetric(pads: Sizes, axes: int, auto_pad: str) -> list[int]:
    """The padding of each axis. Raises ConversionError for one that differs between start and end."""
    if auto_pad not in ("NOTSET", "VALID"):
        raise _refuse("auto_pad", "must be NOTSET or VALID", auto_pad)
    sizes = pads or [0] * (2 * axes)
    if sizes[:axes] != sizes[axes:]:
        raise _refuse("pads", "must be the same at start and end", sizes)
    return sizes[:axes]
