"""Data sets that ship in packages, split and prepared for fit; knows arrays, no layers."""

from framework.data.errors import DataError, MissingPackage
from framework.data.prepare import prepare
from framework.data.sets import DATA_SETS, DataSet, from_arrays, load, load_file
from framework.data.split import Parts, split, stratified_order

__all__ = [
    "DATA_SETS",
    "DataError",
    "DataSet",
    "MissingPackage",
    "Parts",
    "from_arrays",
    "load",
    "load_file",
    "prepare",
    "split",
    "stratified_order",
]
