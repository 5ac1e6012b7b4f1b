"""tf.data.Dataset; and data sets that ship in packages, split and prepared for fit."""

from __future__ import annotations

from framework.data import experimental
from framework.data.dataset import Dataset
from framework.data.element import DatasetSpec
from framework.data.errors import DataError, MissingPackage
from framework.data.iterating import DatasetIterator as Iterator
from framework.data.iterating import NumpyIterator
from framework.data.options import Options
from framework.data.prepare import prepare
from framework.data.sets import DATA_SETS, DataSet, from_arrays, load, load_file
from framework.data.split import Parts, split, stratified_order
from framework.data.stage import AUTOTUNE
from framework.data.stage import INFINITE as INFINITE_CARDINALITY
from framework.data.stage import UNKNOWN as UNKNOWN_CARDINALITY
from framework.engine import door

__all__ = [
    "AUTOTUNE",
    "DATA_SETS",
    "DataError",
    "DataSet",
    "Dataset",
    "DatasetSpec",
    "INFINITE_CARDINALITY",
    "Iterator",
    "MissingPackage",
    "NumpyIterator",
    "Options",
    "Parts",
    "UNKNOWN_CARDINALITY",
    "experimental",
    "from_arrays",
    "load",
    "load_file",
    "prepare",
    "split",
    "stratified_order",
]

__getattr__ = door.lacking(__name__, globals())
