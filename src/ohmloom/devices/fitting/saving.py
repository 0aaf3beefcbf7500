"""A fit as files: the device, the devices of its resamples beside it, and all its numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tomli_w

from ohmloom.atomic import write_text
from ohmloom.devices.device import Device
from ohmloom.devices.fitting.fit import Fit
from ohmloom.errors import ConfigurationError, message

RECORD = "fit.json"
SCHEMA = 1


def draws_folder(device: str | Path) -> Path:
    """Where the devices of the resamples of a fitted device are: ``my.draws`` beside ``my.toml``."""
    return Path(device).with_suffix(".draws")


def save(fit: Fit, out: str | Path) -> None:
    """Write the device to ``out``, a ``.toml`` file, and those of its resamples into `draws_folder`.

    Raises ConfigurationError for another ending and OutputError for a place that cannot be written.
    """
    path = Path(out)
    if path.suffix != ".toml":
        raise ConfigurationError(message("out", "must be a .toml file", repr(str(out)), "Name it my.toml."))
    folder = draws_folder(path)
    for old in sorted(folder.glob("[0-9][0-9][0-9].toml")):
        old.unlink()
    for number, draw in enumerate(fit.draws):
        write_text(folder / f"{number:03d}.toml", tomli_w.dumps(draw.table()))
    write_text(path, tomli_w.dumps(fit.device.table()))


def load_draws(device: str | Path) -> list[Device]:
    """The devices of the resamples of the fitted device in a file; empty if there are none."""
    return [Device.load(path) for path in sorted(draws_folder(device).glob("[0-9][0-9][0-9].toml"))]


def save_record(fit: Fit, folder: str | Path) -> Path:
    """Write every number, check and note to ``fit.json`` in ``folder``."""
    path = Path(folder) / RECORD
    write_text(path, json.dumps(record(fit), indent=1, allow_nan=False) + "\n")
    return path


def record(fit: Fit) -> dict[str, Any]:
    """The fit as plain values."""
    return {
        "schema": SCHEMA,
        "device": fit.device.name,
        "tables": {
            kind: {"file": Path(table.file).name, "rows": len(table), "cells": len(table.cells)}
            for kind, table in fit.tables.items()
        },
        "settings": fit.settings.table(),
        "numbers": [
            {
                "name": n.name, "unit": n.unit, "value": n.value, "low": n.low, "high": n.high, "level": n.level,
                "method": n.method, "table": n.table,
            }
            for n in fit.numbers
        ],
        "held_out": [
            {"name": h.name, "cells": h.cells, "distance": h.distance, "p_value": h.p_value} for h in fit.held_out
        ],
        "cannot_tell": list(fit.notes),
    }  # fmt: skip
