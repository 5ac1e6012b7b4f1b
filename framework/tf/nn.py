"""tf.nn: activations, losses on logits, normalisation, convolutions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine import door, ops, random
from framework.engine.errors import InvalidArgumentError
from framework.engine.tensor import Tensor
from framework.tf import clip
from framework.tf.arithmetic import in_top_k, zero_fraction
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
from framework.tf.math import (
    l2_normalize,
    log_softmax,
    sigmoid,
    softmax,
    softplus,
    softsign,
    tanh,
)
from framework.tf.sorting import top_k

FEATURES = "features, name=None"

relu = renamed(ops.relu, FEATURES)
relu6 = renamed(ops.relu6, FEATURES)
elu = renamed(ops.elu, FEATURES)
selu = renamed(ops.selu, FEATURES)
gelu = renamed(ops.gelu, "features, approximate=False, name=None")
moments = renamed(ops.moments, "x, axes, shift=None, keepdims=False, name=None", axis="axes")


def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Tensor:
    """x where x > 0, else alpha x."""
    if isinstance(alpha, Tensor):
        raise TypeError(f"Expected float for argument 'alpha' not {alpha!r}.")
    x = tensor(features)
    if x.dtype.is_integer:
        x = ops.cast(x, dtype="float32")
    return call(ops.leaky_relu, (x,), {"negative_slope": alpha})


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
    if data_format is not None and data_format[:1] != "N":
        raise ValueError(
            f"`data_format` must be of the form `N...C` or `NC...`. Received: {data_format=}"
        )
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
    params: Any, ids: Any, max_norm: Any = None, name: str | None = None
) -> Tensor:
    """The rows of params at ids, at most max_norm long; of a list of tables the rows of all of
    them behind each other.
    """
    if params is None or (isinstance(params, (list, tuple)) and not params):
        raise ValueError("params must be specified.")
    if isinstance(params, (list, tuple)):
        params = params[0] if len(params) == 1 else ops.concatenate([tensor(p) for p in params])
    rows = call(ops.gather, (params, ids), {})
    if max_norm is None:
        return rows
    return clip.clip_by_norm(rows, max_norm, axes=list(range(tensor(ids).ndim, rows.ndim)))


def crelu(features: Any, axis: int = -1, name: str | None = None) -> Tensor:
    """relu(x) and relu(-x) behind each other along `axis`."""
    x = tensor(features)
    return ops.concatenate([ops.relu(x), ops.relu(-x)], axis=axis)


def log_poisson_loss(
    targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None
) -> Tensor:
    """exp(c) - z c of log_input c and targets z; with compute_full_loss plus Stirling's
    z log z - z + log(2 pi z) / 2 where z > 1."""
    c = tensor(log_input)
    z = tensor(targets, c.dtype)
    loss = ops.exp(c) - c * z
    if not compute_full_loss:
        return loss
    is_large = ops.logical_or(ops.less(z, 0.0), ops.greater(z, 1.0))
    safe = ops.where(is_large, z, ops.ones_like(z))
    stirling = z * ops.log(safe) - z + 0.5 * ops.log(safe * (2.0 * math.pi))
    return loss + ops.where(is_large, stirling, ops.zeros_like(z))


def weighted_moments(
    x: Any, axes: Any, frequency_weights: Any, keepdims: bool = False, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """(mean, variance) along `axes` of elements that count by their weights."""
    x, axes = tensor(x), door.static(axes)
    w = ops.add(tensor(frequency_weights, x.dtype), ops.zeros_like(x))
    total = ops.sum(w, axis=axes, keepdims=True)
    mean = ops.sum(w * x, axis=axes, keepdims=True) / total
    distance = ops.squared_difference(x, mean)
    variance = ops.sum(w * distance, axis=axes, keepdims=True) / total
    return (mean, variance) if keepdims else (ops.squeeze(mean, axes), ops.squeeze(variance, axes))


def sufficient_statistics(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None
) -> tuple:
    """(count, sum, sum of squares, shift) of x - shift along `axes`."""
    x = tensor(x)
    axes = (axes,) if isinstance(axes, int) else door.static(axes)
    count = ops.sized(math.prod([x.array.shape[a] for a in axes]), x.dtype)
    if shift is not None:
        shift = tensor(shift, x.dtype)
        x = x - shift
    sums = [ops.sum(v, axis=axes, keepdims=keepdims) for v in (x, ops.square(x))]
    return count, *sums, shift


def normalize_moments(
    counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """(mean, variance) of what sufficient_statistics gave."""
    divisor = 1.0 / tensor(counts)
    shifted = tensor(mean_ss) * divisor
    mean = shifted if shift is None else shifted + shift
    return mean, tensor(variance_ss) * divisor - ops.square(shifted)


def scale_regularization_loss(regularization_loss: Any) -> Tensor:
    """The sum of the loss, a share for each replica: there is one."""
    return ops.sum(tensor(regularization_loss))


def compute_average_loss(
    per_example_loss: Any, sample_weight: Any = None, global_batch_size: Any = None
) -> Tensor:
    """sum(per_example_loss sample_weight) / global_batch_size (their number if not given)."""
    loss = tensor(per_example_loss)
    if not loss.ndim:
        raise ValueError(
            "Invalid value passed for `per_example_loss`. Expected a tensor with at least rank 1."
        )
    if sample_weight is not None:
        loss = loss * tensor(sample_weight, loss.dtype)
    size = loss.shape[0] if global_batch_size is None else door.static(global_batch_size)
    return ops.sum(loss) / float(size)


def local_response_normalization(
    input: Any,
    depth_radius: int = 5,
    bias: float = 1,
    alpha: float = 1,
    beta: float = 0.5,
    name: str | None = None,
) -> Tensor:
    """x / (bias + alpha sum(x^2))^beta, the sum over the depth_radius channels on either side."""
    x = tensor(input)
    place = np.arange(x.shape[-1])
    is_near = np.abs(place[:, None] - place) <= depth_radius
    total = ops.matmul(ops.square(x), Tensor(is_near.astype(x.array.dtype)))
    return x / (total * float(alpha) + float(bias)) ** float(beta)


lrn = local_response_normalization

door.named(globals(), __name__)
__getattr__ = door.lacking(__name__, globals())
