"""Weights in files: .safetensors, and .weights.h5 in Keras 3's layout (h5py).

Both name a weight by its place in the model: the attribute that holds its layer, inside lists the
layer's class.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from framework import distributed
from framework.keras.layers.layer import Layer
from framework.keras.naming import to_snake_case
from framework.keras.saving import tensors
from framework.keras.saving.whole import written_whole
from framework.keras.variable import Variable

BOOKKEEPING = {"_stack", "_layer_list", "_tip", "_input", "_calls", "_layer_calls"}
ENDINGS = (".safetensors", ".weights.h5")
STATES = "optimizer"  # the place of the states of the model's optimizer


def save(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write the weights of a built model, and its optimizer's states, to `filepath`; on rank 0."""
    path = checked(filepath)
    if not model.built:
        raise ValueError(
            f"save_weights: model '{model.name}' is not built, so it has no weights yet: call it "
            "once"
        )
    if not distributed.is_root():
        return  # the ranks hold the same weights; no waiting, so that rank 0 may also come alone
    if path.exists() and not overwrite:
        raise FileExistsError(f"save_weights: {path} exists; pass overwrite=True to replace it")
    if path.name.endswith(".safetensors"):
        save_safetensors(path, list(groups(model)), class_of(model.optimizer))
    else:
        with written_whole(path) as temporary:
            temporary.write_bytes(h5_bytes(model))


def load(model: Any, filepath: Any) -> None:
    """Read weights into a built model of the same architecture; nothing is assigned unless all
    fits.
    """
    path = checked(filepath)
    if not path.exists():
        raise FileNotFoundError(f"load_weights: there is no file {path}")
    if not model.built:
        raise ValueError(
            f"load_weights: model '{model.name}' is not built: call it once, or start it with "
            "keras.Input"
        )
    is_safe = path.name.endswith(".safetensors")
    assign(model, *(load_safetensors(path) if is_safe else load_h5(path)), path)


def assign(model: Any, found: dict[str, list[np.ndarray]], states_of: str, path: Any) -> None:
    """Give the model the arrays of a file, whose optimizer was a `states_of` ("": not known).

    The states of another optimizer, and an optimizer that is not built, are left alone.
    """
    pairs = []
    for group, variables in groups(model):
        values = found.get(group, [])
        if group == STATES and not is_fit_for(model.optimizer, variables, values, states_of):
            continue
        if len(values) != len(variables):
            raise ValueError(
                f"load_weights: {path} has {len(values)} arrays at '{group}', the model wants "
                f"{len(variables)}"
            )
        for v, value in zip(variables, values):
            if tuple(value.shape) != tuple(v.shape):
                raise ValueError(
                    f"load_weights: {path} has shape {tuple(value.shape)} for {v.path}, wanted "
                    f"{tuple(v.shape)}"
                )
            pairs.append((v, value))
    for v, value in pairs:
        v.assign(np.asarray(value, v.array.dtype))


def is_fit_for(optimizer: Any, states: list, values: list[np.ndarray], states_of: str) -> bool:
    """Whether the states in a file are those of such an optimizer; a warning if they are not."""
    if not values:  # saved without an optimizer
        return False
    is_same = states_of in ("", class_of(optimizer))
    if is_same and [v.shape for v in values] == [tuple(s.shape) for s in states]:
        return True
    warnings.warn(
        f"load_weights: optimizer '{optimizer.name}' keeps its own states: it is a "
        f"{class_of(optimizer)} with {len(states)} variables, the file holds those of "
        f"{states_of or 'an optimizer'} with {len(values)}, or their shapes differ",
        stacklevel=4,
    )
    return False


def class_of(optimizer: Any) -> str:
    """The name of the class of an optimizer that has states; "" if there are none."""
    return type(optimizer).__name__ if optimizer is not None and optimizer.built else ""


def checked(filepath: Any) -> Path:
    """The path, if its ending names a format."""
    path = Path(filepath)
    if not path.name.endswith(ENDINGS):
        raise ValueError(f"weights file {path}: its name must end in {' or '.join(ENDINGS)}")
    return path


def groups(model: Any) -> Iterator[tuple[str, list[Variable]]]:
    """(place, variables) of each part of a model that may hold variables, in Keras' order."""
    yield from walk(model, "", set())


