"""A network from an ONNX file: ordinary torch layers where weights are, called in the order of the file."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from ohmloom.errors import ConversionError, ShapeError, message
from ohmloom.nn.imported.layers import LAYERS, Given
from ohmloom.nn.imported.operators import OPERATORS
from ohmloom.nn.imported.reading import Graph, Input, Node, read

IGNORED = {"seed", "stash_type"}


class Step(NamedTuple):
    """One call of a forward: of a layer, or of an operator without weights."""

    node: str
    kind: str
    layer: str  # "" for an operator
    inputs: tuple[str, ...]  # "" for one that is left out
    outputs: tuple[str, ...]
    settings: dict[str, Any]


def from_onnx(file: str | Path) -> OnnxNetwork:
    """The network in an ONNX file (opset 13 or later), for `convert` or for training; as it is at inference.

    Convolutions, products with constant matrices, normalisations and embeddings become torch layers, named after their
    weights; everything else is computed as it stands. The first axis of each input is the batch, whatever size the
    file gives it; all others are fixed.

    Raises ConfigurationError if onnx is not installed, DataError for a missing or broken file, and ConversionError,
    which names the nodes, for operators or attributes that are not known, free axes, and a network that does not treat
    the samples of a batch alike.
    """
    network = OnnxNetwork(read(file)).eval()
    _check_batch(network, str(file))
    return network


class OnnxNetwork(nn.Module):
    """Computes the steps of a graph. Inputs as in the file, the batch first; one output, or a tuple of them."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        built = _Built(graph)
        self.inputs, self.outputs, self.steps = graph.inputs, tuple(graph.outputs), tuple(built.steps)
        for name, layer in built.layers.items():
            self.add_module(name, layer)
        used = {name for step in built.steps for name in step.inputs} | set(graph.outputs)
        self.constants: dict[str, str] = {}
        for name, value in built.constants.items():
            if name in used:
                self.constants[name] = f"constant{len(self.constants)}"
                self._hold(self.constants[name], value, name in graph.constants)

    def _hold(self, place: str, value: Tensor, is_stored: bool) -> None:
        """A table of numbers that the file stores can be trained, such as positions; a single number cannot."""
        if is_stored and value.is_floating_point() and value.numel() > 1:
            self.register_parameter(place, nn.Parameter(value.clone()))
        else:
            self.register_buffer(place, value.clone())

    def forward(self, *inputs: Tensor) -> Any:
        is_given = isinstance(inputs, tuple)  # a tracer has one stand-in for all of them
        if is_given and len(inputs) != len(self.inputs):
            rule, names = f"needs {len(self.inputs)} inputs", ", ".join(held.name for held in self.inputs)
            raise ShapeError(message("network", rule, len(inputs), f"Give {names}."))
        values: dict[str, Any] = {name: getattr(self, place) for name, place in self.constants.items()}
        values |= {held.name: inputs[place] for place, held in enumerate(self.inputs)}
        for step in self.steps:
            given = [values[name] if name else None for name in step.inputs]
            result = self.get_submodule(step.layer)(*given) if step.layer else _operate(step, given)
            several = result if isinstance(result, tuple) or len(step.outputs) > 1 else (result,)
            values |= {name: several[place] for place, name in enumerate(step.outputs)}
        results = tuple(values[name] for name in self.outputs)
        return results[0] if len(results) == 1 else results


def _operate(step: Step, given: list[Any]) -> Any:
    try:
        return OPERATORS[step.kind](*given, **step.settings)
    except ConversionError as error:
        raise ConversionError(f"node '{step.node}' ({step.kind}): {error}") from None
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        given_shapes = [tuple(value.shape) if isinstance(value, Tensor) else value for value in given]
        said, remedy = str(error).split("\n")[0], "Check the shapes of the inputs."
        raise ShapeError(message(f"node '{step.node}' ({step.kind})", said, given_shapes, remedy)) from None


