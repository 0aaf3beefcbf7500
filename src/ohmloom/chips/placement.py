"""Placement: which part of which matrix sits in which core, before anything runs.

Each segment of a matrix is a rectangle of cells; columns beyond a core's width start another rectangle. Rectangles get
cores of their own while there are enough, so that they run in parallel; otherwise small ones are merged into shared
cores, tallest first, on shelves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ohmloom.errors import PlacementError, message


@dataclass(frozen=True)
class Block:
    """A rectangle of physical rows and columns of one core that holds a part of a matrix."""

    layer: str
    segment: int
    part: int  # which group of columns
    copy: int  # duplicates of one layer run side by side
    core: int
    row_start: int
    row_stop: int
    column_start: int
    column_stop: int

    @property
    def rows(self) -> int:
        return self.row_stop - self.row_start

    @property
    def columns(self) -> int:
        return self.column_stop - self.column_start

    @property
    def cells(self) -> int:
        return self.rows * self.columns


@dataclass(frozen=True)
class Need:
    """What one matrix needs: rectangles of ``rows`` physical rows by ``columns`` physical columns, one per segment."""

    segments: int
    rows: int
    columns: int  # without the reference columns
    grain: int = 1  # columns that must stay together (slices and pairs of one output)
    copies: int = 1
    reference: int = 0  # columns that every part repeats


@dataclass(frozen=True)
class Placement:
    """All blocks on a chip of ``cores`` cores of ``rows`` by ``columns`` cells."""

    cores: int
    rows: int
    columns: int
    blocks: tuple[Block, ...]

    @property
    def cores_used(self) -> int:
        return len({block.core for block in self.blocks})

    @property
    def cells(self) -> int:
        return sum(block.cells for block in self.blocks)

    @property
    def utilisation(self) -> float:
        """Share of the whole chip's cells that hold something."""
        return self.cells / (self.cores * self.rows * self.columns)

    def of(self, layer: str) -> tuple[Block, ...]:
        """The blocks of one matrix."""
        return tuple(block for block in self.blocks if block.layer == layer)


def place(needs: Mapping[str, Need], cores: int, rows: int, columns: int) -> Placement:
    """Place matrices on cores. Raises PlacementError that says what fits, what does not, and what to change."""
    pending = [block for name, need in needs.items() for block in _rectangles(name, need, rows, columns)]
    if len(pending) <= cores:
        return Placement(cores, rows, columns, tuple(replace(b, core=i) for i, b in enumerate(pending)))
    placed = _merge(pending, rows, columns)
    used = 1 + max(block.core for block in placed)
    if used > cores:
        raise PlacementError(_advice(needs, placed, cores))
    return Placement(cores, rows, columns, tuple(placed))


def _rectangles(name: str, need: Need, rows: int, columns: int) -> list[Block]:
    smallest = need.grain + need.reference
    if need.rows > rows or smallest > columns:
        rule = f"a part must fit a core of {rows} x {columns} cells"
        given = f"{need.rows} rows x {smallest} columns"
        raise PlacementError(message(name, rule, given, "Split it further, or use larger cores."))
    outputs = need.columns // need.grain
    parts = -(-outputs // ((columns - need.reference) // need.grain))
    size = -(-outputs // parts)
    blocks = []
    for copy in range(need.copies):
        for segment in range(need.segments):
            for part in range(parts):
                width = (min((part + 1) * size, outputs) - part * size) * need.grain + need.reference
                blocks.append(Block(name, segment, part, copy, -1, 0, need.rows, 0, width))
    return blocks


def _merge(pending: Sequence[Block], rows: int, columns: int) -> list[Block]:
    """Shelf packing, tallest first: a shelf is a strip of rows of one core, filled from the left."""
    shelves: list[list[int]] = []  # core, first row, height, next free column
    free_rows: list[int] = []  # next free row of each core
    placed: dict[int, Block] = {}
    for index in sorted(range(len(pending)), key=lambda i: (-pending[i].rows, -pending[i].columns, i)):
        block = pending[index]
        shelf = next((s for s in shelves if s[2] >= block.rows and s[3] + block.columns <= columns), None)
        if shelf is None:
            core = next((c for c, top in enumerate(free_rows) if top + block.rows <= rows), len(free_rows))
            if core == len(free_rows):
                free_rows.append(0)
            shelf = [core, free_rows[core], block.rows, 0]
            free_rows[core] += block.rows
            shelves.append(shelf)
        core, top, _, left = shelf
        placed[index] = replace(
            block, core=core, row_start=top, row_stop=top + block.rows, column_start=left,
            column_stop=left + block.columns,
        )  # fmt: skip
        shelf[3] += block.columns
    return [placed[index] for index in range(len(pending))]


def _advice(needs: Mapping[str, Need], placed: Sequence[Block], cores: int) -> str:
    outside = sorted({block.layer for block in placed if block.core >= cores}, key=list(needs).index)
    fitting = [name for name in needs if name not in outside]
    given = f"{1 + max(block.core for block in placed)} after merging"
    remedy = (
        f"Fits: {', '.join(fitting) or 'nothing'}. Does not fit: {', '.join(outside)}. "
        "Keep those layers digital, use fewer slices or copies, or a chip with more cores."
    )
    return message("network", f"must fit {cores} cores", given, remedy)
