"""The loop of fit: epochs, batches, callbacks, validation."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from framework import distributed
from framework.data import Dataset
from framework.engine import random as engine_random
from framework.keras import callbacks as callbacks_module
from framework.keras.step.reduction import agree_on_state
from framework.keras.training.arrays import Rows, as_validation, check_counts, split_validation
from framework.keras.training.epochs import Epochs
from framework.keras.training.feeds import Feeds, as_source, weigh_classes
from framework.keras.training.rehearsal import rehearse, start_together
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
    validation_data: Any = None,
    shuffle: bool = True,
    class_weight: dict | None = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    validation_batch_size: int | None = None,
    validation_freq: Any = 1,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
) -> Any:
    """Train for `epochs` epochs over x, y in batches of `batch_size` (global: ranks share each
    batch), or over a tf.data.Dataset of batches (x, y) or (x, y, sample_weight); returns a History.

    shuffle: a new order each epoch, a function of (seed, epoch) alone. validation_split: that part
    of the end of the data, or validation_data=(x, y[, sample_weight]) or a Dataset, is evaluated
    every `validation_freq` epochs (a list: in those). class_weight: {class: weight}, for unbalanced
    classes. steps_per_epoch: an epoch is so many batches, and the next one goes on where it ended;
    validation_steps: so many batches are evaluated. Under a launcher all ranks must call fit with
    the same arguments.

    Raises ValueError before the first update if data, model and loss do not fit together, and
    FloatingPointError if a callback asks to stop at NaN.
    """
    check_counts(0, "fit", epochs=epochs, initial_epoch=initial_epoch)
    sizes = {"batch_size": batch_size, "validation_batch_size": validation_batch_size}
    steps = {"steps_per_epoch": steps_per_epoch, "validation_steps": validation_steps}
    check_counts(1, "fit", **sizes, **steps)
    check_frequency(validation_freq)
    rows = as_source(x, y, sample_weight, steps=steps_per_epoch)
    held_out = None
    if validation_data is not None:
        held_out = as_held_out(validation_data, validation_steps)
    elif validation_split:
        rows, held_out = split_validation(rows, validation_split)
    if class_weight is not None:
        weigh_classes(rows, class_weight)
    order = orders_of(rows, shuffle)
    runner = model.runner("train", rows, batch_size)
    rehearse(model, "train", runner)
    checker = None
    if held_out is not None:
        checker = model.runner("test", held_out, validation_batch_size or batch_size)
        rehearse(model, "test", checker)
    listeners = make_callbacks(model, callbacks, verbose, epochs, steps_per_epoch or runner.steps)
    model.checks_finite = any(getattr(c, "error", False) for c in listeners.callbacks)
    training = Epochs(model, "train", runner, listeners, steps_per_epoch, order)
    validation = Epochs(model, "test", checker, listeners, validation_steps) if checker else None
    start_together(model, runner)
    return run_epochs(training, validation, range(initial_epoch, epochs), validation_freq)


def run_epochs(training: Epochs, validation: Epochs | None, epochs: range, frequency: Any) -> Any:
    """Epoch after epoch, with validations, until a callback stops it; returns the History."""
    model, listeners = training.model, training.listeners
    model.stop_training = False
    listeners.on_train_begin()
    logs: dict = {}
    try:
        for epoch in epochs:
            listeners.on_epoch_begin(epoch)
            logs = training.run(epoch)
            agree_on_state(model)
            if validation is not None and is_validated(epoch + 1, frequency):
                logs |= {f"val_{name}": value for name, value in evaluate(validation).items()}
            logs = dict(sorted(logs.items()))  # as Keras: histories list them in this order
            listeners.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
    finally:
        distributed.rest()
    listeners.on_train_end(logs)
    return model.history


def is_validated(number: int, frequency: Any) -> bool:
    """Whether epoch `number` (from 1) is validated: every so many epochs, or those in a list."""
    if isinstance(frequency, (list, tuple, set)):
        return number in frequency
    return number % frequency == 0


def check_frequency(frequency: Any) -> None:
    """ValueError unless this says which epochs are validated."""
    is_number = isinstance(frequency, (int, np.integer)) and frequency >= 1
    if not is_number and not isinstance(frequency, (list, tuple, set)):
        raise ValueError(
            f"fit: validation_freq is {frequency!r}, wanted a number of epochs or a list of them"
        )


def make_callbacks(model: Any, callbacks: Any, verbose: Any, epochs: int, steps: int) -> Any:
    """The CallbackList of a fit: the user's callbacks, History, and a progress line if asked
    for."""
    if isinstance(callbacks, callbacks_module.CallbackList):
        return callbacks
    return callbacks_module.CallbackList(
        callbacks,
        add_history=True,
        add_progbar=verbose not in (0, False),
        model=model,
        verbose=verbose,
        epochs=epochs,
        steps=steps,
    )


def evaluate(epochs: Epochs) -> dict[str, Any]:
    """The metrics over an epoch of test data."""
    epochs.listeners.on_test_begin()
    logs = epochs.run()
    epochs.listeners.on_test_end(logs)
    return logs


def run_once(
    model: Any, runner: Runner, callbacks: Any, verbose: Any, steps: int | None
) -> dict[str, Any]:
    """What model.evaluate does."""
    rehearse(model, "test", runner)
    listeners = callbacks_module.CallbackList(callbacks, model=model)
    start_together(model, runner)
    try:
        logs = evaluate(Epochs(model, "test", runner, listeners, steps))
    finally:
        distributed.rest()
    if verbose not in (0, False) and distributed.is_root():
        print("  ".join(f"{name}: {value:.4f}" for name, value in logs.items()))
    return logs


def predict_batches(
    model: Any, runner: Runner, callbacks: Any, steps: int | None, verbose: Any
) -> list:
    """What model.predict does: the outputs of batch after batch."""
    listeners: Any = callbacks_module.CallbackList(callbacks, model=model)
    listeners.on_predict_begin()
    runner.begin()
    batches: list = []
    while len(batches) != steps and not runner.is_over:
        batch = len(batches)
        listeners.on_predict_batch_begin(batch)
        batches.append(runner.run(1))
        listeners.on_predict_batch_end(batch, {"outputs": batches[-1]})
    listeners.on_predict_end()
    if verbose not in (0, False, "auto") and distributed.is_root():
        print(f"predicted {len(batches)} of {runner.steps or len(batches)} batches")
    return batches


def as_held_out(data: Any, steps: int | None) -> Any:
    """validation_data: a data set, or arrays."""
    is_data_set = isinstance(data, Dataset)
    return (
        as_source(data, caller="validation_data", steps=steps)
        if is_data_set
        else as_validation(data)
    )


def orders_of(source: Rows | Feeds, is_shuffled: bool) -> Callable | None:
    """The rows of each epoch in order; None: as they are, or as their data set gives them."""
    if not is_shuffled:
        return None
    if isinstance(source, Feeds):
        warnings.warn(
            "`shuffle=True` was passed, but will be ignored since the data `x` was provided as a "
            "tf.data.Dataset. The Dataset is expected to already be shuffled (via "
            "`.shuffle(buffer_size)`).",
            stacklevel=4,
        )
        return None
    seed, count = shuffle_seed(), source.count
    return lambda number: order_of(seed, number, count)


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
