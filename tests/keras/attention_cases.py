"""Calls of attention layers that this package and real Keras both make, for test_attention.py."""

from __future__ import annotations

from typing import Any

import numpy as np

X, Y = (2, 4, 6), (2, 5, 6)
HEADS = {"num_heads": 2, "key_dim": 3}
GROUPS = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
ROWS_HIDDEN = "hidden"  # a mask of (batch, T, S) in which one query sees nothing

# (layer, arguments, shapes of query, value and key, arguments of the call)
CASES: list[tuple[str, dict, tuple, dict]] = [
    ("MultiHeadAttention", HEADS, (X, Y), {}),
    ("MultiHeadAttention", HEADS | {"value_dim": 4}, (X, Y), {"return_attention_scores": True}),
    ("MultiHeadAttention", HEADS, (X, X), {"use_causal_mask": True}),
    ("MultiHeadAttention", HEADS, (X, Y), {"use_causal_mask": True}),
    ("MultiHeadAttention", HEADS, (Y, X), {"use_causal_mask": True}),
    (
        "MultiHeadAttention", HEADS, (X, X),
        {"use_causal_mask": True, "return_attention_scores": True},
    ),
    ("MultiHeadAttention", HEADS | {"output_shape": 5}, (X, Y, Y), {}),
    ("MultiHeadAttention", HEADS | {"output_shape": (2, 3)}, (X, Y), {}),
    ("MultiHeadAttention", HEADS | {"use_bias": False, "use_gate": True}, (X, Y), {}),
    ("MultiHeadAttention", HEADS, (X, Y), {"attention_mask": (2, 4, 5)}),
    ("MultiHeadAttention", HEADS, (X, Y), {"attention_mask": ROWS_HIDDEN}),
    (
        "MultiHeadAttention", HEADS, (X, Y),
        {"attention_mask": ROWS_HIDDEN, "return_attention_scores": True},
    ),
    ("MultiHeadAttention", HEADS, (X, Y), {"attention_mask": (2, 1, 4, 5)}),
    (
        "MultiHeadAttention", HEADS, (X, Y),
        {"query_mask": (2, 4), "value_mask": (2, 5), "use_causal_mask": True},
    ),
    ("MultiHeadAttention", HEADS, (X, Y, Y), {"key_mask": (2, 5)}),
    ("MultiHeadAttention", HEADS | {"sliding_window": 2}, (X, Y), {}),
    ("MultiHeadAttention", HEADS | {"dropout": 0.5}, (X, Y), {}),
    ("MultiHeadAttention", HEADS, ((2, 3, 4, 6), (2, 3, 4, 6)), {}),
    ("MultiHeadAttention", HEADS | {"attention_axes": 2}, ((2, 3, 4, 6), (2, 3, 4, 6)), {}),
    ("GroupQueryAttention", GROUPS, (X, Y), {}),
    ("GroupQueryAttention", GROUPS, (X, X), {"use_causal_mask": True}),
    ("GroupQueryAttention", GROUPS, (X, Y), {"query_mask": (2, 4), "value_mask": (2, 5)}),
    ("GroupQueryAttention", GROUPS | {"use_gate": True}, (X, Y), {"return_attention_scores": True}),
    ("Attention", {}, (X, Y), {}),
    ("Attention", {"use_scale": True}, (X, Y, Y), {"use_causal_mask": True}),
    ("Attention", {"score_mode": "concat"}, (X, Y), {"return_attention_scores": True}),
    ("Attention", {}, (X, Y), {"mask": [(2, 4), (2, 5)]}),
    ("Attention", {}, (X, X), {"mask": [(2, 4), (2, 4)], "use_causal_mask": True}),
    ("AdditiveAttention", {}, (X, Y), {"use_causal_mask": True}),
    ("AdditiveAttention", {"use_scale": False}, (X, Y), {"mask": [(2, 4), (2, 5)]}),
]  # fmt: skip
# (layer, arguments, shapes, arguments of the call): what Keras refuses
REFUSED: list[tuple[str, dict, tuple, dict]] = [
    ("MultiHeadAttention", {"num_heads": 0, "key_dim": 3}, (X, Y), {}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": -1}, (X, Y), {}),
    ("MultiHeadAttention", HEADS | {"value_dim": 0.5}, (X, Y), {}),
    ("MultiHeadAttention", HEADS | {"sliding_window": 0}, (X, Y), {}),
    ("MultiHeadAttention", HEADS | {"flash_attention": True}, (X, Y), {}),
    ("MultiHeadAttention", HEADS | {"flash_attention": True, "dropout": 0.1}, (X, Y), {}),
    (
        "MultiHeadAttention", HEADS | {"flash_attention": True}, (X, Y),
        {"return_attention_scores": True},
    ),
    ("MultiHeadAttention", HEADS | {"output_shape": 2.5}, (X, Y), {}),
    ("MultiHeadAttention", HEADS, (X, Y, X), {}),
    ("GroupQueryAttention", GROUPS | {"num_query_heads": 3}, (X, Y), {}),
    ("Attention", {"score_mode": "product"}, (X, Y), {}),
    ("Attention", {}, (X,), {}),
    ("Attention", {}, (X, Y), {"mask": [(2, 4)]}),
]  # fmt: skip


def draw(seed: int, shape: tuple) -> np.ndarray:
    """Normal float32 numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def mask_of(value: Any) -> Any:
    """The masks that an argument of a call stands for."""
    if value == ROWS_HIDDEN:
        mask = np.random.default_rng(7).random((2, 4, 5)) < 0.6
        mask[0, 1] = False
        return mask
    if isinstance(value, list):
        return [mask_of(v) for v in value]
    if isinstance(value, tuple):
        mask = np.random.default_rng(7).random(value) < 0.6
        mask[..., 0] = True
        return mask
    return value


def run(keras: Any, tf: Any, case: tuple) -> dict[str, np.ndarray]:
    """The results of a call with set weights, and the gradients of their sum with weights."""
    name, attrs, shapes, given = case
    layer = getattr(keras.layers, name)(**attrs)
    inputs = [tf.constant(draw(i, shape)) for i, shape in enumerate(shapes)]
    kwargs = {key: mask_of(value) for key, value in given.items()}

    def call() -> Any:
        if name.endswith("tionAttention") or name in ("Attention", "AdditiveAttention"):
            return layer(list(inputs), **kwargs)
        return layer(*inputs, **kwargs)

    call()
    layer.set_weights([draw(20 + i, w.shape) * 0.5 for i, w in enumerate(layer.get_weights())])
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y = call()
        outs = list(y) if isinstance(y, tuple) else [y]
        loss = sum([tf.reduce_sum(o * draw(40 + i, tuple(o.shape))) for i, o in enumerate(outs)])
    sources = [*inputs, *[v.value for v in layer.trainable_weights]]
    grads = tape.gradient(loss, sources)
    found = {f"y{i}": np.asarray(o) for i, o in enumerate(outs)}
    found |= {f"g{i}": np.asarray(g) for i, g in enumerate(grads) if g is not None}
    return found | {"weights": np.array([f"{w.name} {tuple(w.shape)}" for w in layer.weights])}


def refusal(keras: Any, tf: Any, case: tuple) -> str:
    """The class of the error that a case raises, and the beginning of its text."""
    try:
        run(keras, tf, case)
    except Exception as error:
        text = str(error).split("\x1b[1m")[-1].split("\x1b[0m")[0]  # Keras: where, then bold what
        text = text.split("Received")[0].split("Arguments received")[0]
        return f"{type(error).__name__}: {text.strip()}"
    return "no error"
