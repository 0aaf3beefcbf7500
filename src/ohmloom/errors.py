"""What ohmloom raises, and the one form of its messages.

Every error derives from :class:`OhmloomError` *and* from the fitting builtin, so that ``except ValueError`` keeps
working. A message says which field, what the rule is, what was given, and what to do about it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class OhmloomError(Exception):
    """The root of all errors raised by ohmloom on purpose."""


class ConfigurationError(OhmloomError, ValueError):
    """A description (device, chip, mapping, settings) breaks a rule."""


class UnknownNameError(OhmloomError, LookupError):
    """A preset, system, part or data set of that name does not exist."""


class ShapeError(OhmloomError, ValueError):
    """An array has the wrong shape."""


class NotFiniteError(OhmloomError, ValueError):
    """A weight or an input is NaN or infinite."""


class PlacementError(OhmloomError, ValueError):
    """A matrix or a network does not fit the chip."""


class ConversionError(OhmloomError, ValueError):
    """A model cannot be put on a chip."""


class StaleError(OhmloomError, RuntimeError):
    """A weight changed after its cells were programmed."""


class BypassedError(OhmloomError, RuntimeError):
    """A converted layer was not called by a forward outside ``Digital``."""


class NotProgrammedError(OhmloomError, RuntimeError):
    """A layer that is to compute with cells holds none."""


class LedgerError(OhmloomError, ValueError):
    """A ledger is empty, or belongs to other hardware than the one priced."""


class ExecutorError(OhmloomError, RuntimeError):
    """An executor takes no more work."""


class ConvergenceError(OhmloomError, ArithmeticError):
    """An iteration did not reach its tolerance."""


class SpiceError(OhmloomError, RuntimeError):
    """The circuit simulator is missing, or failed."""


class DataError(OhmloomError, OSError):
    """A data file is missing, truncated, corrupted or cannot be fetched."""


class OutputError(OhmloomError, OSError):
    """A result folder exists already, or cannot be written."""


class FormatError(OhmloomError, ValueError):
    """A saved file or folder is of another model, version or kind."""


def message(field: str, rule: str, given: object, remedy: str) -> str:
    """The house form of an error message: ``field: rule, got value. Remedy.``

    >>> message("device.g_max", "must exceed g_min", "1 uS", "Give a larger g_max.")
    'device.g_max: must exceed g_min, got 1 uS. Give a larger g_max.'
    """
    return f"{field}: {rule}, got {given}. {remedy}"


def unknown(what: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """The error for a name that does not exist, with near names offered.

    >>> str(unknown("chip", "neuram", ["neurram", "ideal"]))
    "chip: no such name, got 'neuram'. Did you mean 'neurram'? Known: ideal, neurram."
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=2)
    guess = "Did you mean " + " or ".join(f"'{n}'" for n in near) + "? " if near else ""
    return UnknownNameError(message(what, "no such name", repr(name), f"{guess}Known: {', '.join(names)}."))
