"""Data sets: real ones from their official files, small embedded subsets, always with their origin.

>>> images = load("mnist", subset="embedded")
>>> images.origin, images.training_images.shape
('embedded', (10000, 28, 28))
>>> images.tensors("test").images.shape
torch.Size([2000, 1, 28, 28])

A data set is read from ``$OHMLOOM_DATA/<name>/``, then from the user's cache, then from its official source.
"""

from importlib.resources import files
from pathlib import Path
from typing import Literal

from ohmloom.data import idx
from ohmloom.data.catalogue import DataFile, DataSet, Files, describe, names
from ohmloom.data.fetch import fetch
from ohmloom.data.images import Images, Labelled, Origin
from ohmloom.data.places import Place, folders, lacking, places
from ohmloom.errors import DataError, message, unknown

__all__ = ["DataFile", "DataSet", "Files", "Images", "Labelled", "Origin", "Place", "Subset"]
__all__ += ["describe", "get", "load", "names", "where"]


Subset = Literal["full", "embedded"]


def load(name: str, *, subset: Subset = "full") -> Images:
    """The images of a data set; every file is verified by its checksum.

    ``subset="full"`` reads the official files and downloads those that are in no folder; ``"embedded"`` reads the
    subset inside the package. ``name`` may also be the path of a TOML file that describes a data set of the same form.

    Raises DataError for a file that is missing, broken or cannot be fetched, and UnknownNameError for another name.
    """
    dataset = describe(name)
    if subset == "full":
        folder = get(name)
        remedy = f"Delete this file, then run `ohmloom data get {dataset.name}`."
        arrays = [idx.read(folder / f.file, f, label=str(folder / f.file), remedy=remedy) for f in dataset.full.all]
        return Images(dataset.name, *arrays, origin="real", source=str(folder), licence=dataset.licence)
    if subset != "embedded":
        raise unknown("subset", str(subset), ("full", "embedded"))
    if dataset.embedded is None:
        raise DataError(message(dataset.name, "has no embedded subset", "subset='embedded'", "Use the full data set."))
    inside = files("ohmloom.data") / "embedded" / dataset.name
    remedy = "Install ohmloom again."
    arrays = [idx.read(inside / f.file, f, label=f"embedded {f.file}", remedy=remedy) for f in dataset.embedded.all]
    return Images(dataset.name, *arrays, origin="embedded", source="embedded in ohmloom", licence=dataset.licence)


def get(name: str) -> Path:
    """The folder that holds the official files of a data set; those that are in no folder are downloaded first.

    Downloads go to the user's cache; each is verified before it gets its name. Raises DataError if that fails.
    """
    dataset = describe(name)
    complete = (folder for folder in folders(dataset) if not lacking(dataset, folder))
    return next(complete, None) or fetch(dataset)


def where(name: str) -> list[Place]:
    """All places in which a data set is looked for, in order, as (place, state). Nothing is downloaded."""
    return places(describe(name))
