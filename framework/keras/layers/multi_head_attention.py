"""MultiHeadAttention (Vaswani et al. 2017) and GroupQueryAttention (Ainslie et al. 2023)."""

from __future__ import annotations

import math
import string
from typing import Any

from framework.engine import ops
from framework.engine.tensor import Tensor
from framework.keras import configurable
from framework.keras.layers.einsum_dense import EinsumDense
from framework.keras.layers.heads import KEPT, HeadsAttention, reach_of
from framework.keras.naming import auto_name


def check_positive(name: str, n: Any, words: str = "a positive integer") -> None:
    """ValueError, in Keras' words, unless n is a positive integer."""
    if not isinstance(n, int) or n <= 0:
        raise ValueError(
            f"Received an invalid value for argument `{name}`, expected {words}. Received: "
            f"{name}={n}"
        )


class MultiHeadAttention(HeadsAttention):
    """y = softmax(q k^T / sqrt(key_dim)) v W + b for each of num_heads heads, whose queries, keys
    and values are dense layers of query, key and value  (Vaswani et al. 2017, section 3.2.2).

    query (batch, T, n), value and key (batch, S, m); y (batch, T, n), or `output_shape` in the
    place of n. attention_axes: the axes that are attended over, all between batch and features if
    None. dropout leaves out scores while training. Attention that returns no scores keeps no matrix
    of all pairs.
    """

    samples = ()
    heeds_query_mask = False

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        check_positive("num_heads", num_heads)
        check_positive("key_dim", key_dim)
        if value_dim is not None:
            check_positive("value_dim", value_dim, "a positive integer or `None`")
        super().__init__(**kwargs)
        self.check_window(sliding_window, flash_attention, dropout)
        self.num_heads, self.key_dim, self.value_dim = num_heads, key_dim, value_dim or key_dim
        self.dropout, self.use_bias, self.use_gate, self.seed = dropout, use_bias, use_gate, seed
        self._wanted = shape_of(output_shape)
        if attention_axes and not isinstance(attention_axes, (int, list, tuple)):
            raise ValueError(
                "`attention_axes` must be an int, list, or tuple.Received: "
                f"attention_axes={attention_axes}"
            )
        is_number = isinstance(attention_axes, int)
        self.attention_axes = (attention_axes,) if is_number else attention_axes
        self._inner_activity_regularizer = configurable.get("regularizer", activity_regularizer)
        self.take_rules(locals())

    def build(self, query_shape: tuple, value_shape: tuple, key_shape: Any = None) -> None:
        """The dense layers query, key, value, attention_output, and gate with use_gate."""
        key_shape = value_shape if key_shape is None else key_shape
        check_key(value_shape, key_shape)
        rank = len(query_shape) + 1
        self.query_dense = self._projection("query", query_shape, self.key_dim)
        self.key_dense = self._projection("key", key_shape, self.key_dim)
        if self.use_gate:
            self._gate_dense = self._projection("gate", query_shape, self.value_dim, "sigmoid")
        self.value_dense = self._projection("value", value_shape, self.value_dim)
        axes = tuple(self.attention_axes or range(1, rank - 2))
        self.attention_axes = tuple([a if a >= 0 else rank - 1 + a for a in axes])
        scores, combine, count = attention_equations(rank, self.attention_axes)
        over = tuple(range(count - len(axes), count))
        self.build_attention(self.key_dim, over, (scores, combine), self.seed)
        outputs = self._wanted or (query_shape[-1],)
        equation, labels, _ = projection_equation(len(query_shape) - 1, 2, len(outputs))
        shape = [None] * (len(query_shape) - 2) + list(outputs)
        self.output_dense = EinsumDense(
            equation, shape, bias_axes=labels if self.use_bias else None, name="attention_output",
            **self.dense_options(),
        )  # fmt: skip
        self.output_dense.build((*query_shape[:-1], self.num_heads, self.value_dim))

    def _projection(
        self, name: str, shape: tuple, depth: int, activation: Any = None
    ) -> EinsumDense:
        """A built dense layer (..., n) -> (..., heads, depth)."""
        equation, labels, rank = projection_equation(len(shape) - 1, 1, 2)
        layer = EinsumDense(
            equation, [None] * (rank - 3) + [self.num_heads, depth], activation=activation,
            bias_axes=labels if self.use_bias else None, name=name, **self.dense_options(),
        )  # fmt: skip
        layer.build(tuple(shape))
        return layer

    def projections(self) -> tuple:
        """The dense layers of queries, keys, values, of the gate or None, and of the result."""
        gate = self._gate_dense if self.use_gate else None
        return self.query_dense, self.key_dense, self.value_dense, gate, self.output_dense

    def at_once(
        self, query: Any, key: Any, value: Any, mask: Any, is_causal: bool, training: Any
    ) -> Any:
        """As for queries (batch, T, heads, depth): the axes that are attended over become one, all
        others the batch."""
        if query.ndim == 4:
            return super().at_once(query, key, value, mask, is_causal, training)
        rank, axes = query.ndim, self.attention_axes
        others = [i for i in range(rank - 2) if i not in axes]
        order = (*others, *axes, rank - 2, rank - 1)
        turned = [ops.transpose(x, axes=order) for x in (query, key, value)]
        self._check_batch([x.array.shape for x in (query, key, value)], others)
        q, k, v = [as_one(x, len(others), len(axes)) for x in turned]
        lengths = [query.array.shape[i] for i in others]
        shapes = [[x.array.shape[i] for i in axes] for x in (query, key)]
        mask = self.mask_of_scores(len(others) + 1 + 2 * len(axes), query, value, mask, is_causal)
        mask = Tensor(KEPT) if mask is None else mask_as_one(mask, lengths, *shapes)
        y = self.attended(q, k, v, mask, reach_of(False, None), training)
        y = ops.reshape(y, shape=(*turned[0].array.shape[:-1], y.array.shape[-1]))
        return ops.transpose(y, axes=tuple([order.index(i) for i in range(rank)]))

    def _check_batch(self, shapes: list, others: list) -> None:
        """ValueError unless the axes that are not attended over are the same."""
        if len({tuple([shape[i] for i in others]) for shape in shapes}) > 1:
            told = "query {}, key {}, value {}".format(*[tuple(shape) for shape in shapes])
            raise ValueError(
                f"{type(self).__name__}: projected {told}: the axes {others} must have the same "
                f"lengths; attention_axes are {self.attention_axes}"
            )

    def get_config(self) -> dict:
        """The constructor's arguments that Keras writes."""
        config = super().get_config()
        config.pop("flash_attention")
        activity = configurable.serialize(self._inner_activity_regularizer)
        return config | {
            "output_shape": self._wanted, "sliding_window": self._window,
            "activity_regularizer": activity,
        }  # fmt: skip


