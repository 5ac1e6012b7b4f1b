"""Callbacks driven by hand with scripted logs, and the order in which a list calls its hooks."""

from __future__ import annotations

import csv
import io
import json
import logging
import math

import numpy as np
import pytest

from framework import keras
from framework.keras.callbacks import CallbackList
from framework.keras.configurable import registry
from tests.keras.cases import classes

LOSSES = [1.0, 0.8, 0.9, 0.85, 0.79, 0.9, 0.95, 0.99]
ARGUMENTS = {
    "CSVLogger": {"filename": "log.csv"},
    "ModelCheckpoint": {"filepath": "w.safetensors", "save_weights_only": True},
    "LearningRateScheduler": {"schedule": abs},
}


@pytest.fixture
def model():
    made = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    made.compile(keras.optimizers.SGD(0.1), "mse")
    return made


def drive(callback, model, series):
    """Epochs whose logs are `series`; weights are the epoch number. Returns what was done."""
    callback.set_params({"epochs": len(series), "verbose": 0})
    callback.set_model(model)
    model.stop_training = False
    callback.on_train_begin()
    rates, done = [], 0
    for epoch, logs in enumerate(series):
        callback.on_epoch_begin(epoch)
        rates.append(round(float(model.optimizer.learning_rate), 6))
        model.set_weights([np.full((1, 1), epoch, np.float32)])
        callback.on_epoch_end(epoch, logs if isinstance(logs, dict) else {"val_loss": logs})
        done += 1
        if model.stop_training:
            break
    callback.on_train_end()
    return done, rates, float(model.get_weights()[0][0, 0])


@pytest.mark.parametrize("name", classes("callback"))
def test_config_and_doc(name):
    cls = registry("callback")[name]
    callback = cls(**ARGUMENTS.get(name, {}))
    assert cls.__doc__
    if name != "LearningRateScheduler":  # its function has no name in a registry
        again = cls.from_config(json.loads(json.dumps(callback.get_config())))
        assert again.get_config() == callback.get_config()


@pytest.mark.parametrize("name", classes("callback"))
def test_no_callback_asks_for_batches_unless_it_must(name):
    callback = registry("callback")[name](**ARGUMENTS.get(name, {}))
    assert callback.wants_batches("train") == (name == "TerminateOnNaN")
    assert not callback.wants_batches("test")


def test_overridden_batch_hooks_are_seen():
    class Spy(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            pass

    assert Spy().wants_batches("test") and not Spy().wants_batches("train")
    hooked = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    assert hooked.wants_batches("train")
    assert CallbackList([Spy(), hooked]).wants_batches("train")
    with pytest.raises(TypeError, match="on_epoch_ende"):
        keras.callbacks.LambdaCallback(on_epoch_ende=print)


@pytest.mark.parametrize(
    ("options", "epochs", "best"),
    [
        ({"patience": 2}, 4, 1),
        ({"patience": 0}, 3, 1),
        ({"patience": 2, "min_delta": 0.05, "restore_best_weights": True}, 4, 1),
        ({"patience": 2, "start_from_epoch": 2}, 7, 4),
        ({"patience": 1, "baseline": 0.5}, 3, 1),
    ],
)
def test_early_stopping(model, options, epochs, best):
    callback = keras.callbacks.EarlyStopping(**options)
    done, _, weight = drive(callback, model, LOSSES)
    assert (done, callback.best_epoch) == (epochs, best)
    assert weight == (best if options.get("restore_best_weights") else epochs - 1)


def test_early_stopping_on_a_rising_number(model):
    callback = keras.callbacks.EarlyStopping(monitor="val_accuracy", patience=1, mode="max")
    series = [{"val_accuracy": a} for a in (0.5, 0.6, 0.55, 0.7)]
    assert drive(callback, model, series)[0] == 3


def test_monitor_that_is_not_there_is_said(model, caplog):
    with caplog.at_level(logging.WARNING, "framework"):
        drive(keras.callbacks.EarlyStopping(monitor="val_los", mode="min"), model, LOSSES[:1])
    assert "no 'val_los' in the logs (did you mean 'val_loss'?)" in caplog.text


def test_reduce_on_plateau(model):
    callback = keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=1, cooldown=1, min_lr=0.03)
    assert drive(callback, model, LOSSES)[1] == [0.1, 0.1, 0.1, 0.05] + [0.03] * 4


