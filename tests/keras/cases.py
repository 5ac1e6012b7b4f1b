"""The same computations by this package and by real Keras, for the tests and the recorded values.

Each case takes the modules `keras` and `tf` of either and gives named arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.keras.configurable import registry

Arrays = dict[str, np.ndarray]


def classes(kind: str) -> list[str]:
    """The names of the classes of a kind, without aliases."""
    return sorted({c.__name__ for c in registry(kind).values()})


def draw(seed: int, shape: tuple) -> np.ndarray:
    """Normal float32 numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def layer_cases() -> Iterator[tuple[str, int]]:
    """(class, number) of every sample of every layer."""
    for name in classes("layer"):
        for i in range(len(registry("layer")[name].samples)):
            yield name, i


def run_layer(keras: Any, tf: Any, name: str, number: int) -> Arrays:
    """Outputs and gradients of a sample; of layers that care, in training too."""
    sample = registry("layer")[name].samples[number]
    arrays = sample.arrays(number, np.float32)
    inputs = [tf.constant(a) for a in arrays]
    layer = getattr(keras.layers, name)(**sample.attrs)
    x = inputs if len(inputs) > 1 else inputs[0]
    layer.build([tuple(t.shape) for t in inputs] if len(inputs) > 1 else tuple(x.shape))
    layer.set_weights([np.abs(draw(i, w.shape)) + 0.5 for i, w in enumerate(layer.get_weights())])
    found = {}
    for mode in (False, True) if name == "BatchNormalization" else (False,):
        floats = [t for t, a in zip(inputs, arrays) if a.dtype.kind == "f"]
        found |= {f"{key}/{mode}": v for key, v in once(tf, layer, x, floats, mode).items()}
    names = [f"{w.name} {tuple(w.shape)}" for w in layer.weights]
    return found | {"weights": np.array(names, str)}


def once(tf: Any, layer: Any, x: Any, inputs: list, training: bool) -> Arrays:
    """One call and its gradients."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y = layer(x, training=training)
        loss = tf.reduce_sum(y * tf.constant(draw(9, tuple(y.shape))))
        for extra in layer.losses:
            loss = loss + extra
    sources = inputs + [v.value for v in layer.trainable_weights]
    grads = tape.gradient(loss, sources)
    found = {"y": y.numpy(), "loss": loss.numpy()}
    for i, g in enumerate(grads):
        if g is not None:
            is_sparse = isinstance(g, tf.IndexedSlices)
            found[f"g{i}"] = tf.convert_to_tensor(g).numpy()
            found |= {f"rows{i}": g.indices.numpy()} if is_sparse else {}
    return found | {f"after{i}": w for i, w in enumerate(layer.get_weights())}


N = (5, 3)
ONE_HOT = np.eye(4, dtype=np.float32)[[0, 3, 1, 1, 2]]
LABELS = np.array([0, 3, 1, 1, 2], np.int32)
WEIGHTS = np.array([0.5, 2.0, 1.0, 0.0, 1.5], np.float32)


def probabilities(seed: int, shape: tuple) -> np.ndarray:
    """Positive rows that sum to 1."""
    e = np.exp(draw(seed, shape))
    return e / e.sum(-1, keepdims=True)


def targets(name: str, from_logits: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(y_true, y_pred) that suit a loss or metric."""
    if name.startswith("Sparse"):
        return LABELS, draw(1, (5, 4)) if from_logits else probabilities(1, (5, 4))
    if name.startswith(("Categorical", "TopK")):
        return ONE_HOT, draw(1, (5, 4)) if from_logits else probabilities(1, (5, 4))
    if name.startswith("Binary"):
        y = (draw(2, N) > 0).astype(np.float32)
        return y, draw(1, N) if from_logits else probabilities(1, N)
    return (LABELS, LABELS[::-1].copy()) if name == "Accuracy" else (draw(2, N), draw(1, N))