def as_one(x: Any, batch: int, attended: int) -> Any:
    """x with its first `batch` axes as one, and the `attended` ones behind them."""
    shape = x.array.shape
    rows, length = math.prod(shape[:batch]), math.prod(shape[batch : batch + attended])
    return ops.reshape(x, shape=(rows, length, *shape[batch + attended :]))


def shape_of(output_shape: Any) -> tuple | None:
    """output_shape as a tuple; None for what is empty."""
    if not output_shape:
        return None
    if isinstance(output_shape, int):
        return (output_shape,)
    try:
        return tuple(output_shape)
    except TypeError:
        raise ValueError(
            f"Invalid `output_shape`: {output_shape}. When specified, the `output_shape` should be "
            "of type tuple, list, or int."
        ) from None


def projection_equation(free: int, bound: int, made: int) -> tuple[str, str, int]:
    """(einsum, labels of the bias, axes of the result) of a dense layer that keeps `free` axes and
    turns `bound` ones into `made`."""
    labels = string.ascii_lowercase
    kept, gone, new = labels[:free], labels[free:][:bound], labels[free + bound :][:made]
    return f"{kept}{gone},{gone}{new}->{kept}{new}", new, free + made


def mask_as_one(mask: Tensor, others: list, rows: list, keys: list) -> Tensor:
    """A mask of scores (*others, heads, *rows, *keys), or of what broadcasts to it, as one of (all
    others, heads, all rows, all keys)."""
    heads = mask.array.shape[len(others)]
    mask = ops.broadcast_to(mask, shape=(*others, heads, *rows, *keys))
    return ops.reshape(mask, shape=(math.prod(others), heads, math.prod(rows), math.prod(keys)))


