"""Checkpoints: the user's own keys for weights, a folder for cells and calibration.

The folder holds ``hardware.toml`` (what it is) and ``cells.safetensors`` (tensors); no pickle. It is written beside its
final place and renamed, so a half-written one is never read.
"""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import tomli_w
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ohmloom.chips import Calibration, Chip, Mapping, Segments, StoredMatrix, install
from ohmloom.devices import Cells
from ohmloom.errors import FormatError, OutputError, message
from ohmloom.nn.convert import convert, converted, matrix_name, signature, state_of
from ohmloom.nn.hardware import mode
from ohmloom.nn.layers import Clips, OnChip
from ohmloom.nn.modes import Programmed
from ohmloom.nn.state import Fingerprint, digest
from ohmloom.random import Streams

FORMAT = 1
TABLE, CELLS = "hardware.toml", "cells.safetensors"
_CALIBRATION = ("limit", "full_range", "slope", "offset")


def digital_state(hardware: nn.Module) -> dict[str, Tensor]:
    """The weights under exactly the user's keys, learned clips left out."""
    return {name: value for name, value in hardware.state_dict().items() if not _is_clip(name, hardware)}


def save(hardware: nn.Module, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write cells, calibration and what they belong to; weights stay in the user's own checkpoint.

    Raises OutputError if the folder exists (``overwrite`` replaces one that was saved before) or cannot be written.
    """
    target, state = Path(folder), state_of(hardware)
    if target.exists() and not (overwrite and (target / TABLE).is_file()):
        remedy = "Choose another." if overwrite else "Choose another, or pass overwrite=True."
        rule = "must be one that ohmloom.save wrote" if overwrite else "must not exist"
        raise OutputError(message("folder", rule, target, remedy))
    tensors: dict[str, Tensor] = {}
    layers = {name or "model": _layer_table(layer, name, tensors) for name, layer in converted(hardware).items()}
    table = {
        "format": FORMAT,
        "model": type(hardware).__name__,
        "signature": signature(hardware),
        "weights": digest(digital_state(hardware).values()),
        "dies": state.dies,
        "ranges": state.ranges,
        "programmed": isinstance(state.mode, Programmed),
        "rules": {
            n: {k: v.table() if isinstance(v, Mapping) else v for k, v in r.items()} for n, r in state.rules.items()
        },
        "layers": layers,
        "chip": state.chip.table(),
    }
    try:
        with _whole(target) as beside:
            held = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
            save_file(held, beside / CELLS)
            text = tomli_w.dumps({"cells": _checksum(beside / CELLS), **table})
            (beside / TABLE).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(message("folder", "must be writable", f"{target} ({error})", "Choose another.")) from None
    return target


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A folder beside ``target`` that takes its place when all is written, and vanishes if that fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside, old = (target.with_name(f".{target.name}-{token_hex(4)}-{part}") for part in ("new", "old"))
    beside.mkdir()
    try:
        yield beside
        if target.exists():
            target.rename(old)
        beside.rename(target)
    finally:
        if old.exists() and not target.exists():
            old.rename(target)
        for rest in (beside, old):
            shutil.rmtree(rest, ignore_errors=True)


def load(folder: str | Path, model: nn.Module) -> Any:
    """Hardware from a saved folder and the model whose weights it was programmed with.

    Raises FormatError for another model, other weights, another format version or a damaged folder.
    """
    source = Path(folder)
    table, tensors = _read(source)
    if table.get("format") != FORMAT:
        rule, given = f"must be version {FORMAT}", table.get("format")
        raise FormatError(message(f"{source}/{TABLE} format", rule, given, "Save it again with this version."))
    try:
        if table["cells"] != _checksum(source / CELLS):
            raise FormatError(
                message(f"{source}/{CELLS}", "must be as it was saved", "other content", "Save it again.")
            )
        return _rebuild(table, tensors, model, str(source))
    except KeyError as error:
        raise FormatError(
            message(str(source), "must be a complete saved folder", f"none of {error}", "Save it again.")
        ) from None


def _rebuild(table: dict[str, Any], tensors: dict[str, Tensor], model: nn.Module, source: str) -> Any:
    if table["signature"] != signature(model):
        rule, remedy = f"must be built as the {table['model']} saved", "Load it with the model that was saved."
        raise FormatError(message("model", rule, type(model).__name__, remedy))
    rules = {n: {k: Mapping.parse(v, file=source) if k == "mapping" else v for k, v in r.items()}
             for n, r in table["rules"].items()}  # fmt: skip
    hardware = convert(model, Chip.parse(table["chip"], file=source), rules)
    if digest(digital_state(hardware).values()) != table["weights"]:
        remedy = "Load the checkpoint that was programmed into the model first."
        raise FormatError(message("model weights", "must be those that were programmed", "other values", remedy))
    state = state_of(hardware)
    for name, layer in converted(hardware).items():
        _restore_layer(layer, name, table["layers"][name or "model"], tensors, state.chip)
    state.dies, state.ranges = table["dies"], table["ranges"]
    if state.dies:
        held = [matrix for layer in converted(hardware).values() for matrix in layer.on_chip.matrices.values()]
        state.installation = install(state.chip, {matrix.name: matrix for matrix in held})
    if table["programmed"]:
        mode(hardware, Programmed())
    return hardware


def _layer_table(layer: OnChip, name: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    state, prefix = layer.on_chip, name or "model"
    for part, value in state.limits.items():
        tensors[f"{prefix}/limits/{part}"] = value
    for part, value in state.output_ranges.items():
        tensors[f"{prefix}/output_ranges/{part}"] = value
    learned = getattr(layer, "clips", None)
    for part, value in dict(learned.named_parameters() if learned is not None else {}).items():
        tensors[f"{prefix}/clips/{part}"] = value
    parts = {part: _matrix_table(matrix, f"{prefix}/{part}", tensors) for part, matrix in state.matrices.items()}
    return {"parts": parts, "bias_in_rows": sorted(state.bias_in_rows), "mapping": state.mapping.table()}


def _matrix_table(matrix: StoredMatrix, prefix: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    for leaf, value in matrix.cells._asdict().items():
        tensors[f"{prefix}/cells/{leaf}"] = value
    named = {field: getattr(matrix, field) for field in ("scale", "targets", "bias_level")}
    named |= {f"calibration/{field}": getattr(matrix.calibration, field) for field in _CALIBRATION}
    tensors.update({f"{prefix}/{field}": value for field, value in named.items() if value is not None})
    held = matrix.segments
    return {"inputs": held.inputs, "outputs": held.outputs, "count": held.count, "bias_rows": held.bias_rows,
            "seed": matrix.streams.seed, "elapsed": matrix.elapsed, "extrapolate": matrix.extrapolate,
            "stamp": matrix.calibration.stamp}  # fmt: skip


def _restore_layer(layer: OnChip, name: str, entry: dict[str, Any], tensors: dict[str, Tensor], chip: Chip) -> None:
    state, prefix = layer.on_chip, name or "model"

    def named(kind: str) -> dict[str, Tensor]:
        start = f"{prefix}/{kind}/"
        return {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}

    state.limits, state.output_ranges = named("limits"), named("output_ranges")
    if named("clips"):
        layer.clips = Clips(named("clips"))
    state.bias_in_rows = set(entry["bias_in_rows"])
    for part, held in entry["parts"].items():
        start = f"{prefix}/{part}"
        cells = Cells(*(tensors[f"{start}/cells/{leaf}"] for leaf in Cells._fields))
        segments = Segments(held["inputs"], held["outputs"], held["count"], held["bias_rows"])
        full = matrix_name(prefix, part, len(entry["parts"]))
        streams = Streams(held["seed"]).child(full)
        calibration = Calibration(*(tensors.get(f"{start}/calibration/{f}") for f in _CALIBRATION), stamp=held["stamp"])
        state.matrices[part] = StoredMatrix(
            state.mapping, chip.device, streams, segments, cells, tensors[f"{start}/scale"],
            tensors.get(f"{start}/targets"), name=full, bias_level=tensors.get(f"{start}/bias_level"),
            calibration=calibration, elapsed=held["elapsed"], extrapolate=held["extrapolate"],
            wires=chip.wires,
        )  # fmt: skip
    if entry["parts"]:
        state.fingerprint = Fingerprint(layer.watched())


def _read(source: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        table = tomllib.loads((source / TABLE).read_text(encoding="utf-8"))
        return table, load_file(source / CELLS)
    except (FileNotFoundError, NotADirectoryError) as error:
        rule, remedy = f"must hold {TABLE} and {CELLS}", "Give a folder that ohmloom.save wrote."
        raise FormatError(message(str(source), rule, error, remedy)) from None
    except (tomllib.TOMLDecodeError, SafetensorError, UnicodeDecodeError) as error:
        raise FormatError(message(str(source), "must be a complete saved folder", error, "Save it again.")) from None


def _checksum(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_clip(name: str, hardware: nn.Module) -> bool:
    owner, _, _ = name.rpartition(".")
    return owner.endswith("clips") and isinstance(hardware.get_submodule(owner), Clips)
