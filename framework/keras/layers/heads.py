"""What attention with several heads has in common: masks, scores, and the layer around them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.engine import ops
from framework.engine.ops.attention import FAR
from framework.engine.tensor import Tensor
from framework.keras.layers.activation import Softmax
from framework.keras.layers.dropout import Dropout
from framework.keras.layers.layer import Layer
from framework.keras.step import shard

KEPT = np.ones((1, 1, 1, 1), bool)  # a mask that hides nothing


def causal_mask(rows: int, keys: int) -> Tensor:
    """(1, rows, keys): True where key <= row."""
    return Tensor(np.tri(rows, keys, dtype=bool)[None])


def window_mask(rows: int, keys: int, size: int) -> Tensor:
    """(1, rows, keys): True where row and key are less than `size` apart."""
    apart = np.abs(np.arange(rows)[:, None] - np.arange(keys))
    return Tensor((apart < size)[None])


def as_bools(mask: Any) -> Tensor:
    """A mask as a tensor of bools: what is not 0 is True."""
    return ops.cast(ops.as_tensor(mask), dtype="bool")


def joined(*masks: Any) -> Any:
    """Where all masks that are given are True; None if there are none."""
    found = None
    for mask in masks:
        if mask is not None:
            found = mask if found is None else ops.logical_and(found, mask)
    return found


def with_heads(mask: Any, rank: int, axis: int) -> Any:
    """The mask with as many axes as the scores: those that it lacks come in at `axis`."""
    while mask.ndim < rank:
        mask = ops.expand_dims(mask, axis=axis)
    return mask


def reach_of(is_causal: bool, window: int | None) -> tuple[int, int]:
    """(behind, ahead): how far from itself a query may see keys."""
    far = FAR if window is None else window - 1
    return far, 0 if is_causal else far


def attend(
    query: Any, key: Any, value: Any, mask: Any, reach: tuple[int, int], scale: float, drop: Any
) -> Any:
    """Attention (batch, T, heads, depth) by one op; drop: None, or (rate below 1, SeedGenerator) of
    the dropout of its probabilities. Of float16 it is computed in float32."""
    dtype, options = query.array.dtype, {"reach": reach, "scale": scale}
    if dtype == np.float16:
        query, key, value = [ops.cast(x, dtype="float32") for x in (query, key, value)]
    if drop is None:
        result = ops.scaled_dot_product_attention(query, key, value, mask, **options)[0]
    else:
        rate, generator = drop
        options |= {"rate": float(rate), "first_row": shard.first_row(query.array.shape[0])}
        result = ops.attention_dropout(query, key, value, mask, generator.next(), **options)[0]
    return ops.cast(result, dtype="float16") if dtype == np.float16 else result


class HeadsAttention(Layer, register=False):
    """Base of the layers that attend with several heads. A subclass makes its dense layers when it
    builds, calls `build_attention`, and says in `projections` which they are.
    """

    _inner_activity_regularizer: Any

    takes_floats = True
    heeds_query_mask = True
    _window: int | None
    _flash: Any
    _rate: float

    def check_window(self, sliding_window: Any, flash_attention: Any, dropout: float) -> None:
        """Keep three arguments; ValueError in Keras' words if they are wrong."""
        if sliding_window is not None and (
            not isinstance(sliding_window, int) or sliding_window <= 0
        ):
            raise ValueError(
                "`sliding_window` must be `None` or a positive integer. Received: "
                f"sliding_window={sliding_window}"
            )
        if flash_attention and dropout > 0.0:
            raise ValueError(
                "Dropout is not supported when flash attention is enabled. Please set dropout to "
                "0.0 to use flash attention."
            )
        self._window, self._flash, self._rate = sliding_window, flash_attention, dropout

    def dense_options(self) -> dict[str, Any]:
        """What the dense layers inside take over from this one; initializers are made anew, so
        that each draws values of its own."""
        rules = {
            f"{name}_{kind}": getattr(self, f"{name}_{kind}")
            for name in ("kernel", "bias") for kind in ("initializer", "regularizer", "constraint")
        }  # fmt: skip
        for name in ("kernel_initializer", "bias_initializer"):
            rules[name] = type(rules[name]).from_config(rules[name].get_config())
        rules["activity_regularizer"] = self._inner_activity_regularizer
        return rules | {"dtype": self.dtype_policy}

    def build_attention(self, depth: int, axes: tuple, equations: tuple, seed: Any) -> None:
        """depth: of a key; axes: those of the scores over which they sum to 1; equations: the
        einsums (key, query) -> scores and (scores, value) -> result."""
        self._scale, self._axes, self._equations = 1.0 / math.sqrt(float(depth)), axes, equations
        last: Any = axes
        softmax_axis = axes if len(axes) > 1 else last[0]
        self._softmax = Softmax(axis=softmax_axis, dtype=self.dtype_policy)
        self._dropout_layer = Dropout(rate=self._rate, dtype=self.dtype_policy, seed=seed)

    def projections(self) -> tuple:
        """The dense layers of queries, keys, values, of the gate or None, and of the result."""
        raise NotImplementedError

    def repeated(self, x: Any) -> Any:
        """Keys or values with a head for each head of the queries."""
        return x

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: Any = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """The result for each query, and with return_attention_scores (result, scores).

        query (batch, T, n), value and key (batch, S, m); without `key` the values are the keys.
        attention_mask, True where a query sees a key: (batch, T, S) or with an axis of heads in
        front of T; query_mask (batch, T), value_mask and key_mask (batch, S). As in Keras 3.15
        MultiHeadAttention leaves query_mask aside: it says what of the result means nothing.
        """
        key = value if key is None else key
        query_mask = query_mask if self.heeds_query_mask else None
        masks = query_mask, value_mask, key_mask, attention_mask
        is_causal = bool(use_causal_mask)
        mask = self.joined_mask(masks)
        of_query, of_key, of_value, of_gate, of_result = self.projections()
        gate = None if of_gate is None else of_gate(query)
        query, key, value = of_query(query), of_key(key), of_value(value)
        key, value = self.repeated(key), self.repeated(value)
        self.refuse_flash(return_attention_scores)
        if self._rate >= 1.0 or return_attention_scores:
            y, scores = self.by_scores(query, key, value, mask, is_causal, training)
        else:
            y, scores = self.at_once(query, key, value, mask, is_causal, training), None
        y = of_result(y if gate is None else ops.multiply(y, gate))
        return (y, scores) if return_attention_scores else y

    def joined_mask(self, masks: tuple) -> Any:
        """(batch, T, S), or 1 in the place of T: what all masks leave; None if there are none."""
        of_query, of_value, of_key, given = [None if m is None else as_bools(m) for m in masks]
        return joined(
            given,
            None if of_query is None else ops.expand_dims(of_query, axis=-1),
            None if of_value is None else ops.expand_dims(of_value, axis=-2),
            None if of_key is None else ops.expand_dims(of_key, axis=-2),
        )

    def refuse_flash(self, wants_scores: bool) -> None:
        """ValueError, in Keras' words, where flash_attention is True."""
        if self._flash:
            raise ValueError(
                "Returning attention scores is not supported when flash attention is enabled. "
                "Please disable flash attention to access attention scores."
                if wants_scores
                else "Flash attention is not supported in tensorflow backend."
            )

    def at_once(
        self, query: Any, key: Any, value: Any, mask: Any, is_causal: bool, training: Any
    ) -> Any:
        """The result by one op, which keeps no scores; it drops what `by_scores` would drop."""
        mask = Tensor(KEPT) if mask is None else with_heads(mask, 4, -3)
        reach = reach_of(is_causal, self._window)
        return self.attended(query, key, value, mask, reach, training)

    def attended(
        self, query: Any, key: Any, value: Any, mask: Any, reach: tuple, training: Any
    ) -> Any:
        """`attend` with the dropout of this layer."""
        drops = training and self._rate > 0.0
        drop = (self._rate, self._dropout_layer.seed_generator) if drops else None
        return attend(query, key, value, mask, reach, self._scale, drop)

    def by_scores(
        self, query: Any, key: Any, value: Any, mask: Any, is_causal: bool, training: Any
    ) -> tuple[Any, Any]:
        """(result, scores), of which dropout leaves out some while training."""
        scores = ops.einsum(self._equations[0], key, query * self._scale)
        mask = self.mask_of_scores(scores.ndim, query, value, mask, is_causal)
        scores = self._softmax(scores, mask=mask)
        kept = self._dropout_layer(scores, training=training)
        return ops.einsum(self._equations[1], kept, value), scores

    def mask_of_scores(
        self, rank: int, query: Any, value: Any, mask: Any, is_causal: bool
    ) -> Tensor | None:
        """What all masks leave of scores of `rank` axes, to be broadcast; None if there are none.
        Of several axes that are attended over, the first one is that of time, as in Keras."""
        axis = -2 * len(self._axes) - 1
        size = query.array.shape[1], value.array.shape[1]
        future = causal_mask(*size) if is_causal else None
        near = None if self._window is None else window_mask(*size, self._window)
        return joined(
            *[None if m is None else with_heads(m, rank, axis) for m in (mask, future, near)]
        )