def test_learning_rate_scheduler(model):
    logs = {"loss": 1.0}
    callback = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    assert drive(callback, model, [logs, {}])[1] == [0.05, 0.025]
    assert logs["learning_rate"] == pytest.approx(0.05)
    callback = keras.callbacks.LearningRateScheduler(lambda epoch: 1.0 / (epoch + 1))
    assert drive(callback, model, LOSSES[:2])[1] == [1.0, 0.5]


def test_csv_logger(model, tmp_path):
    path = tmp_path / "log.csv"
    drive(keras.callbacks.CSVLogger(path), model, [{"loss": 1.5, "acc": 0.5}, {"loss": 1.0}])
    drive(keras.callbacks.CSVLogger(path, append=True), model, [{"loss": 0.5, "acc": 1.0}])
    rows = list(csv.reader(path.read_text().splitlines()))
    assert rows == [
        ["epoch", "acc", "loss", "val_acc", "val_loss"],
        ["0", "0.5", "1.5", "NA", "NA"],
        ["1", "NA", "1.0", "NA", "NA"],
        ["0", "1.0", "0.5", "NA", "NA"],
    ]


def test_model_checkpoint(model, tmp_path):
    every = keras.callbacks.ModelCheckpoint(
        tmp_path / "w{epoch:02d}-{val_loss:.2f}.safetensors", save_weights_only=True
    )
    drive(every, model, LOSSES[:3])
    names = ["w01-1.00.safetensors", "w02-0.80.safetensors", "w03-0.90.safetensors"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    path = tmp_path / "best.safetensors"
    best = keras.callbacks.ModelCheckpoint(path, save_weights_only=True, save_best_only=True)
    drive(best, model, LOSSES)
    model.load_weights(path)
    assert float(model.get_weights()[0][0, 0]) == 4.0
    with pytest.raises(ValueError, match=r"must end in \.weights\.h5 or \.safetensors"):
        keras.callbacks.ModelCheckpoint("w.bin", save_weights_only=True)
    missing = keras.callbacks.ModelCheckpoint(
        tmp_path / "{accuracy}.safetensors", save_weights_only=True
    )
    with pytest.raises(KeyError, match="accuracy"):
        drive(missing, model, LOSSES[:1])


def test_terminate_on_nan(model):
    callback = keras.callbacks.TerminateOnNaN()
    callback.set_model(model)
    callback.on_train_batch_end(0, {"loss": 1.0})
    assert not model.stop_training
    callback.on_train_batch_end(1, {"loss": math.nan})
    assert model.stop_training
    assert not keras.callbacks.TerminateOnNaN(error=True).wants_batches("train")


def test_history(model):
    callback = keras.callbacks.History()
    drive(callback, model, [{"loss": 2.0}, {"loss": 1.0}])
    assert callback.history == {"loss": [2.0, 1.0]} and callback.epoch == [0, 1]


def test_progress_line_is_whole_lines_when_not_a_terminal(model):
    stream = io.StringIO()
    line = keras.callbacks.ProgressLine(stream)
    line.set_params({"epochs": 10, "verbose": 1})
    line.on_train_begin()
    line.on_epoch_begin(2)
    line.on_progress(1, 2)
    assert stream.getvalue() == ""
    line.on_epoch_end(2, {"accuracy": 0.5, "loss": 0.0001, "val_loss": 2.0})
    text = stream.getvalue()
    assert text.startswith("Epoch  3/10 - ") and text.endswith("\n") and "\r" not in text
    assert "loss: 1.0000e-04 - accuracy: 0.5000 - val_loss: 2.0000" in text


def test_list_keeps_the_order_and_hands_on_one_dict(model):
    calls = []

    class First(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["more"] = 1.0
            calls.append("first")

    class Second(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            calls.append(sorted(logs))

    listeners = CallbackList([First(), Second()], add_history=True, model=model, epochs=3)
    listeners.on_train_begin()
    listeners.on_epoch_end(0, {"loss": 1.0})
    assert calls == ["first", ["loss", "more"]]
    assert model.history.history == {"loss": [1.0], "more": [1.0]}
    assert listeners.callbacks[0].params == {"epochs": 3}
    with pytest.raises(ValueError, match="wanted Callback objects"):
        CallbackList([print])
