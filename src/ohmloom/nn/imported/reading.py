"""An ONNX file as plain data: inputs, constants and nodes, with what cannot be imported refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ohmloom.errors import ConfigurationError, ConversionError, DataError, message
from ohmloom.nn.imported.layers import LAYERS
from ohmloom.nn.imported.operators import OPERATORS, TYPES

OLDEST = 13  # the opset from which on the axes of Squeeze and its kin are inputs, and Softmax has one axis
STANDARD = ("", "ai.onnx")


class Input(NamedTuple):
    """An input of the network; its first axis is the batch."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]  # without the batch
    batch: int | None  # None: free


class Node(NamedTuple):
    """One operation."""

    name: str
    kind: str
    inputs: list[str]  # "" for one that is left out
    outputs: list[str]
    settings: dict[str, Any]


class Graph(NamedTuple):
    """What a file holds."""

    inputs: list[Input]
    outputs: list[str]
    constants: dict[str, Tensor]
    nodes: list[Node]
    axes: dict[str, int]  # of each value whose number of axes is known


def read(file: str | Path) -> Graph:
    """The graph in an ONNX file.

    Raises ConfigurationError if onnx is not installed, DataError for a missing or broken file, and ConversionError for
    an opset before 13, for operators that are not known (all of them, with their nodes), and for inputs with a free
    axis besides the batch.
    """
    path = Path(file)
    model = _load(path)
    _check_opset(path, model)
    unknown = [f"{_kind(node)} (node '{_name(node)}')" for node in model.graph.node if not _is_known(node)]
    if unknown:
        rule, remedy = "must use operators that ohmloom reads", "Known: " + ", ".join(sorted(_known())) + "."
        raise ConversionError(message(str(path), rule, ", ".join(unknown), remedy))
    graph = model.graph
    held = {tensor.name: _tensor(tensor.name, tensor) for tensor in graph.initializer}
    inputs = [_input(path, value) for value in graph.input if value.name not in held]
    nodes = [_node(node) for node in graph.node]
    typed = [*graph.value_info, *graph.input, *graph.output]
    axes = {v.name: len(v.type.tensor_type.shape.dim) for v in typed if v.type.tensor_type.HasField("shape")}
    return Graph(inputs, [value.name for value in graph.output], held, nodes, axes)


def _load(path: Path) -> Any:
    try:
        import onnx
        import onnx.inliner
    except ImportError:
        rule, remedy = "needs onnx", "pip install 'ohmloom[onnx]'."
        raise ConfigurationError(message(str(path), rule, "none installed", remedy)) from None
    if not path.is_file():
        raise DataError(message(str(path), "must be a file", "none there", "Check the path."))
    try:
        model = onnx.load(path)
        model = onnx.inliner.inline_local_functions(model) if model.functions else model
        model = onnx.shape_inference.infer_shapes(model)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf, onnx and the file system raise unrelated classes
        said = str(error).strip().split("\n")[0] or type(error).__name__
        raise DataError(message(str(path), "must be a whole ONNX model", said, "Export it again.")) from None
    return model


def _check_opset(path: Path, model: Any) -> None:
    opset = next((held.version for held in model.opset_import if held.domain in STANDARD), 0)
    if opset < OLDEST:
        remedy = "Export it again, or use onnx.version_converter."
        raise ConversionError(message(f"{path}: opset", f"must be {OLDEST} or later", opset, remedy))


def _known() -> set[str]:
    return LAYERS.keys() | OPERATORS.keys() | {"Constant"}


def _is_known(node: Any) -> bool:
    return node.domain in STANDARD and node.op_type in _known()


def _kind(node: Any) -> str:
    return node.op_type if node.domain in STANDARD else f"{node.domain}.{node.op_type}"


def _name(node: Any) -> str:
    return node.name or (node.output[0] if node.output else "")


def _input(path: Path, value: Any) -> Input:
    held = value.type.tensor_type
    sizes = [dim.dim_value if dim.HasField("dim_value") else None for dim in held.shape.dim]
    if not sizes or any(not size for size in sizes[1:]):
        given = [dim.dim_param or dim.dim_value or "?" for dim in held.shape.dim]
        rule, remedy = "must have fixed axes besides the batch, the first", "Export it with fixed sizes."
        raise ConversionError(message(f"{path}: input '{value.name}'", rule, given, remedy))
    if held.elem_type not in TYPES:
        remedy = "Export it with another type."
        raise ConversionError(message(f"{path}: input '{value.name}'", "must be numbers", held.elem_type, remedy))
    return Input(value.name, TYPES[held.elem_type], tuple(size or 0 for size in sizes[1:]), sizes[0] or None)


def _node(node: Any) -> Node:
    import onnx

    settings = {held.name: _plain(_name(node), onnx.helper.get_attribute_value(held)) for held in node.attribute}
    return Node(_name(node), node.op_type, list(node.input), list(node.output), settings)


def _plain(node: str, value: Any) -> Any:
    """An attribute as text, number, list or tensor."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, (int, float, str)):
        return value
    return _tensor(node, value) if hasattr(value, "raw_data") else list(value)


def _tensor(name: str, tensor: Any) -> Tensor:
    import onnx

    if tensor.data_type not in TYPES:
        given = onnx.TensorProto.DataType.Name(tensor.data_type)
        raise ConversionError(message(f"constant '{name}'", "must be numbers that torch has", given, "Export another."))
    held = np.array(onnx.numpy_helper.to_array(tensor))
    if TYPES[tensor.data_type] is torch.bfloat16:
        return torch.from_numpy(held.astype(np.float32)).to(torch.bfloat16)
    return torch.from_numpy(held)