def attention_equations(rank: int, axes: tuple) -> tuple[str, str, int]:
    """(einsum of key and query, einsum of scores and value, axes of the scores) for queries of
    `rank` axes, (batch, ..., heads, depth), that attend over `axes`."""
    target = string.ascii_lowercase[:rank]
    others = iter(string.ascii_lowercase[rank:])
    source = "".join([next(others) if i in axes else c for i, c in enumerate(target)])
    stack = "".join([c for i, c in enumerate(target[:-1]) if i not in axes])
    scores = stack + "".join([target[a] for a in axes]) + "".join([source[a] for a in axes])
    return f"{source},{target}->{scores}", f"{scores},{source}->{target}", len(scores)


class GroupQueryAttention(HeadsAttention):
    """MultiHeadAttention where num_query_heads / num_key_value_heads heads of queries share a head
    of keys and values  (Ainslie et al. 2023).
    """

    samples = ()

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        if kwargs.get("name") is None:  # as Keras, whose class is called otherwise than its name
            kwargs["name"] = auto_name("GroupedQueryAttention")
        super().__init__(**kwargs)
        if num_query_heads % num_key_value_heads != 0:
            raise ValueError("`num_query_heads` must be divisible by `num_key_value_heads`.")
        self.check_window(sliding_window, flash_attention, dropout)
        self.head_dim, self.num_query_heads = head_dim, num_query_heads
        self.num_key_value_heads = num_key_value_heads
        self.dropout, self.use_bias, self.use_gate, self.seed = dropout, use_bias, use_gate, seed
        self.sliding_window = sliding_window
        self._inner_activity_regularizer = configurable.get("regularizer", activity_regularizer)
        self.take_rules(locals())

    def build(self, query_shape: tuple, value_shape: tuple, key_shape: Any = None) -> None:
        """The dense layers query, key, value, attention_output, and gate with use_gate."""
        key_shape = value_shape if key_shape is None else key_shape
        queries, keys = self.num_query_heads, self.num_key_value_heads
        self._query_dense = self._projection("query", query_shape, queries)
        self._key_dense = self._projection("key", key_shape, keys)
        if self.use_gate:
            self._gate_dense = self._projection("gate", query_shape, queries, "sigmoid")
        self._value_dense = self._projection("value", value_shape, keys)
        equations = "bkuh,bquh->buqk", "buqk,bkuh->bquh"
        self.build_attention(self.head_dim, (-1,), equations, self.seed)
        self._output_dense = EinsumDense(
            "bquh,uhm->bqm", (None, query_shape[-1]), bias_axes="m" if self.use_bias else None,
            name="attention_output", **self.dense_options(),
        )  # fmt: skip
        self._output_dense.build((None, None, queries, self.head_dim))

    def _projection(
        self, name: str, shape: tuple, heads: int, activation: Any = None
    ) -> EinsumDense:
        """A built dense layer (batch, length, n) -> (batch, length, heads, head_dim)."""
        layer = EinsumDense(
            "bqm,muh->bquh", (None, heads, self.head_dim), activation=activation,
            bias_axes="uh" if self.use_bias else None, name=name, **self.dense_options(),
        )  # fmt: skip
        layer.build(tuple(shape))
        return layer

    def projections(self) -> tuple:
        """The dense layers of queries, keys, values, of the gate or None, and of the result."""
        gate = self._gate_dense if self.use_gate else None
        return self._query_dense, self._key_dense, self._value_dense, gate, self._output_dense

    def repeated(self, x: Any) -> Any:
        """Each head of keys or values once for every head of queries that shares it."""
        count = self.num_query_heads // self.num_key_value_heads
        return x if count == 1 else ops.repeat(x, count, axis=2)

    def get_config(self) -> dict:
        """The constructor's arguments that Keras writes."""
        config = super().get_config()
        config.pop("flash_attention")
        activity = configurable.serialize(self._inner_activity_regularizer)
        return config | {"activity_regularizer": activity}


def check_key(value_shape: tuple, key_shape: tuple) -> None:
    """ValueError unless there is a key for each value."""
    if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
        raise ValueError(
            "All dimensions of `value` and `key`, except the last one, must be equal. "
            f"Received: value_shape={value_shape} and key_shape={key_shape}"
        )