def walk(part: Any, place: str, seen: set) -> Iterator[tuple[str, list[Variable]]]:
    """A layer (or optimizer) and the parts among its attributes, each once."""
    if id(part) in seen:
        return
    seen.add(id(part))
    if not isinstance(part, Layer):
        yield place, list(part.variables)
        return
    own = list(part._own(Variable))
    yield place, [v for v in own if v.made_trainable] + [v for v in own if not v.made_trainable]
    for name, child in sorted(children(part).items()):
        inner = f"{place}/{name}" if place else name
        if isinstance(child, (list, tuple, dict)):
            yield from walk_container(child, inner, seen)
        else:
            yield from walk(child, inner, seen)


def children(part: Layer) -> dict[str, Any]:
    """The attributes of a layer that are or may hold layers, and a model's optimizer."""
    kinds = (Layer, list, tuple, dict)
    kept = {n: v for n, v in vars(part).items() if isinstance(v, kinds) and n not in BOOKKEEPING}
    inside, optimizer = getattr(part, "layers", None), getattr(part, "optimizer", None)
    if inside is not None:
        kept["layers"] = inside
    if optimizer is not None and optimizer.built:
        kept[STATES] = optimizer
    return kept


def walk_container(container: Any, place: str, seen: set) -> Iterator[tuple[str, list[Variable]]]:
    """Layers in a list or dict, called after their class: dense, dense_1 ..."""
    counts: dict[str, int] = {}
    for value in container.values() if isinstance(container, dict) else container:
        if isinstance(value, Layer) and id(value) not in seen:
            name = to_snake_case(type(value).__name__)
            counts[name] = counts.get(name, -1) + 1
            numbered = f"{name}_{counts[name]}" if counts[name] else name
            yield from walk(value, f"{place}/{numbered}", seen)


def save_safetensors(path: Path, parts: list, states_of: str) -> None:
    """One tensor per weight, named place/vars/number."""
    arrays = {}
    for place, variables in parts:
        for i, v in enumerate(variables):
            arrays[f"{place}/vars/{i}".lstrip("/")] = np.array(v.array)
    tensors.write(path, arrays, {"format": "framework", STATES: states_of})


def load_safetensors(path: Path) -> tuple[dict[str, list[np.ndarray]], str]:
    """place -> arrays, and the class of the optimizer."""
    try:
        arrays, metadata = tensors.read(path)
    except ValueError as error:
        raise ValueError(f"load_weights: {error}") from None
    return grouped(arrays), metadata.get(STATES, "")


def grouped(arrays: dict[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """ "place/vars/i" -> array, as place -> list of arrays."""
    found: dict[str, dict[int, np.ndarray]] = {}
    for key, value in arrays.items():
        place, _, number = ("/" + key).rpartition("/vars/")
        found.setdefault(place.strip("/"), {})[int(number)] = value
    return {place: [parts[i] for i in sorted(parts)] for place, parts in found.items()}


def import_h5py() -> Any:
    """h5py, or an ImportError with the pip line."""
    try:
        import h5py  # type: ignore[import-not-found]
    except ImportError:
        raise ImportError(
            ".weights.h5 files need h5py: pip install h5py (or use .safetensors)"
        ) from None
    return h5py


def h5_bytes(model: Any) -> bytes:
    """A file of groups and numbered datasets, as Keras 3 lays them out.

    Made in memory: on a full disk HDF5 only says that it cannot close its file.
    """
    h5py = import_h5py()
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for place, variables in groups(model):
            group = file.create_group(f"{place}/vars".lstrip("/"))
            for i, v in enumerate(variables):
                group.create_dataset(str(i), data=np.array(v.array))
        if STATES in file:
            file[STATES].attrs["class_name"] = class_of(model.optimizer)
    return buffer.getvalue()


def load_h5(source: Any) -> tuple[dict[str, list[np.ndarray]], str]:
    """place -> arrays, and the class of the optimizer ("" in files of Keras)."""
    h5py = import_h5py()
    arrays: dict[str, np.ndarray] = {}

    def take(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and "/vars/" in "/" + name:
            arrays[name] = item[()]

    try:
        with h5py.File(source, "r") as file:
            file.visititems(take)
            states_of = file[STATES].attrs.get("class_name", "") if STATES in file else ""
    except OSError as error:
        if error.errno is not None:  # the file system's, not HDF5's
            raise
        raise ValueError(f"load_weights: {source} is not a whole HDF5 file: {error}") from None
    return grouped(arrays), str(states_of)
