"""Floor 2, many cells and their lines: drives, encodings, front ends, converters and read-outs."""

from ohmloom.crossbars.circuits.effective import Terminals, effective_conductance, terminals
from ohmloom.crossbars.circuits.netlist import write_netlist
from ohmloom.crossbars.circuits.newton import Limits
from ohmloom.crossbars.circuits.solution import Outcome, Solution
from ohmloom.crossbars.circuits.solving import solve
from ohmloom.crossbars.circuits.wires import Wires
from ohmloom.crossbars.converters import (
    ChargeDecrement,
    Comparator,
    Converter,
    NoConverter,
    StochasticNeuron,
    Uniform,
)
from ohmloom.crossbars.drives import Affine, Amplitude, BitSerial, Drive, Driven, Pulses
from ohmloom.crossbars.encodings import Analogue, Bipolar, Bits, Encoding, Layout, Radix
from ohmloom.crossbars.frontends import CurrentSense, FrontEnd, VoltageSense
from ohmloom.crossbars.lines import Lines, gather
from ohmloom.crossbars.normal import standard_normal
from ohmloom.crossbars.readouts import AnalogueReadout, LogicReadout, Readout, Sensed, Sensing, compile_sensing, sense

__all__ = [
    "Affine",
    "Amplitude",
    "Analogue",
    "AnalogueReadout",
    "Bipolar",
    "BitSerial",
    "Bits",
    "ChargeDecrement",
    "Comparator",
    "Converter",
    "CurrentSense",
    "Drive",
    "Driven",
    "Encoding",
    "FrontEnd",
    "Layout",
    "Limits",
    "Lines",
    "LogicReadout",
    "NoConverter",
    "Outcome",
    "Pulses",
    "Radix",
    "Readout",
    "Sensed",
    "Sensing",
    "Solution",
    "StochasticNeuron",
    "Terminals",
    "Uniform",
    "VoltageSense",
    "Wires",
    "compile_sensing",
    "effective_conductance",
    "gather",
    "sense",
    "solve",
    "standard_normal",
    "terminals",
    "write_netlist",
]
