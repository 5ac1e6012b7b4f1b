"""tf.nn: activations, losses on logits, normalisation, convolutions."""

from __future__ import annotations

from typing import Any

from framework.engine import door, ops, random
from framework.engine.errors import InvalidArgumentError
from framework.engine.tensor import Tensor
from framework.tf.call import call, matching, renamed, tensor
from framework.tf.convolution import (
    avg_pool,
    avg_pool1d,
    avg_pool2d,
    conv1d,
    conv2d,
    conv2d_transpose,
    depth_to_space,
    depthwise_conv2d,
    max_pool,
    max_pool1d,
    max_pool2d,
    separable_conv2d,
    space_to_depth,
)
from framework.tf.math import l2_normalize, sigmoid, softplus, tanh
from framework.tf.sorting import top_k

FEATURES = "features, name=None"

relu = renamed(ops.relu, FEATURES)
relu6 = renamed(ops.relu6, FEATURES)
elu = renamed(ops.elu, FEATURES)
selu = renamed(ops.selu, FEATURES)
gelu = renamed(ops.gelu, "features, approximate=False, name=None")
softsign = renamed(ops.softsign, FEATURES)
softmax = renamed(ops.softmax, "logits, axis=None, name=None", none={"axis": -1})
log_softmax = renamed(ops.log_softmax, "logits, axis=None, name=None", none={"axis": -1})
moments = renamed(ops.moments, "x, axes, shift=None, keepdims=False, name=None", axis="axes")


def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Tensor:
    """x where x > 0, else alpha x."""
    if isinstance(alpha, Tensor):
        raise TypeError(f"Expected float for argument 'alpha' not {alpha!r}.")
    return call(ops.leaky_relu, (features,), {"negative_slope": alpha})


def silu(features: Any, beta: Any = 1.0) -> Tensor:
    """x sigmoid(beta x)"""
    x = tensor(features)
    if isinstance(beta, float) and beta == 1.0:
        return ops.silu(x)
    return x * ops.sigmoid(x * beta)


swish = silu


def sigmoid_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """-labels log s - (1 - labels) log(1 - s), s = sigmoid(logits); labels are probabilities."""
    return call(ops.sigmoid_cross_entropy, alike(labels, logits), {})


def alike(labels: Any, logits: Any) -> tuple[Tensor, Tensor]:
    """Both as tensors, of one shape."""
    logits = tensor(logits)
    labels = tensor(labels)
    if labels.array.shape != logits.array.shape:
        raise ValueError(
            "`logits` and `labels` must have the same shape, received "
            f"({logits.shape} vs {labels.shape})."
        )
    return labels, logits


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: int = -1, name: str | None = None
) -> Tensor:
    """-sum(labels log softmax(logits)) along `axis`; labels are probabilities."""
    logits = tensor(logits)
    labels = tensor(labels, None if isinstance(labels, Tensor) else logits.dtype)
    if labels.dtype != logits.dtype:
        labels = ops.cast(labels, dtype=logits.dtype.name)
    if not logits.ndim:
        raise InvalidArgumentError("softmax_cross_entropy_with_logits: logits have no axis")
    if axis % logits.ndim != logits.ndim - 1:
        labels, logits = [ops.swapaxes(x, axis, -1) for x in (labels, logits)]
    loss = call(ops.softmax_cross_entropy, (labels, logits), {})
    return loss[0]


def sparse_softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, name: str | None = None
) -> Tensor:
    """-log softmax(logits)[labels] along the last axis; labels are integers."""
    return call(ops.sparse_softmax_cross_entropy, (labels, logits), {})[0]


def weighted_cross_entropy_with_logits(
    labels: Any, logits: Any, pos_weight: Any, name: str | None = None
) -> Tensor:
    """-pos_weight labels log s - (1 - labels) log(1 - s), s = sigmoid(logits)."""
    labels, logits = alike(labels, logits)
    weight = (pos_weight - 1) * labels + 1
    # softplus(-logits), with TensorFlow's slopes at 0
    soft = ops.log1p(ops.exp(-ops.abs(logits))) + ops.relu(-logits)
    return (1 - labels) * logits + weight * soft


def bias_add(
    value: Any, bias: Any, data_format: str | None = None, name: str | None = None
) -> Tensor:
    """value + bias along the last axis (along axis 1 if data_format starts with "NC")."""
    value, bias = matching(ops.add, (value, bias))
    axis = 1 if data_format is not None and data_format.startswith("NC") else -1
    if value.ndim < 2 or bias.array.shape != (value.array.shape[axis],):
        raise InvalidArgumentError(
            f"bias_add: wanted a value of at least 2 axes and a vector of the length of axis "
            f"{axis}, got {tuple(value.shape)} and {tuple(bias.shape)}"
        )
    if data_format is not None and data_format.startswith("NC"):
        bias = ops.reshape(bias, shape=(-1, *[1] * (value.ndim - 2)))
    return ops.add(value, bias)


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    offset: Any,
    scale: Any,
    variance_epsilon: float,
    name: str | None = None,
) -> Tensor:
    """scale (x - mean) / sqrt(variance + variance_epsilon) + offset; scale, offset may be None."""
    x = tensor(x)
    factor = ops.rsqrt(tensor(variance, x.dtype) + variance_epsilon)
    factor = factor if scale is None else factor * scale
    shift = -tensor(mean, x.dtype) * factor
    return x * factor + (shift if offset is None else shift + offset)


def l2_loss(t: Any, name: str | None = None) -> Tensor:
    """sum(t^2) / 2"""
    return ops.sum(ops.square(tensor(t))) * 0.5


def dropout(
    x: Any, rate: Any, noise_shape: Any = None, seed: int | None = None, name: str | None = None
) -> Tensor:
    """x / (1 - rate), with a random part `rate` of the elements set to 0."""
    x = tensor(x)
    if not isinstance(rate, Tensor) and not 0 <= rate < 1:
        raise ValueError(
            f"`rate` must be a scalar tensor or a float in the range [0, 1). Received: rate={rate}"
        )
    shape = tuple(x.shape) if noise_shape is None else door.static(noise_shape)
    u = random.uniform(shape, dtype=x.dtype.name, seed=seed)
    if isinstance(rate, Tensor):
        rate = tensor(rate, x.dtype)
        return ops.where(u >= rate, x * (1.0 / (1.0 - rate)), ops.zeros_like(x))
    return ops.dropout(x, ops.broadcast_to(u, shape=tuple(x.shape)), rate=float(rate))


def embedding_lookup(
    params: Any, ids: Any, max_norm: None = None, name: str | None = None
) -> Tensor:
    """The rows of params at ids."""
    if max_norm is not None:
        raise NotImplementedError("embedding_lookup: max_norm is not supported")
    return call(ops.gather, (params, ids), {})


door.named(globals(), __name__)
__getattr__ = door.lacking(__name__, globals())
