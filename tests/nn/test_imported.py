"""ONNX in: the same outputs as torch, real layers on the chip, and what cannot be imported named."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

import ohmloom as ol
from ohmloom.errors import ConversionError, DataError, ShapeError

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
helper = pytest.importorskip("onnx.helper") if onnx else None
FLOAT, INT = 1, 7


def written(
    path: Path, nodes: list[Any], inputs: dict[str, list[Any]], constants: dict[str, Tensor], *, opset: int = 18,
    outputs: tuple[str, ...] = ("y",), types: dict[str, int] | None = None,
) -> Path:  # fmt: skip
    """A file of these nodes; the types of outputs are left to the reader's inference."""
    held = [onnx.numpy_helper.from_array(v.detach().numpy(), name=n) for n, v in constants.items()]
    given = [helper.make_tensor_value_info(n, (types or {}).get(n, FLOAT), s) for n, s in inputs.items()]
    results = [helper.make_tensor_value_info(name, (types or {}).get("x", FLOAT), None) for name in outputs]
    graph = helper.make_graph(nodes, "test", given, results, held)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]), path)
    return path


def node(kind: str, inputs: str, outputs: str = "y", **settings: Any) -> Any:
    """``inputs`` as words; ``-`` for one left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(kind, names, outputs.split(), name=f"{kind.lower()}_{outputs.split()[0]}", **settings)


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in model.state_dict().items() if "num_batches" not in name}


class Cnn(nn.Module):
    """Convolution, batch norm, residual sum, depthwise convolution, pools, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.conv2, self.head = nn.Conv2d(8, 8, 3, padding=1, stride=1, groups=4), nn.Linear(8, 5)
        nn.init.uniform_(self.norm.running_mean)  # type: ignore[arg-type]
        nn.init.uniform_(self.norm.running_var, 0.5, 2.0)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.norm(self.conv1(x))), 2)
        x = F.relu(x + self.conv2(x))
        return self.head(x.mean((2, 3)))


