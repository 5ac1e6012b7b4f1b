"""A step that is too large for the machine is refused before it takes the machine down."""

from __future__ import annotations

import gc
import os
import re
from pathlib import Path

import numpy as np
import pytest

import framework as tf
import framework.torch as torch
from framework import keras
from framework.engine import machine
from framework.engine.compile import arena
from framework.engine.errors import ResourceExhaustedError


def test_a_step_that_is_too_large_names_the_layers(monkeypatch):
    model = keras.Sequential(
        [keras.Input((10,)), keras.layers.Dense(3000, name="wide"), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    x, y = np.ones((500, 10), np.float32), np.ones((500, 1), np.float32)
    monkeypatch.setattr(arena, "limit", lambda: 5_000_000)
    with pytest.raises(ResourceExhaustedError, match=r"0\.01 GB.*0\.0\d GB.*wide float32\[500, 3"):
        model.fit(x, y, batch_size=500, verbose=0)
    monkeypatch.undo()
    model.fit(x, y, batch_size=500, verbose=0)


def test_sizes_beyond_any_machine_are_refused():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2**20, name="huge")])
    model.compile("sgd", "mse")
    x = np.ones((1, 1), np.float32)
    wide = np.lib.stride_tricks.as_strided(x, (2**21, 1), (0, 4))
    with pytest.raises(ResourceExhaustedError, match="huge"):
        model.predict(wide, batch_size=2**21, verbose=0)


def test_the_limit_is_that_of_the_machine_or_of_the_job(tmp_path, monkeypatch):
    whole = machine.limit()
    assert whole > 2**28
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "none").write_text("max\n")
    for name, wanted in (("memory.max", 1_000_000), ("none", None), ("missing", None)):
        monkeypatch.setattr(machine, "CGROUPS", (str(tmp_path / name),))
        assert machine.limit() == wanted if wanted else machine.limit() >= whole


LAYERS = {
    "'wide': weight 'kernel' of shape (1073741824, 1099511627776) and dtype float32 takes "
    "4,722,366,482,869,645,213,696 bytes": (
        keras.layers.Dense(2**40, name="wide"),
        (None, 2**30),
    ),
    "'words': weight 'embeddings' of shape (4611686018427387904, 4)": (
        keras.layers.Embedding(2**62, 4, name="words"),
        (None, 3),
    ),
    "'images': weight 'kernel' of shape (3, 3, 1073741824, 1099511627776)": (
        keras.layers.Conv2D(2**40, 3, name="images"),
        (None, 8, 8, 2**30),
    ),
}


@pytest.mark.parametrize("said", LAYERS)
def test_a_weight_beyond_any_memory_is_named(said):
    layer, shape = LAYERS[said]
    with pytest.raises(ResourceExhaustedError, match=re.escape(said)):
        layer.build(shape)


HUGE = (2**40, 2**40)


@pytest.mark.parametrize(
    "make",
    [
        lambda: tf.zeros(HUGE),
        lambda: tf.zeros((2**22, 2**22)),
        lambda: tf.zeros((2**70,)),
        lambda: tf.ones(HUGE),
        lambda: tf.fill(HUGE, 1.0),
        lambda: tf.eye(2**40),
        lambda: tf.range(2**62),
        lambda: tf.linspace(0.0, 1.0, 2**62),
        lambda: tf.random.normal(HUGE),
        lambda: tf.one_hot([1, 2], 2**62),
        lambda: tf.tile(tf.ones((2, 2)), HUGE),
        lambda: tf.zeros((2**21, 1)) + tf.zeros((1, 2**21)),
        lambda: tf.Variable(lambda: tf.zeros(HUGE)),
        lambda: torch.zeros(HUGE),
        lambda: torch.full(HUGE, 1.0),
    ],
)
def test_a_tensor_beyond_any_memory_says_its_shape_and_bytes(make):
    with pytest.raises(ResourceExhaustedError, match=r"of shape \(.*takes [\d,]+ bytes"):
        make()


def test_what_is_refused_for_another_reason_keeps_its_words():
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"Incompatible shapes: \[2\] vs"):
        tf.ones((2,)) + tf.ones((3,))


def resident() -> int:
    """Bytes of this process in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


STEPS = 100_000


def tiny():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="tanh")])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def epochs_of_arrays():
    model, x, y = tiny(), np.ones((STEPS, 4), np.float32), np.ones((STEPS, 3), np.float32)
    return lambda: model.fit(x, y, batch_size=1, shuffle=False, verbose=0), STEPS


def epochs_of_a_data_set():
    model, x = tiny(), np.ones((8, 4), np.float32)
    data = tf.data.Dataset.from_tensors((x, x[:, :3])).repeat(STEPS // 20)
    return lambda: model.fit(data, shuffle=False, verbose=0), STEPS // 20


def batches():
    model, x = tiny(), np.ones((8, 4), np.float32)

    def run():
        for _ in range(STEPS // 100):
            model.train_on_batch(x, x[:, :3])

    return run, STEPS // 100


def calls_of_a_function():
    v, x = tf.Variable(tf.zeros((8, 4))), tf.ones((8, 4))
    step = tf.function(lambda x: v.assign(v * 0.5 + x), jit_compile=True)

    def run():
        for _ in range(STEPS // 10):
            step(x)

    return run, STEPS // 10


RUNS = (epochs_of_arrays, epochs_of_a_data_set, batches, calls_of_a_function)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc here")
@pytest.mark.parametrize("make", RUNS)
def test_memory_does_not_grow_with_the_steps(make):
    run, steps = make()
    run()  # what is made once: programs, buffers, the allocator's pools
    gc.collect()
    before = resident()
    run()
    gc.collect()
    grown = resident() - before
    assert grown < 5e6, f"{grown / 1e6:.1f} MB more after {steps} more steps"
