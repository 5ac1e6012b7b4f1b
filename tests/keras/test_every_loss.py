"""The contract of every loss; values against Keras are in test_goldens.py."""

from __future__ import annotations

import json

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.distributed.shard import part
from framework.keras.configurable import registry
from framework.keras.step import shard
from tests.keras.cases import LOSSES, WEIGHTS, targets

CASES = [(name, i) for name, rows in LOSSES.items() for i in range(len(rows))]
every_loss = pytest.mark.parametrize(("name", "number"), CASES)


def made(name, number, **more):
    options = LOSSES[name][number]
    y, p = targets(name, options.get("from_logits", False))
    return registry("loss")[name](**(options | more)), y, p


@every_loss
def test_config_gives_the_same_loss(name, number):
    loss, y, p = made(name, number)
    again = keras.losses.get(json.loads(json.dumps(keras.losses.serialize(loss))))
    np.testing.assert_array_equal(again(y, p), loss(y, p))


@every_loss
@pytest.mark.parametrize("weight", [None, WEIGHTS])
@pytest.mark.parametrize("ranks", [2, 3, 7])
def test_shares_of_ranks_sum_to_the_global_loss(name, number, weight, ranks):
    """Ranks with a part of the batch, some with none of it: denominators are the global ones."""
    if LOSSES[name][number].get("ignore_class") or "reduction" in LOSSES[name][number]:
        pytest.skip("mean_with_sample_weight and ignore_class ask the other ranks: tests/mpi")
    loss, y, p = made(name, number)
    total = 0.0
    for rank in range(ranks):
        a, b = part(len(y), rank, ranks)
        with shard.using(shard.Shard(a, b - a, len(y))):
            total += float(loss(y[a:b], p[a:b], None if weight is None else weight[a:b]))
    np.testing.assert_allclose(total, float(loss(y, p, weight)), rtol=1e-6)


@every_loss
def test_float64_predictions_and_lists_are_taken(name, number):
    loss, y, p = made(name, number)
    np.testing.assert_allclose(loss(y.tolist(), p.astype(np.float64)), loss(y, p), rtol=1e-6)


@every_loss
def test_zero_weights_give_zero(name, number):
    loss, y, p = made(name, number)
    np.testing.assert_array_equal(loss(y, p, np.zeros(len(y))), np.zeros_like(loss(y, p)))


def test_aliases_find_their_class():
    for name in ("mse", "mean_squared_error", "sparse_categorical_crossentropy", "bce", "huber"):
        assert isinstance(keras.losses.get(name), keras.losses.Loss)
    with pytest.raises(ValueError, match="did you mean .*sparse_categorical_crossentropy"):
        keras.losses.get("sparse_categorical_crossentropi")


def test_function_as_loss():
    loss = keras.losses.get(lambda y, p: tf.reduce_sum(tf.abs(y - p), axis=-1))
    assert float(loss(np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32))) == 3.0


def test_vector_against_column_is_no_broadcast():
    loss = keras.losses.MeanSquaredError()
    y = np.array([1.0, 2.0, 3.0])
    assert float(loss(y, y[:, None])) == 0.0


def test_labels_of_a_wrong_shape_name_both_shapes():
    loss = keras.losses.SparseCategoricalCrossentropy()
    with pytest.raises(ValueError, match=r"\(3, 2\).*\(3, 4\).*labels of shape \(3,\)"):
        loss(np.zeros((3, 2), int), np.ones((3, 4)))


def test_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match="sum_over_batch_size"):
        keras.losses.MeanSquaredError(reduction="average")


def test_losses_stay_finite_at_0_and_1():
    p = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    for loss, y in (
        (keras.losses.SparseCategoricalCrossentropy(), np.array([0, 0])),
        (keras.losses.CategoricalCrossentropy(), np.array([[1.0, 0], [1, 0]])),
        (keras.losses.BinaryCrossentropy(), 1 - p),
    ):
        assert np.isfinite(float(loss(y, p)))
