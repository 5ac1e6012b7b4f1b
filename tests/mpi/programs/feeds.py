"""fit, evaluate and predict of a shuffled data set; rank 0 writes what came out to argv[1]."""

import json
import sys

import numpy as np

import framework as tf
from framework import distributed, keras

target, *options = sys.argv[1:]
rng = np.random.default_rng(0)
# 103 rows in batches of 32: the last has 7, too few for equal parts on 2 or 3 ranks.
x = rng.normal(size=(103, 12)).astype("float32")
y = (x[:, :3].sum(1) > 0).astype("int64") + (x[:, 3] > 1)
if "unseeded" not in options:  # else every rank draws a seed of its own, and they must agree
    keras.utils.set_random_seed(3)


def noisy(features, label):
    """Random numbers in a map."""
    return features + tf.random.normal((12,), stddev=0.1), label


model = keras.Sequential(
    [
        keras.Input((12,)),
        keras.layers.Dense(16, activation="relu"),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(3, activation="softmax"),
    ]
)
model.compile(
    keras.optimizers.Adam(0.01),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
    run_eagerly="eager" in options,
)
rows = tf.data.Dataset.from_tensor_slices((x, y))
train = rows.take(92).shuffle(50).map(noisy).batch(32).prefetch(2)
history = model.fit(
    train, epochs=3, verbose=0, shuffle=False, validation_data=rows.skip(92).batch(5)
)
evaluated = model.evaluate(rows.batch(50), verbose=0, return_dict=True)
predicted = model.predict(rows.take(2).batch(2), verbose=0)

distributed.check_same("weights", np.concatenate([np.ravel(w) for w in model.get_weights()]))
if distributed.is_root():
    result = {f"weight{i}": w for i, w in enumerate(model.get_weights())}
    logs = json.dumps({"history": history.history, "evaluate": evaluated}, default=float)
    np.savez(target, logs=logs, predicted=predicted, **result)