LOSSES: dict[str, list[dict]] = {
    "BinaryCrossentropy": [{}, {"from_logits": True, "label_smoothing": 0.1}],
    "CategoricalCrossentropy": [{}, {"from_logits": True, "label_smoothing": 0.1}],
    "Huber": [{}, {"delta": 0.5}],
    "MeanAbsoluteError": [{}, {"reduction": "sum"}],
    "MeanSquaredError": [{}, {"reduction": "none"}, {"reduction": "mean_with_sample_weight"}],
    "SparseCategoricalCrossentropy": [{}, {"from_logits": True}, {"ignore_class": 1}],
}


def run_loss(keras: Any, tf: Any, name: str, number: int) -> Arrays:
    """Value and gradient without and with weights."""
    options = LOSSES[name][number]
    y_true, y_pred = targets(name, options.get("from_logits", False))
    loss, found = getattr(keras.losses, name)(**options), {}
    for key, weight in (("plain", None), ("weighted", WEIGHTS)):
        p = tf.constant(y_pred)
        with tf.GradientTape() as tape:
            tape.watch(p)
            value = loss(tf.constant(y_true), p, sample_weight=weight)
        found[f"{key}/value"] = value.numpy()
        found[f"{key}/gradient"] = tape.gradient(value, p).numpy()
    return found


METRICS: dict[str, list[dict]] = {name: [{}] for name in classes("metric")} | {
    "BinaryAccuracy": [{}, {"threshold": 0.3}],
    "TopKCategoricalAccuracy": [{"k": 2}],
    "SparseTopKCategoricalAccuracy": [{"k": 2}],
}
METRICS.pop("MeanMetricWrapper", None)


def run_metric(keras: Any, tf: Any, name: str, number: int) -> Arrays:
    """The result after each of two batches, without and with weights."""
    options, found = METRICS[name][number], {}
    for key, weight in (("plain", None), ("weighted", WEIGHTS)):
        metric = getattr(keras.metrics, name)(**options)
        for batch in range(2):
            y_true, y_pred = targets(name)
            args = (y_pred * (batch + 1),) if name in ("Mean", "Sum") else (y_true, y_pred)
            metric.update_state(*args, sample_weight=weight)
            found[f"{key}/{batch}"] = metric.result().numpy()
    return found


OPTIMIZERS: dict[str, list[dict]] = {
    "SGD": [
        {},
        {"momentum": 0.9},
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
        {"clipnorm": 0.5},
        {"clipvalue": 0.3},
        {"global_clipnorm": 0.5},
    ],
    "Adam": [{}, {"amsgrad": True}],
    "AdamW": [{"weight_decay": 0.1}],
    "RMSprop": [{}, {"momentum": 0.5, "centered": True}],
    "Adagrad": [{}],
}
SHAPES = ((3, 2), (4,))


def run_optimizer(keras: Any, tf: Any, name: str, number: int) -> Arrays:
    """Parameters and states after three updates."""
    optimizer = getattr(keras.optimizers, name)(learning_rate=0.1, **OPTIMIZERS[name][number])
    variables = [keras.Variable(draw(i, s), name=f"v{i}") for i, s in enumerate(SHAPES)]
    for step in range(3):
        grads = [tf.constant(draw(10 * step + i, s)) for i, s in enumerate(SHAPES)]
        optimizer.apply_gradients(list(zip(grads, variables)))
    found = {v.name: v.numpy() for v in variables}
    return found | {v.path: v.numpy() for v in optimizer.variables if v.name != "iteration"}


SCHEDULES: dict[str, list[dict]] = {
    "ExponentialDecay": [
        {"initial_learning_rate": 0.1, "decay_steps": 5, "decay_rate": 0.5},
        {"initial_learning_rate": 0.1, "decay_steps": 5, "decay_rate": 0.5, "staircase": True},
    ],
    "InverseTimeDecay": [{"initial_learning_rate": 0.1, "decay_steps": 4, "decay_rate": 0.5}],
    "PiecewiseConstantDecay": [{"boundaries": [2, 10], "values": [1.0, 0.5, 0.1]}],
    "PolynomialDecay": [
        {"initial_learning_rate": 0.1, "decay_steps": 10},
        {"initial_learning_rate": 0.1, "decay_steps": 4, "power": 0.5, "cycle": True},
    ],
    "CosineDecay": [
        {"initial_learning_rate": 0.1, "decay_steps": 10},
        {
            "initial_learning_rate": 0.0,
            "decay_steps": 10,
            "warmup_target": 0.1,
            "warmup_steps": 5,
            "alpha": 0.1,
        },
    ],
}


