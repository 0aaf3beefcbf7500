"""The columns of the tables: which kind a table is, and what to say when it is none."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ohmloom.errors import DataError, message
from ohmloom.quantities import CONDUCTANCE, CURRENT, RESISTANCE, TIME, VOLTAGE, Dimension

NAMES = ("cell", "device")  # columns of text; all others are numbers
COUNTS = ("pulse", "cycle")
DIMENSIONS = {"S": CONDUCTANCE, "s": TIME, "V": VOLTAGE, "A": CURRENT}
ALIASES = {
    "cell": ("cell_id", "cell_no", "address", "id", "bit"),
    "device": ("device_id", "sample", "dut", "cell"),
    "time_s": ("time", "t", "t_s", "elapsed", "timestamp", "seconds"),
    "conductance_S": ("conductance", "g", "g_s", "siemens"),
    "target_S": ("target", "goal", "aim", "g_target", "target_conductance"),
    "voltage_V": ("voltage", "v", "u", "bias", "v_read"),
    "current_A": ("current", "i", "amps"),
    "pulse": ("pulses", "pulse_no", "n", "step"),
    "cycle": ("cycles", "cycle_no", "sweep", "loop"),
}


@dataclass(frozen=True)
class Kind:
    """A kind of table."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


READS = Kind("reads", ("cell", "time_s", "conductance_S"), ("target_S", "voltage_V"))
SWEEPS = Kind("sweeps", ("device", "cycle", "voltage_V", "current_A"))
PROGRAMMING = Kind("programming", ("cell", "target_S", "pulse", "conductance_S"))
KINDS = (READS, SWEEPS, PROGRAMMING)


def recognise(file: str, header: Sequence[str]) -> Kind:
    """The kind whose required columns are all there; columns that no kind has are ignored.

    Raises DataError for a table that is none, with the columns that are missing and what they may be called here.
    """
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise DataError(message(file, "must name each column once", f"{repeated[0]!r} twice", "Rename one."))
    fitting = [kind for kind in KINDS if set(kind.required) <= set(header)]
    if fitting:
        return max(fitting, key=lambda kind: len(kind.required))
    near = max(KINDS, key=lambda kind: sum(_present(wanted, header) for wanted in kind.required))
    missing = [name for name in near.required if name not in header]
    hints = [hint for name in missing if (hint := _hint(name, header))]
    known = "; ".join(f"{kind.name}: {', '.join(kind.required)}" for kind in KINDS)
    remedy = " ".join(hints) or "`ohmloom fit template` writes examples."
    rule = f"must have the columns of one kind of table ({known}); as {near.name} it lacks {', '.join(missing)}"
    raise DataError(message(file, rule, f"columns {', '.join(header) or 'none'}", remedy))


def _present(wanted: str, header: Sequence[str]) -> float:
    """1 for a column that is there, a half for one that seems to be there under another name."""
    return 1.0 if wanted in header else 0.5 if _hint(wanted, header) else 0.0


def _hint(wanted: str, header: Sequence[str]) -> str:
    """What in ``header`` may be the ``wanted`` column, and what to do with it; empty if nothing looks like it."""
    for name in header:
        conversion = _conversion(wanted, name)
        if conversion:
            return conversion
    plain = {re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"): name for name in header}
    for alias in (wanted.lower(), *ALIASES[wanted]):
        if alias in plain:
            return _rename(plain[alias], wanted)
    close = difflib.get_close_matches(wanted.lower(), list(plain), n=1, cutoff=0.75)
    return _rename(plain[close[0]], wanted) if close else ""


def _rename(name: str, wanted: str) -> str:
    dimension = DIMENSIONS.get(wanted.rpartition("_")[2])
    unit = f", in {dimension.unit}" if dimension else ""
    return f"Rename {name!r} to {wanted!r}{unit}."


def _conversion(wanted: str, name: str) -> str:
    """How to turn a column such as ``conductance_uS``, ``time_ms`` or ``resistance_ohm`` into the wanted one."""
    quantity, _, unit = wanted.rpartition("_")
    dimension = DIMENSIONS.get(unit)
    match = re.fullmatch(r"(.+?)[\s_]*[\[(]?([A-Za-zµμΩ]+)[\])]?", name.strip())
    if dimension is None or match is None:
        return ""
    stem, given = match.group(1).strip(" _").lower(), match.group(2)
    names = {quantity, *ALIASES[wanted]}
    factor = _factor(dimension, given)
    if stem in names and factor is not None and factor != 1:
        return f"Multiply {name!r} by {factor:g} and name it {wanted!r}."
    ohms = _factor(RESISTANCE, given)
    if wanted == "conductance_S" and stem in ("resistance", "r") and ohms is not None:
        scale = "" if ohms == 1 else f"{1 / ohms:g} "
        return f"Give the conductance, {scale or '1 '}/ {name!r}, as {wanted!r}."
    return ""


def _factor(dimension: Dimension, unit: str) -> float | None:
    return dimension.factor({"ohms": "ohm", "Ohm": "ohm", "sec": "s"}.get(unit, unit))
