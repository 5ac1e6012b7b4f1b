"""Checkpoint: the Variables of any objects in a file, found again by the names of attributes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from framework import distributed
from framework.engine import awaiting
from framework.engine.errors import DataLossError, NotFoundError
from framework.engine.variable import Variable
from framework.keras.saving import graph, record, tensors
from framework.keras.saving.restoring import (
    CheckpointLoadStatus,
    InitializationOnlyStatus,
    Restoration,
)

GRAPH = "graph"  # where the metadata of a file have the graph of objects


class Checkpoint:
    """Saves and restores objects that hold Variables: Checkpoint(root=None, **kwargs).

    kwargs: Variables, Modules, layers, models, optimizers, metrics, generators, lists, dicts; they
    become attributes. root: an object whose parts are saved as if they were the Checkpoint's own.

    A checkpoint `prefix` is one file, `prefix.safetensors`: the arrays under TensorFlow's names
    (model/w/.ATTRIBUTES/VARIABLE_VALUE) and the graph of the objects. TensorFlow's own files
    (.index, .data) are not read or written. A file appears whole or not at all, and only rank 0
    writes. Values whose Variables do not exist yet (of layers and optimizers that are not built)
    wait for them; those of a list that grows, until the next attribute is set or layer is built.
    """

    def __init__(self, root: Any = None, **kwargs: Any):
        if "save_counter" in kwargs:
            raise AttributeError("property 'save_counter' of 'Checkpoint' object has no setter")
        self._counter: Variable | None = None
        for name, value in kwargs.items():
            if not graph.is_trackable(value):
                raise ValueError(
                    f"`Checkpoint` was expecting {name} to be a trackable object (a Variable, "
                    "Module, layer, model, optimizer, metric, list, tuple or dict), got "
                    f"{value}."
                )
            setattr(self, name, value)
        if root is not None and not graph.is_trackable(root):
            raise ValueError(
                f"`Checkpoint` was expecting root to be a trackable object, got {root!r}."
            )
        if root is not None:
            self.root = root

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if awaiting.WAITING:
            awaiting.settle()

    def checkpointed(self) -> dict[str, Any]:
        """What is saved: the parts of root, the attributes, the counter."""
        own = {k: v for k, v in vars(self).items() if not k.startswith("_") and k != "root"}
        counter = {} if self._counter is None else {"save_counter": self._counter}
        return {**graph.children(getattr(self, "root", None)), **own, **counter}

    @property
    def save_counter(self) -> Variable:
        """How often `save` was called: an int64 Variable, saved with the rest."""
        if self._counter is None:
            start = np.zeros((), np.int64)
            self._counter = Variable(start, trainable=False, name="save_counter")
        return self._counter

    def write(self, file_prefix: Any, options: None = None) -> str:
        """Write the file `file_prefix`.safetensors; returns file_prefix."""
        refuse_options(options)
        prefix = os.fspath(file_prefix)
        nodes, values = graph.graph_of(self)
        if distributed.is_root():
            arrays = {key: np.array(v.array) for key, v in values.values()}
            keys = {str(number): key for number, (key, _) in values.items()}
            described = json.dumps({"nodes": nodes, "keys": keys})
            metadata = {"format": "framework.checkpoint", GRAPH: described}
            tensors.write(file_of(prefix), arrays, metadata)
        return prefix

    def save(self, file_prefix: Any, options: None = None) -> str:
        """Count save_counter on, write `file_prefix`-counter, and note it as the latest of its
        folder; returns its prefix."""
        self.save_counter.assign_add(1)
        prefix = self.write(f"{os.fspath(file_prefix)}-{int(self.save_counter)}", options)
        if distributed.is_root():
            record.write(os.path.dirname(prefix), prefix, [prefix])
        return prefix

    def read(self, save_path: Any, options: None = None) -> CheckpointLoadStatus:
        """Give the values of a checkpoint to the Variables of the same names; nothing is assigned
        unless all that meet fit in dtype and shape.

        NotFoundError: there is no such file. DataLossError: it is damaged.
        """
        refuse_options(options)
        restoration = loaded(os.fspath(save_path))
        restoration.begin(self)
        return CheckpointLoadStatus(restoration, self)

    def restore(
        self, save_path: Any, options: None = None
    ) -> CheckpointLoadStatus | InitializationOnlyStatus:
        """As `read`, of what `save` wrote; None, which latest_checkpoint gives for an empty
        folder, restores nothing."""
        if save_path is None:
            refuse_options(options)
            self.save_counter  # noqa: B018  (is made here, so that programs may count on it)
            return InitializationOnlyStatus()
        try:
            status = self.read(save_path, options)
        except NotFoundError as error:
            raise NotFoundError(
                f"Error when restoring from checkpoint or SavedModel at {save_path}: "
                f"{error.message}\nPlease double-check that the path is correct. You may be "
                "missing the checkpoint suffix (e.g. the '-1' in 'path/to/ckpt-1')."
            ) from None
        self.save_counter  # noqa: B018  (takes its value)
        awaiting.settle()
        return status

    def sync(self) -> None:
        """Wait for files that are being written: none ever is, after `save` has returned."""


def refuse_options(options: Any) -> None:
    """There are no options here."""
    if options is not None:
        raise NotImplementedError(f"Checkpoint: options={options!r} is not supported, wanted None")


def file_of(prefix: str) -> Path:
    """The file of the checkpoint `prefix`."""
    return Path(prefix + ".safetensors")


def loaded(prefix: str) -> Restoration:
    """The contents of a checkpoint."""
    path = file_of(prefix)
    if not path.exists():
        if os.path.exists(prefix + ".index"):
            raise NotFoundError(
                f"{prefix}.index is a checkpoint of TensorFlow, whose format is not read here; "
                f"there is no {path}"
            )
        raise NotFoundError(f"Failed to find any matching files for {prefix} (there is no {path})")
    try:
        arrays, metadata = tensors.read(path)
        found = json.loads(metadata[GRAPH])
        keys = {int(number): key for number, key in found["keys"].items()}
        missing = [key for key in keys.values() if key not in arrays]
        if missing:
            raise ValueError(f"it lacks {missing[0]}")
        return Restoration(prefix, found["nodes"], keys, arrays)
    except (ValueError, KeyError, TypeError) as error:
        raise DataLossError(
            f"{path} is no whole checkpoint: {error}; nothing was restored"
        ) from None


def prefix_of(prefix_or_folder: Any) -> str:
    """A prefix as it is; of a folder its latest checkpoint."""
    given = os.fspath(prefix_or_folder)
    if not os.path.isdir(given):
        return given
    latest = record.latest(given)
    if latest is None:
        raise ValueError(
            f"Couldn't find 'checkpoint' file or checkpoints in given directory {given}"
        )
    return latest


def list_variables(ckpt_dir_or_file: Any) -> list[tuple[str, list[int]]]:
    """(name, shape) of each value of a checkpoint, by name."""
    restoration = loaded(prefix_of(ckpt_dir_or_file))
    return [(key, list(a.shape)) for key, a in sorted(restoration.arrays.items())]


def load_variable(ckpt_dir_or_file: Any, name: str) -> Any:
    """The value of that name in a checkpoint."""
    arrays = loaded(prefix_of(ckpt_dir_or_file)).arrays
    if name not in arrays:
        raise NotFoundError(f"Key {name} not found in checkpoint")
    return arrays[name] if arrays[name].ndim else arrays[name][()]
