"""`framework cache`: the compiled kernels on disk, how to clear them and how to make the common
ones before the first run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from framework.engine.compile import cache, eager
from framework.engine.op import OPS
from framework.experiment.errors import UserError


def manage(is_cleared: bool, is_warmed: bool) -> int:
    """Clear and warm what is wished, then tell the folder, the number of kernels and their size."""
    where = cache.folder()
    if where is None:
        raise UserError(
            "the kernel cache folder cannot be used: kernels are compiled in every process. Name a "
            "folder of yours by FRAMEWORK_CACHE"
        )
    if is_cleared:
        count = clear(where)
        print(f"removed {count} kernels")
    if is_warmed:
        warm()
    print(size_of(where))
    return 0


def size_of(where: Path) -> str:
    """The folder, how many kernels it has, and their size."""
    sizes = [kernel.stat().st_size for kernel in where.glob("*.o")]
    return f"{where}: {len(sizes)} kernels, {sum(sizes) / 1e6:.1f} MB"


def clear(where: Path) -> int:
    """Remove the kernels, and what an interrupted process left; returns the number of kernels. A
    process that runs has loaded its own."""
    kernels = list(where.glob("*.o"))
    for path in [*kernels, *where.glob("*.o.*"), *where.glob("*.[0-9]*")]:
        path.unlink(missing_ok=True)
    return len(kernels)


def warm() -> None:
    """Compile what most training steps are made of: dense and convolutional networks for classes
    and for numbers, with the usual optimizers, and their predictions."""
    start, before = time.perf_counter(), len(cache.COMPILED)
    for inputs, targets, model, optimizer, loss in common():
        model.compile(optimizer, loss, metrics=["accuracy"] if targets.ndim == 1 else None)
        model.program(inputs, targets, batch_size=len(inputs))
        model.predict(inputs, verbose=0)
    for op in [op for op in OPS.values() if op.is_exact]:  # quick calls want them on the disk
        for sample in op.samples:
            eager.call_of(op, tuple(sample.arrays(0, np.float32)), sample.attrs)
    count = len(cache.COMPILED) - before
    print(f"compiled {count} kernels in {time.perf_counter() - start:.0f} s")


def common() -> list[tuple[np.ndarray, np.ndarray, Any, Any, Any]]:
    """(inputs, targets, model, optimizer, loss) of small networks whose kernels many others share:
    kernels do not depend on sizes."""
    from framework import keras

    layers = keras.layers

    def dense(outputs: int) -> Any:
        return keras.Sequential(
            [keras.Input((16,)), layers.Dense(32, activation="relu"), layers.Dropout(0.1),
             layers.Dense(outputs)]
        )  # fmt: skip

    rows, images = np.zeros((8, 16), np.float32), np.zeros((8, 8, 8, 1), np.float32)
    numbers, classes = np.zeros((8, 1), np.float32), np.zeros(8, np.int64)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    convolutional = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(8, 3, padding="same", activation="relu"),
         layers.MaxPooling2D(2), layers.Conv2D(8, 3, activation="relu"), layers.Flatten(),
         layers.Dense(10, activation="softmax")]
    )  # fmt: skip
    return [
        (rows, numbers, dense(1), "adam", "mse"),
        (rows, classes, dense(10), "adam", cross_entropy),
        (rows, classes, dense(10), keras.optimizers.SGD(0.1, momentum=0.9), cross_entropy),
        (images, classes, convolutional, "adam", "sparse_categorical_crossentropy"),
    ]
