"""The loop of fit: epochs, batches, callbacks, validation."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np

from framework import distributed
from framework.engine import random as engine_random
from framework.engine.compile.vm import NotFinite
from framework.keras import callbacks as callbacks_module
from framework.keras.training.arrays import (
    Rows,
    as_rows,
    listed,
    split_validation,
    weights_of_classes,
)
from framework.keras.training.rehearsal import call_on_shapes, rehearse
from framework.keras.training.runner import Runner


def fit(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: Any = "auto",
    callbacks: Any = None,
    validation_split: float = 0.0,
    validation_data: tuple | None = None,
    shuffle: bool = True,
    class_weight: dict | None = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    validation_batch_size: int | None = None,
    validation_freq: int = 1,
) -> Any:
    """Train for `epochs` epochs over x, y in batches of `batch_size` (global: ranks share each
    batch); returns a History.

    shuffle: a new order each epoch, a function of (seed, epoch) alone. validation_split: that part
    of the end of the data, or validation_data=(x, y[, sample_weight]), is evaluated every
    `validation_freq` epochs. class_weight: {class: weight}, for unbalanced classes. Under a
    launcher all ranks must call fit with the same arguments.

    Raises ValueError before the first update if data, model and loss do not fit together, and
    FloatingPointError if a callback asks to stop at NaN.
    """
    rows = as_rows(x, listed(y), listed(sample_weight))
    held_out = None
    if validation_data is not None:
        parts = [listed(p) for p in validation_data]
        held_out = as_rows(*parts, caller="validation_data")
    elif validation_split:
        rows, held_out = split_validation(rows, validation_split)
    if class_weight is not None:
        rows.sample_weight = weights_of_classes(rows, class_weight)
    runner = model.runner("train", rows, batch_size)
    validation = (
        model.runner("test", held_out, validation_batch_size or batch_size) if held_out else None
    )
    rehearse(model, "train", runner)
    if validation is not None:
        rehearse(model, "test", validation)
    listeners = make_callbacks(model, callbacks, verbose, epochs, rows, batch_size)
    model.checks_finite = any(getattr(c, "error", False) for c in listeners.callbacks)
    seed = shuffle_seed() if shuffle else None
    start_together(model, runner)
    model.stop_training = False
    listeners.on_train_begin()
    logs: dict = {}
    try:
        for epoch in range(initial_epoch, epochs):
            listeners.on_epoch_begin(epoch)
            model.reset_metrics()
            runner.set_order(order_of(seed, epoch, rows.count))
            logs = run_epoch(model, runner, listeners, "train", epoch)
            if validation is not None and (epoch + 1) % validation_freq == 0:
                logs |= {
                    f"val_{name}": value
                    for name, value in evaluate(model, validation, listeners).items()
                }
            listeners.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
    finally:
        distributed.rest()
    listeners.on_train_end(logs)
    return model.history


def make_callbacks(
    model: Any, callbacks: Any, verbose: Any, epochs: int, rows: Rows, batch_size: int | None
) -> Any:
    """The CallbackList of a fit: the user's callbacks, History, and a progress line if asked
    for."""
    if isinstance(callbacks, callbacks_module.CallbackList):
        return callbacks
    shown = verbose not in (0, False)
    steps = -(-rows.count // (batch_size or 32))
    return callbacks_module.CallbackList(
        callbacks,
        add_history=True,
        add_progbar=shown,
        model=model,
        verbose=verbose,
        epochs=epochs,
        steps=steps,
    )


def run_epoch(
    model: Any, runner: Runner, listeners: Any, kind: str, epoch: int | None = None
) -> dict[str, float]:
    """All batches of an epoch: in one go, or one by one if a callback wants to see them.

    Returns the epoch's logs.
    """
    begin, end = (
        getattr(listeners, f"on_{kind}_batch_begin"),
        getattr(listeners, f"on_{kind}_batch_end"),
    )

    def tick() -> None:
        distributed.beat()
        if kind == "train":
            listeners.on_progress(runner.cursor, runner.steps)

    first = runner.cursor
    try:
        if not listeners.wants_batches(kind):
            tick()
            return model.results(kind, runner.run(runner.steps - first, tick))
        logs: dict[str, float] = {}
        for batch in range(first, runner.steps):
            begin(batch)
            logs = model.results(kind, runner.run(1))
            tick()
            end(batch, logs)
            if model.stop_training:
                break
        return logs
    except (NotFinite, FloatingPointError):
        where = "" if epoch is None else f"epoch {epoch + 1}, "
        raise FloatingPointError(
            f"the loss is NaN or infinite in {where}step {runner.cursor + 1} of "
            f"{runner.steps}; the weights are those "
            "before that step. A smaller learning rate, scaled inputs or clipnorm= usually help"
        ) from None


def evaluate(model: Any, runner: Runner, listeners: Any) -> dict[str, float]:
    """The metrics over the runner's data."""
    listeners.on_test_begin()
    model.reset_metrics()
    runner.set_order(np.arange(runner.rows.count))
    logs = run_epoch(model, runner, listeners, "test")
    listeners.on_test_end(logs)
    return logs


def run_once(model: Any, runner: Runner, callbacks: Any, verbose: Any) -> dict[str, float]:
    """What model.evaluate does."""
    rehearse(model, "test", runner)
    listeners = callbacks_module.CallbackList(callbacks, model=model)
    try:
        logs = evaluate(model, runner, listeners)
    finally:
        distributed.rest()
    if verbose not in (0, False) and distributed.is_root():
        print("  ".join(f"{name}: {value:.4f}" for name, value in logs.items()))
    return logs


def order_of(seed: int | None, epoch: int, count: int) -> np.ndarray:
    """The rows of an epoch in order: a function of (seed, epoch), the same on every rank."""
    if seed is None:
        return np.arange(count)
    return np.random.Generator(np.random.Philox(key=[seed % 2**64, epoch])).permutation(count)


def shuffle_seed() -> int:
    """The seed that set_random_seed gave, else a random one that all ranks agree on."""
    given = engine_random.global_seed()
    seed = secrets.randbits(32) if given is None else given
    return int(distributed.comm().broadcast_object(seed))


def start_together(model: Any, runner: Runner) -> None:
    """All ranks begin with the weights and random states of rank 0, after checking that they hold
    the same model.
    """
    if distributed.size() == 1:
        return
    if not model.built:  # its weights are made now, not in the first step: they must be shared
        call_on_shapes(model, runner)
    variables = list(model.variables)
    distributed.check_same("model", [(v.name, tuple(v.shape), v.dtype.name) for v in variables])
    distributed.broadcast_variables(variables + list(model.optimizer.variables))
