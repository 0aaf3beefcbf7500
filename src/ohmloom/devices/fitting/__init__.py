"""From measurements to a device: tidy CSV tables in, a description with sources and intervals out.

tables = read_tables(["reads.csv.gz", "sweeps.csv"], Settings())
fit = fit_device(tables, name="my-device")
save(fit, "my.toml")
"""

from ohmloom.devices.fitting.columns import KINDS, PROGRAMMING, READS, SWEEPS, Kind
from ohmloom.devices.fitting.drawing import draw_programming, draw_reads, draw_sweeps, write_table
from ohmloom.devices.fitting.fit import Fit, HeldOut, Number, fit_device
from ohmloom.devices.fitting.saving import RECORD, draws_folder, load_draws, record, save, save_record
from ohmloom.devices.fitting.settings import Settings
from ohmloom.devices.fitting.tables import Table, read_table, read_tables

__all__ = ["KINDS", "PROGRAMMING", "READS", "RECORD", "SWEEPS", "Fit", "HeldOut", "Kind", "Number", "Settings", "Table"]
__all__ += ["draw_programming", "draw_reads", "draw_sweeps", "draws_folder", "fit_device", "load_draws", "read_table"]
__all__ += ["read_tables", "record", "save", "save_record", "write_table"]