def run_schedule(keras: Any, tf: Any, name: str, number: int) -> Arrays:
    """The rate at some steps."""
    schedule = getattr(keras.optimizers.schedules, name)(**SCHEDULES[name][number])
    return {"rates": np.array([float(schedule(step)) for step in (0, 1, 2, 3, 5, 7, 11, 30)])}


RUNS = {
    "layer": (run_layer, lambda: list(layer_cases())),
    "loss": (run_loss, lambda: [(n, i) for n, rows in LOSSES.items() for i in range(len(rows))]),
    "metric": (
        run_metric,
        lambda: [(n, i) for n, rows in METRICS.items() for i in range(len(rows))],
    ),
    "optimizer": (
        run_optimizer,
        lambda: [(n, i) for n, rows in OPTIMIZERS.items() for i in range(len(rows))],
    ),
    "schedule": (
        run_schedule,
        lambda: [(n, i) for n, rows in SCHEDULES.items() for i in range(len(rows))],
    ),
}


def options_of(kind: str, name: str, number: int) -> dict:
    """The constructor's arguments of a case."""
    tables = {"loss": LOSSES, "metric": METRICS, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}
    return (
        tables[kind][name][number] if kind in tables else registry(kind)[name].samples[number].attrs
    )


MODULES = {"layer": "layers", "loss": "losses", "metric": "metrics", "optimizer": "optimizers"}


def config_of(keras: Any, kind: str, name: str, number: int) -> Any:
    """What Keras would write for the object of a case."""
    home = keras.optimizers.schedules if kind == "schedule" else getattr(keras, MODULES[kind])
    keras.utils.clear_session()
    made = getattr(home, name)(**options_of(kind, name, number))
    return keras.saving.serialize_keras_object(made)


# What layers over windows refuse: (class, arguments, shape of an input or None).
REFUSED: list[tuple[str, dict, tuple | None]] = [
    ("Conv2D", {"filters": 4, "kernel_size": 3}, (1, 2, 2, 1)),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2}, (1, 4, 4, 3)),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "groups": 2}, None),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "groups": 0}, None),
    ("Conv2D", {"filters": -4, "kernel_size": 3}, None),
    ("Conv2D", {"filters": 4, "kernel_size": (3, 3, 3)}, None),
    ("Conv2D", {"filters": 4, "kernel_size": 0}, None),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "strides": 2, "dilation_rate": 2}, None),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "data_format": "NHWC"}, None),
    ("Conv1D", {"filters": 4, "kernel_size": 3, "dilation_rate": 2}, (1, 4, 1)),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 0}, None),
    ("DepthwiseConv2D", {"kernel_size": 3}, (1, 2, 5, 2)),
    (
        "Conv2DTranspose",
        {"filters": 4, "kernel_size": 3, "strides": 2, "output_padding": 2},
        None,
    ),
    ("MaxPooling2D", {"pool_size": -1}, None),
    ("MaxPooling2D", {"pool_size": (2, 2, 2)}, None),
    ("ZeroPadding2D", {"padding": (1, 2, 3)}, None),
    ("Cropping2D", {"cropping": -1}, None),
    ("Embedding", {"input_dim": 0, "output_dim": 2}, None),
    ("Embedding", {"input_dim": 3, "output_dim": 2.5}, None),
]


def refusal(keras: Any, number: int) -> list[str]:
    """The class and the text of the error that a case of REFUSED raises."""
    name, options, shape = REFUSED[number]
    try:
        layer = getattr(keras.layers, name)(**options)
        layer(np.zeros(shape or (), np.float32))
    except Exception as error:
        return [type(error).__name__, str(error)]
    raise AssertionError(f"{name}({options}) takes an input of shape {shape}")
