"""fit, evaluate and predict of a small model; rank 0 writes what came out to argv[1] (.npz)."""

import json
import sys

import numpy as np

from framework import distributed, keras

target, *options = sys.argv[1:]
keras.utils.set_random_seed(3)
rng = np.random.default_rng(0)
# 103 rows in global batches of 32: the last has 7, too few for equal parts on 2 or 3 ranks.
x = rng.normal(size=(103, 12)).astype("float32")
y = (x[:, :3].sum(1) > 0).astype("int64") + (x[:, 3] > 1)
weight = rng.uniform(0.5, 2.0, size=103).astype("float32")

layers = [keras.layers.Dense(16, activation="relu"), keras.layers.Dense(3, activation="softmax")]
if "dropout" in options:
    layers.insert(1, keras.layers.Dropout(0.3))
if "batchnorm" in options:
    layers.insert(1, keras.layers.BatchNormalization())
if "images" in options:
    images = [keras.layers.Reshape((3, 4, 1)), keras.layers.Conv2D(4, 2, activation="relu")]
    layers[:0] = [
        *images,
        keras.layers.MaxPooling2D((1, 2), padding="same"),
        keras.layers.Flatten(),
    ]
if "embedding" in options:
    x = (x > 0).astype("int32") + 2 * np.arange(12, dtype="int32")
    layers[:0] = [keras.layers.Embedding(30, 4), keras.layers.Flatten()]
optimizer = keras.optimizers.SGD(0.1) if "sgd" in options else keras.optimizers.Adam(0.01)
model = keras.Sequential([keras.Input((12,), dtype=x.dtype.name), *layers])
model.compile(
    optimizer,
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
    run_eagerly="eager" in options,
)
history = model.fit(
    x[:92],
    y[:92],
    batch_size=32,
    epochs=3,
    verbose=0,
    sample_weight=weight[:92] if "weights" in options else None,
    validation_data=(x[92:], y[92:]),  # 11 rows: each is counted once
)
evaluated = model.evaluate(x, y, batch_size=50, verbose=0, return_dict=True)
predicted = model.predict(x[:2], verbose=0)

digest = np.concatenate([np.ravel(w) for w in model.get_weights()])
distributed.check_same("weights after fit", digest)
if distributed.is_root():
    result = {f"weight{i}": w for i, w in enumerate(model.get_weights())}
    logs = json.dumps({"history": history.history, "evaluate": evaluated}, default=float)
    np.savez(target, logs=logs, predicted=predicted, **result)