CNN_NODES = [
    ("Conv", "x conv1.weight", "a", {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}),
    ("BatchNormalization", "a norm.weight norm.bias norm.running_mean norm.running_var", "b", {"epsilon": 1e-5}),
    ("Relu", "b", "c", {}),
    ("MaxPool", "c", "d", {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("Conv", "d conv2.weight conv2.bias", "e", {"pads": [1, 1, 1, 1], "group": 4}),
    ("Add", "d e", "f", {}),
    ("Relu", "f", "g", {}),
    ("GlobalAveragePool", "g", "h", {}),
    ("Flatten", "h", "i", {"axis": 1}),
    ("Gemm", "i head.weight head.bias", "y", {"transB": 1}),
]


def cnn_file(path: Path, model: nn.Module, batch: Any = "batch") -> Path:
    nodes = [node(kind, inputs, outputs, **settings) for kind, inputs, outputs, settings in CNN_NODES]
    return written(path, nodes, {"x": [batch, 3, 8, 8]}, state(model))


@pytest.fixture
def cnn() -> nn.Module:
    torch.manual_seed(0)
    return Cnn().eval()


@pytest.mark.parametrize("batch", ["batch", 1])
def test_a_cnn_computes_what_torch_computes_and_runs_on_a_chip(tmp_path: Path, cnn: nn.Module, batch: Any) -> None:
    network, x = ol.from_onnx(cnn_file(tmp_path / "cnn.onnx", cnn, batch)), torch.randn(4, 3, 8, 8)
    torch.testing.assert_close(network(x), cnn(x), rtol=1e-5, atol=1e-5)
    assert [name for name, _ in network.named_children()] == ["conv1", "norm", "conv2", "head"]
    own, theirs = (ol.convert(model, ol.Chip.load("ideal")) for model in (cnn, network))
    for hardware in (own, theirs):
        ol.program(hardware, seed=0)
    assert theirs.conv1.on_chip.folded == [theirs.norm]  # the tracer sees through the imported network
    torch.testing.assert_close(theirs(x), own(x), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(theirs(x), cnn(x), rtol=1e-3, atol=1e-3)


def test_an_imported_network_trains_copies_and_pickles(tmp_path: Path, cnn: nn.Module) -> None:
    network, x = ol.from_onnx(cnn_file(tmp_path / "cnn.onnx", cnn)), torch.randn(2, 3, 8, 8)
    assert {value.shape for value in network.parameters()} == {value.shape for value in cnn.parameters()}
    network(x).square().sum().backward()
    assert all(value.grad is not None for value in network.parameters())
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        torch.testing.assert_close(twin(x), network(x), rtol=0, atol=0)


class Transformer(nn.Module):
    """Token and position embeddings, one block with two heads, layer norms, GELU, mean over tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(11, 8), nn.Parameter(torch.randn(6, 8))
        self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.mixed, self.out = nn.Linear(8, 24), nn.Linear(8, 8, bias=False)
        self.wide, self.narrow, self.head = nn.Linear(8, 16), nn.Linear(16, 8), nn.Linear(8, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.places
        q, k, v = self.mixed(self.norm1(x)).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        mixed = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(4), -1) @ v
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        x = x + self.narrow(F.gelu(self.wide(self.norm2(x))))
        return self.head(x.mean(1))


def transformer_file(path: Path, model: Transformer) -> Path:
    """As exporters write it: transposed products, shapes from the input, GELU from Erf."""
    held = state(model)
    held = {n: v.T.contiguous() if n.split(".")[0] in ("mixed", "out", "wide", "narrow") and v.dim() == 2 else v
            for n, v in held.items()}  # fmt: skip
    held |= {name: torch.tensor(value) for name, value in {
        "zero": [0], "zero0": 0, "one0": 1, "two0": 2, "rest": [6, 3, 2, 4], "flat": [0, 0, -1], "axes1": [1],
    }.items()} | {name: torch.tensor(value) for name, value in {
        "two": 2.0, "root": math.sqrt(2), "one": 1.0, "half": 0.5,
    }.items()}  # fmt: skip
    nodes = [
        node("Gather", "tokens.weight tokens", "a"),
        node("Add", "a places", "x0"),
        node("LayerNormalization", "x0 norm1.weight norm1.bias", "b", axis=-1),
        node("MatMul", "b mixed.weight", "c0"),
        node("Add", "mixed.bias c0", "c"),
        node("Shape", "c", "s0"),
        node("Gather", "s0 zero0", "s1"),
        node("Unsqueeze", "s1 zero", "s2"),
        node("Concat", "s2 rest", "s3", axis=0),
        node("Reshape", "c s3", "d"),
        node("Transpose", "d", "e", perm=[2, 0, 3, 1, 4]),
        *[node("Gather", f"e {index}", name, axis=0) for index, name in (("zero0", "q"), ("one0", "k"), ("two0", "v"))],
        node("Transpose", "k", "kt", perm=[0, 1, 3, 2]),
        node("MatMul", "q kt", "f0"),
        node("Div", "f0 two", "f1"),
        node("Softmax", "f1", "f2", axis=-1),
        node("MatMul", "f2 v", "g0"),
        node("Transpose", "g0", "g1", perm=[0, 2, 1, 3]),
        node("Reshape", "g1 flat", "g2"),
        node("MatMul", "g2 out.weight", "g3"),
        node("Add", "x0 g3", "x1"),
        node("LayerNormalization", "x1 norm2.weight norm2.bias", "h", axis=-1),
        node("MatMul", "h wide.weight", "i0"),
        node("Add", "i0 wide.bias", "i"),
        node("Div", "i root", "j0"),
        node("Erf", "j0", "j1"),
        node("Add", "j1 one", "j2"),
        node("Mul", "i j2", "j3"),
        node("Mul", "j3 half", "j"),
        node("MatMul", "j narrow.weight", "l0"),
        node("Add", "l0 narrow.bias", "l"),
        node("Add", "x1 l", "x2"),
        node("ReduceMean", "x2 axes1", "m", keepdims=0),
        node("Gemm", "m head.weight head.bias", "y", transB=1),
    ]
    return written(path, nodes, {"tokens": ["batch", 6]}, held, types={"tokens": INT})


def test_a_transformer_computes_what_torch_computes_and_its_products_are_layers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Transformer().eval()
    network, tokens = ol.from_onnx(transformer_file(tmp_path / "block.onnx", model)), torch.randint(11, (3, 6))
    torch.testing.assert_close(network(tokens), model(tokens), rtol=1e-5, atol=1e-5)
    hardware = ol.convert(network, ol.Chip.load("ideal"))
    assert {row.name for row in ol.summary(hardware).rows} == {"mixed", "out", "wide", "narrow", "head"}
    assert hardware.mixed.bias is not None
    assert ol.summary(hardware).digital == {"tokens": "Embedding is not converted"}
    ol.program(hardware, seed=0)
    torch.testing.assert_close(hardware(tokens), model(tokens), rtol=1e-3, atol=1e-3)


X = torch.randn(2, 3, 6, 8, generator=torch.Generator().manual_seed(1))


def whole(*values: int) -> Tensor:
    return torch.tensor(values)


CASES: dict[str, tuple[str, str, dict[str, Any], dict[str, Tensor], Any]] = {
    "average": ("AveragePool", "x", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}, {},
                lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)),
    "max": ("MaxPool", "x", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1}, {},
            lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True)),
    "clip": ("Clip", "x - high", {}, {"high": torch.tensor(0.5)}, lambda x: x.clamp(max=0.5)),
    "elu": ("Elu", "x", {"alpha": 0.7}, {}, lambda x: F.elu(x, 0.7)),
    "hard sigmoid": ("HardSigmoid", "x", {"alpha": 1 / 6}, {}, F.hardsigmoid),
    "hard swish": ("HardSwish", "x", {}, {}, F.hardswish),
    "leaky": ("LeakyRelu", "x", {"alpha": 0.2}, {}, lambda x: F.leaky_relu(x, 0.2)),
    "log softmax": ("LogSoftmax", "x", {"axis": 1}, {}, lambda x: x.log_softmax(1)),
    "mean": ("ReduceMean", "x axes", {"keepdims": 1}, {"axes": whole(-1, -2)}, lambda x: x.mean((2, 3), keepdim=True)),
    "sum": ("ReduceSum", "x", {"keepdims": 0, "noop_with_empty_axes": 1}, {}, lambda x: x),
    "pad": ("Pad", "x pads value", {}, {"pads": whole(0, 0, 1, 2, 0, 0, 3, 4), "value": torch.tensor(0.3)},
            lambda x: F.pad(x, (2, 4, 1, 3), value=0.3)),
    "reflect": ("Pad", "x pads - axes", {"mode": "reflect"}, {"pads": whole(1, 2), "axes": whole(-1)},
                lambda x: F.pad(x, (1, 2, 0, 0), mode="reflect")),
    "slice": ("Slice", "x starts ends axes steps", {}, {
        "starts": whole(-5, 1), "ends": whole(1000, -1), "axes": whole(2, 3), "steps": whole(1, 2)},
        lambda x: x[:, :, -5:, 1:-1:2]),
    "squeeze": ("Unsqueeze", "x axes", {}, {"axes": whole(-1, 1)}, lambda x: x.unsqueeze(1).unsqueeze(-1)),
    "flatten": ("Flatten", "x", {"axis": -3}, {}, lambda x: x.flatten(1)),
    "gather": ("Gather", "x at", {"axis": -1}, {"at": torch.tensor([[0, -1], [2, 3]])},
               lambda x: x[..., [[0, -1], [2, 3]]]),
    "power": ("Pow", "x two", {}, {"two": torch.tensor(2.0)}, lambda x: x**2),
    "gelu": ("Gelu", "x", {"approximate": "tanh"}, {}, lambda x: F.gelu(x, approximate="tanh")),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(CASES))
def test_each_operator_agrees_with_torch(tmp_path: Path, case: str) -> None:
    kind, inputs, settings, constants, expected = CASES[case]
    opset = 20 if kind == "Gelu" else 18
    file = written(
        tmp_path / "one.onnx", [node(kind, inputs, **settings)], {"x": ["n", 3, 6, 8]}, constants, opset=opset
    )
    torch.testing.assert_close(ol.from_onnx(file)(X), expected(X), rtol=1e-5, atol=1e-6)


def test_several_outputs_and_products_of_computed_values(tmp_path: Path) -> None:
    nodes = [
        node("Split", "x", "a b", axis=1, num_outputs=2),
        node("Concat", "b a", "c", axis=1),
        node("Where", "m c x", "y"),
        node("Greater", "x zero", "m"),
    ]
    file = written(
        tmp_path / "two.onnx", [nodes[0], nodes[1], nodes[3], nodes[2]], {"x": ["n", 4]}, {"zero": torch.tensor(0.0)},
        outputs=("y", "a"),
    )  # fmt: skip
    x = torch.randn(3, 4)
    y, a = ol.from_onnx(file)(x)
    torch.testing.assert_close(y, torch.where(x > 0, x.roll(2, 1), x))
    torch.testing.assert_close(a, x[:, :2])


def test_scaled_gemm_shared_weights_and_double_precision(tmp_path: Path) -> None:
    weight, bias = torch.randn(4, 4, dtype=torch.float64), torch.randn(1, 4, dtype=torch.float64)
    nodes = [node("Gemm", "x w b", "h", alpha=0.5, beta=2.0), node("Gemm", "h w b", "y", alpha=0.5, beta=2.0)]
    file = written(tmp_path / "g.onnx", nodes, {"x": ["n", 4]}, {"w": weight, "b": bias}, types={"x": 11})
    network, x = ol.from_onnx(file), torch.randn(3, 4, dtype=torch.float64)

    def layer(x: Tensor) -> Tensor:
        return 0.5 * x @ weight + 2 * bias

    torch.testing.assert_close(network(x), layer(layer(x)))
    assert len(list(network.children())) == 1  # both calls share one layer


def refused(file: Path, *words: str, kind: type[Exception] = ConversionError) -> None:
    with pytest.raises(kind) as caught:
        ol.from_onnx(file)
    for word in words:
        assert word in str(caught.value)


def test_all_unknown_operators_are_named_with_their_nodes(tmp_path: Path) -> None:
    nodes = [node("Relu", "x", "a"), node("Selu", "a", "b"), node("Mish", "b", "y")]
    file = written(tmp_path / "u.onnx", nodes, {"x": ["n", 4]}, {})
    refused(file, "Selu (node 'selu_b')", "Mish (node 'mish_y')", "LayerNormalization")


def test_free_axes_besides_the_batch_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "d.onnx", [node("Relu", "x")], {"x": ["n", 3, "height", 8]}, {})
    refused(file, "input 'x'", "height", "fixed sizes")


def test_an_old_opset_an_unknown_attribute_and_uneven_padding_name_what_is_wrong(tmp_path: Path) -> None:
    path, given = tmp_path / "o.onnx", {"x": ["n", 3, 6, 8]}
    refused(written(path, [node("Relu", "x")], given, {}, opset=11), "opset: must be 13 or later, got 11")
    pool = node("MaxPool", "x", kernel_shape=[2, 2], pads=[0, 0, 1, 1])
    refused(written(path, [pool], given, {}), "maxpool_y", "pads")
    same = node("Conv", "x w", auto_pad="SAME_UPPER")
    refused(written(path, [same], given, {"w": torch.randn(4, 3, 3, 3)}), "conv_y", "auto_pad")


def test_a_batch_written_into_a_shape_is_refused(tmp_path: Path) -> None:
    fixed = node("Reshape", "x shape")
    refused(written(tmp_path / "b.onnx", [fixed], {"x": [1, 4, 6]}, {"shape": whole(1, 24)}), "batch", "dynamic")
    mixed = node("Softmax", "x", axis=0)
    refused(written(tmp_path / "m.onnx", [mixed], {"x": ["n", 4]}, {}), "depends on what else is in the batch")


def test_a_missing_or_broken_file_and_quantised_constants_are_named(tmp_path: Path) -> None:
    refused(tmp_path / "none.onnx", "must be a file", kind=DataError)
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x01garbage")
    refused(tmp_path / "broken.onnx", "must be a whole ONNX model", kind=DataError)
    text = onnx.numpy_helper.from_array(np.array(["a"], dtype=object), name="w")
    graph = helper.make_graph(
        [node("Add", "x w")], "t", [helper.make_tensor_value_info("x", FLOAT, ["n", 1])],
        [helper.make_tensor_value_info("y", FLOAT, None)], [text],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    (tmp_path / "text.onnx").write_bytes(model.SerializeToString())
    with pytest.raises((ConversionError, DataError)):
        ol.from_onnx(tmp_path / "text.onnx")


def test_a_wrong_shape_or_number_of_inputs_names_the_node(tmp_path: Path, cnn: nn.Module) -> None:
    file = written(tmp_path / "a.onnx", [node("Add", "x p")], {"x": ["n", 4]}, {"p": torch.randn(4)})
    network = ol.from_onnx(file)
    with pytest.raises(ShapeError, match=r"node 'add_y' \(Add\)"):
        network(torch.randn(2, 5))
    with pytest.raises(ShapeError, match="needs 1 inputs, got 2"):
        network(torch.randn(2, 4), torch.randn(2, 4))


def test_the_command_line_takes_an_onnx_file(tmp_path: Path, cnn: nn.Module) -> None:
    from typer.testing import CliRunner

    from ohmloom.cli import app

    file = cnn_file(tmp_path / "cnn.onnx", cnn)
    result = CliRunner().invoke(app, ["summary", "--model", str(file), "--chip", "ideal"])
    assert result.exit_code == 0
    assert "conv1" in result.output


def test_functions_of_a_file_are_looked_into(tmp_path: Path) -> None:
    """Some exporters wrap layers into functions of their own domain."""
    file = written(tmp_path / "f.onnx", [node("Relu", "x")], {"x": ["n", 4]}, {})
    model = onnx.load(file)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    twice = helper.make_function("own", "Twice", ["a"], ["b"], [node("Add", "a a", "b")], opsets[:1])
    call = helper.make_node("Twice", ["x"], ["y"], domain="own", name="call")
    result = helper.make_tensor_value_info("y", FLOAT, ["n", 4])
    graph = helper.make_graph([call], "t", model.graph.input, [result])
    onnx.save(helper.make_model(graph, opset_imports=opsets, functions=[twice]), file)
    x = torch.randn(2, 4)
    torch.testing.assert_close(ol.from_onnx(file)(x), 2 * x)
    onnx.save(helper.make_model(graph, opset_imports=opsets), file)
    refused(file, "own.Twice (node 'call')")
