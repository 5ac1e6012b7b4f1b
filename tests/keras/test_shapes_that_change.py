"""Batches whose shapes change every step: a bounded number of programs, and one warning."""

from __future__ import annotations

import gc
import logging
import weakref

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.engine.compile import vm
from framework.keras.training import runner

KEPT = 3
X = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
Y = X[:, :1]
SIZES = (1, 2, 3, 1, 4, 1, 5, 1, 6)  # 1 is used all the time


def fit(model, sizes):
    data = tf.data.Dataset.from_generator(
        lambda: ((X[:n], Y[:n]) for n in sizes),
        output_signature=(tf.TensorSpec((None, 4)), tf.TensorSpec((None, 1))),
    )
    model.fit(data, shuffle=False, verbose=0)


def each(method):
    def run(model, sizes):
        for n in sizes:
            given = (X[:n],) if method == "predict" else (X[:n], Y[:n])
            getattr(model, method)(*given, **({"verbose": 0} if method == "predict" else {}))

    return run


CALLERS = {"fit": fit, **{m: each(m) for m in ("train_on_batch", "test_on_batch", "predict")}}


def model_of(**options):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", **options)
    return model


@pytest.fixture
def arenas(monkeypatch):
    """Weak references to the arenas of all programs that are made."""
    monkeypatch.setattr(runner, "KEPT", KEPT)
    found, make = [], vm.allocate

    def allocate(*args):
        arena = make(*args)
        found.append(weakref.ref(arena.base))
        return arena

    monkeypatch.setattr(vm, "allocate", allocate)
    return found


@pytest.mark.parametrize("caller", CALLERS)
def test_programs_used_long_ago_are_let_go_and_told_once(caller, arenas, caplog):
    model = model_of()
    with caplog.at_level(logging.WARNING, "framework"):
        CALLERS[caller](model, SIZES)
    assert len(arenas) == 6, "one program per shape: those used all the time are kept"
    gc.collect()
    assert sum([arena() is not None for arena in arenas]) <= KEPT
    said = [r.getMessage() for r in caplog.records if r.name == "framework"]
    assert len(said) == 1
    assert f"5 batches of {caller} triggered retracing: argument 'x' changed from " in said[0]
    assert "to float32[5, 4]" in said[0] and f"{KEPT} are kept" in said[0]


@pytest.mark.parametrize("caller", CALLERS)
def test_few_shapes_are_no_news(caller, arenas, caplog):
    CALLERS[caller](model_of(), (3, 2, 3, 2, 3, 2, 3, 2))
    assert len(arenas) == 2 and not caplog.records


def test_eager_steps_have_no_programs_to_tell_of(arenas, caplog):
    for call in CALLERS.values():
        call(model_of(run_eagerly=True), SIZES)
    assert not arenas and not caplog.records


def test_results_are_those_of_steps_that_are_made_anew(arenas):
    bounded, eager = model_of(), model_of(run_eagerly=True)
    eager.set_weights(bounded.get_weights())
    for model in (bounded, eager):
        CALLERS["train_on_batch"](model, (1, 2, 3, 4, 5, 1, 2, 3, 4, 5))
    for a, b in zip(bounded.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