class _Built:
    """Steps, layers and constants of a graph; what depends on constants only is computed here, once."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.constants = graph, dict(graph.constants)
        self.origins = {name: name for name in graph.constants}  # of computed constants: the stored one before them
        self.steps: list[Step] = []
        self.layers: dict[str, nn.Module] = {}
        self.shared: dict[str, str] = {}
        self.added: set[int] = set()  # additions that a layer took as its bias
        self.constants |= {node.outputs[0]: _literal(node) for node in graph.nodes if node.kind == "Constant"}
        for place, node in enumerate(graph.nodes):
            if place not in self.added and node.kind != "Constant":
                try:
                    self._take(node)
                except ConversionError as error:
                    raise ConversionError(f"node '{node.name}' ({node.kind}): {error}") from None

    def _take(self, node: Node) -> None:
        inputs, outputs = tuple(_trimmed(node.inputs)), tuple(_trimmed(node.outputs))
        if all(name in self.constants for name in inputs if name) and node.kind in OPERATORS and len(outputs) == 1:
            step = Step(node.name, node.kind, "", inputs, outputs, _settings(node))
            self.constants[outputs[0]] = _operate(step, [self.constants[name] if name else None for name in inputs])
            first = next((self.origins[name] for name in inputs if name in self.origins), None)
            self.origins |= {} if first is None else {outputs[0]: first}
        elif not (node.kind in LAYERS and self._layer(node, inputs, outputs)):
            if node.kind not in OPERATORS:
                raise ConversionError(message("weights", "must be constants", "computed ones", "Fold them in first."))
            self.steps.append(Step(node.name, node.kind, "", inputs, outputs, _settings(node)))

    def _layer(self, node: Node, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> bool:
        """Whether the node became a layer."""
        if node.kind == "MatMul" and (found := self._bias(inputs, outputs)) is not None:
            place, bias, summed = found
        else:
            place, bias, summed = None, None, outputs
        taken = inputs if bias is None else (*inputs, bias)
        settings = {name: value for name, value in node.settings.items() if name not in IGNORED}
        held = [self.constants.get(name) for name in taken]
        layer = LAYERS[node.kind](Given(held, settings, self.graph.axes.get(inputs[0])))
        if layer is None:
            return False
        moving = next((name for name, value in zip(inputs, held, strict=False) if value is None), inputs[0])
        fixed = [name for name, value in zip(taken, held, strict=True) if value is not None]
        key = f"{node.kind} {fixed} {sorted(settings.items())}"
        if key not in self.shared:
            self.shared[key] = self._name(self.origins.get(fixed[0], ""), node)
            self.layers[self.shared[key]] = layer
        self.added |= set() if place is None else {place}
        self.steps.append(Step(node.name, node.kind, self.shared[key], (moving,), summed[:1], {}))
        return True

    def _bias(self, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> tuple[int, str, tuple[str, ...]] | None:
        """The addition of a constant vector that is all that happens to a product with a constant matrix."""
        users = [(place, node) for place, node in enumerate(self.graph.nodes) if outputs[0] in node.inputs]
        weight = self.constants.get(inputs[1])
        if weight is None or len(users) != 1 or users[0][1].kind != "Add" or outputs[0] in self.graph.outputs:
            return None
        place, node = users[0]
        bias = next((name for name in node.inputs if name != outputs[0]), "")
        is_vector = bias in self.constants and self.constants[bias].shape == weight.shape[-1:]
        return (place, bias, tuple(node.outputs)) if is_vector else None

    def _name(self, weight: str, node: Node) -> str:
        """A name for a layer: that of its weight in the file, or the node's, with dots as underscores."""
        raw = weight.removesuffix(".weight") if weight.endswith(".weight") else node.name
        name = "".join(letter if letter.isalnum() else "_" for letter in raw).strip("_") or node.kind.lower()
        name = f"{node.kind.lower()}_{name}" if name[0].isdigit() or hasattr(nn.Module, name) else name
        taken = {"inputs", "outputs", "steps", "constants", "training", *self.layers}
        return next(n for n in (name, *(f"{name}_{i}" for i in range(2, len(taken) + 3))) if n not in taken)


def _trimmed(names: list[str]) -> list[str]:
    """The names without those that are left out at the end."""
    last = max((place for place, name in enumerate(names) if name), default=-1)
    return names[: last + 1]


def _literal(node: Node) -> Tensor:
    ((name, value),) = node.settings.items()
    if isinstance(value, Tensor):
        return value
    if name not in ("value_float", "value_floats", "value_int", "value_ints"):
        field = f"node '{node.name}' (Constant).{name}"
        raise ConversionError(message(field, "must be numbers", type(value).__name__, "Export another."))
    return torch.tensor(value, dtype=torch.float32 if "float" in name else torch.int64)


def _settings(node: Node) -> dict[str, Any]:
    """The attributes of a node as the function takes them. Raises ConversionError for others."""
    allowed = inspect.signature(OPERATORS[node.kind]).parameters
    settings = {name: value for name, value in node.settings.items() if name not in IGNORED}
    if "num_outputs" in allowed:
        settings["num_outputs"] = len(node.outputs)
    for name in settings:
        if name not in allowed:
            raise ConversionError(message(name, "must be an attribute that ohmloom reads", name, "Export without it."))
    return settings


def _check_batch(network: OnnxNetwork, file: str) -> None:
    """Raises ConversionError unless samples alone and in a batch come out alike: a batch may be written into shapes."""
    generator = torch.Generator().manual_seed(0)
    pair = [_random(held, generator) for held in network.inputs]
    with torch.no_grad():
        try:
            together = _flat(network(*pair))
            alone = [_flat(network(*(value[i : i + 1] for value in pair))) for i in range(2)]
            same = all(
                whole.shape[:1] == (2,) and _near(whole, torch.cat(parts))
                for whole, *parts in zip(together, *alone, strict=True)
            )
            given = "a result that depends on what else is in the batch"
        except ShapeError as error:
            same, given = False, str(error)
    if not same:
        sizes = {held.batch for held in network.inputs}
        remedy = "Export it with a dynamic batch." if sizes != {None} else "Let the first axis be the batch everywhere."
        raise ConversionError(message(f"{file}: batch", "must be free", given, remedy))


def _random(held: Input, generator: torch.Generator) -> Tensor:
    shape = (2, *held.shape)
    if held.dtype.is_floating_point:
        return torch.randn(shape, generator=generator).to(held.dtype)
    return torch.randint(2, shape, generator=generator).to(held.dtype)


def _flat(result: Any) -> tuple[Tensor, ...]:
    return result if isinstance(result, tuple) else (cast("Tensor", result),)


def _near(whole: Tensor, parts: Tensor) -> bool:
    if whole.shape != parts.shape:
        return False
    scale = float(whole.abs().max()) if whole.numel() else 0.0
    return bool(((whole - parts).abs() <= 1e-3 * scale).all()) or not bool(whole.isfinite().all())
