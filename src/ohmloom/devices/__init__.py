"""One cell: how it is written, kept, read, formed, and how it fails."""

from ohmloom.devices.cells import Cells, Fault, Fresh, Written
from ohmloom.devices.conduction import Conduction, HyperbolicSine, Ohmic
from ohmloom.devices.contract import check_device
from ohmloom.devices.device import Device, conductance, form, program, sample_reads, set_and_reset, switch
from ohmloom.devices.dynamic import DynamicDevice, HPMemristor
from ohmloom.devices.faults import Faults, NoFaults, RandomFaults
from ohmloom.devices.forming import Breakdown, Forming, Measured
from ohmloom.devices.measured import arrays, read_array
from ohmloom.devices.programming import Ideal, OpenLoop, Programming
from ohmloom.devices.pulses import PulseModel
from ohmloom.devices.read_noise import AdditiveNoise, FlickerNoise, Quiet, ReadNoise, RelativeNoise, SumOfNoises
from ohmloom.devices.report import ProgrammingReport, programming_report
from ohmloom.devices.retention import PowerLawDrift, Relaxation, Retention, Stable
from ohmloom.devices.sources import numbers, unsourced
from ohmloom.devices.tabulated import TabulatedNoise, TabulatedOpenLoop
from ohmloom.devices.telegraph import TelegraphNoise
from ohmloom.devices.write_verify import WriteVerify

__all__ = [
    "AdditiveNoise",
    "Breakdown",
    "Cells",
    "Conduction",
    "Device",
    "DynamicDevice",
    "Fault",
    "Faults",
    "FlickerNoise",
    "Forming",
    "Fresh",
    "HPMemristor",
    "HyperbolicSine",
    "Ideal",
    "Measured",
    "NoFaults",
    "Ohmic",
    "OpenLoop",
    "PowerLawDrift",
    "Programming",
    "ProgrammingReport",
    "PulseModel",
    "Quiet",
    "RandomFaults",
    "ReadNoise",
    "RelativeNoise",
    "Relaxation",
    "Retention",
    "Stable",
    "SumOfNoises",
    "TabulatedNoise",
    "TabulatedOpenLoop",
    "TelegraphNoise",
    "WriteVerify",
    "Written",
    "arrays",
    "check_device",
    "conductance",
    "form",
    "numbers",
    "program",
    "programming_report",
    "read_array",
    "sample_reads",
    "set_and_reset",
    "switch",
    "unsourced",
]
