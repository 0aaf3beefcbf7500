"""Data sets: real ones from their official files, small embedded subsets, always with their origin.

>>> images = load("mnist", subset="embedded")
>>> images.origin, images.training_images.shape
('embedded', (10000, 28, 28))
>>> images.tensors("test").images.shape
torch.Size([2000, 1, 28, 28])
>>> load("cora", subset="embedded").features.shape
(2708, 1433)

Features of speech are in :mod:`ohmloom.data.audio`, the preparation of photographs in :mod:`ohmloom.data.photographs`,
generators that stand in for sets that may not be redistributed in :mod:`ohmloom.data.synthetic`.

A data set is read from ``$OHMLOOM_DATA/<name>/``, then from the user's cache, then from its official source.
"""

from pathlib import Path
from typing import Literal, overload

from ohmloom.data.catalogue import DataSet, describe, names
from ohmloom.data.fetch import fetch
from ohmloom.data.formats import DataFile, Format, Loaded, Origin, PlainFile, Provenance
from ohmloom.data.graphs import Fold, FoldSets, Graphs
from ohmloom.data.idx import IdxFile, IdxImages
from ohmloom.data.images import Images, Labelled
from ohmloom.data.perovskite import MeasuredMemristors, MemristorFiles, Rated, Trial
from ohmloom.data.places import Place, folders, inside, places
from ohmloom.data.planetoid import CitationGraph, Planetoid
from ohmloom.data.recordings import Recordings, Split
from ohmloom.data.resistors import ResistorArrays, ResistorFiles
from ohmloom.data.segmented import Segmented, SegmentedFiles, SegmentedImages
from ohmloom.data.tudataset import TUDataset
from ohmloom.data.wav import WavArchive, WavRecordings
from ohmloom.errors import DataError, message, unknown

__all__ = ["CitationGraph", "DataFile", "DataSet", "Fold", "FoldSets", "Format", "Graphs", "IdxFile", "IdxImages"]
__all__ += [
    "Images",
    "Labelled",
    "Loaded",
    "MeasuredMemristors",
    "MemristorFiles",
    "Origin",
    "Place",
    "PlainFile",
    "Planetoid",
]
__all__ += ["Provenance", "Rated", "Recordings", "ResistorArrays", "ResistorFiles", "Segmented", "SegmentedFiles"]
__all__ += ["SegmentedImages", "Split", "Subset", "TUDataset", "Trial", "WavArchive", "WavRecordings"]
__all__ += ["available", "describe", "get", "load", "names", "where"]

Subset = Literal["full", "embedded"]


@overload
def load(name: Literal["mnist", "fashion-mnist", "emnist"], *, subset: Subset = "full") -> Images: ...
@overload
def load(name: Literal["mutag", "collab"], *, subset: Subset = "full") -> Graphs: ...
@overload
def load(name: Literal["cora"], *, subset: Subset = "full") -> CitationGraph: ...
@overload
def load(name: Literal["esgnn"], *, subset: Subset = "full") -> ResistorArrays: ...
@overload
def load(name: Literal["perovskite"], *, subset: Subset = "full") -> MeasuredMemristors: ...
@overload
def load(name: Literal["fsdd"], *, subset: Subset = "full") -> Recordings: ...
@overload
def load(name: Literal["drive"], *, subset: Subset = "full") -> SegmentedImages: ...
@overload
def load(name: str, *, subset: Subset = "full") -> Loaded: ...
def load(name: str, *, subset: Subset = "full") -> Loaded:
    """A data set, in the class that fits its format; every file with a known checksum is verified by it.

    ``subset="full"`` reads the official files and downloads those that are in no folder; ``"embedded"`` reads the
    subset inside the package. ``name`` may also be the path of a TOML file that describes a data set of one of the
    known formats.

    Raises DataError for a file that is missing, broken or cannot be fetched, and UnknownNameError for another name.
    """
    dataset = describe(name)
    if subset == "full":
        folder = get(name)
        source = "embedded in ohmloom" if folder == _package(dataset) else str(folder)
        about = Provenance(dataset.name, "real", source, dataset.licence)
        return dataset.full.read(folder, about, remedy=dataset.remedy)
    if subset != "embedded":
        raise unknown("subset", str(subset), ("full", "embedded"))
    if dataset.inside is None:
        raise DataError(message(dataset.name, "has no embedded subset", "subset='embedded'", "Use the full data set."))
    about = Provenance(dataset.name, "embedded", "embedded in ohmloom", dataset.licence)
    return dataset.inside.read(inside(dataset), about, remedy="Install ohmloom again.")


def get(name: str) -> Path:
    """The folder that holds the official files of a data set; those that are in no folder are downloaded first.

    Downloads go to the user's cache; each is verified before it gets its name. Raises DataError if that fails.
    """
    dataset = describe(name)
    whole = [_package(dataset)] if dataset.embedded_whole else []
    complete = (folder for folder in [*folders(dataset), *whole] if not dataset.full.lacking(folder))
    return next(complete, None) or fetch(dataset)


def available(name: str) -> bool:
    """Whether some folder of this machine holds all official files of a data set. Nothing is downloaded."""
    dataset = describe(name)
    return dataset.embedded_whole or any(not dataset.full.lacking(folder) for folder in folders(dataset))


def where(name: str) -> list[Place]:
    """All places in which a data set is looked for, in order, as (place, state). Nothing is downloaded."""
    return places(describe(name))


def _package(dataset: DataSet) -> Path:
    return Path(str(inside(dataset)))
