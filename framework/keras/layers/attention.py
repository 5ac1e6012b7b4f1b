"""Attention by dot products (Luong et al. 2015) and additive attention (Bahdanau et al. 2015)."""

from __future__ import annotations

from typing import Any

from framework.engine import ops
from framework.engine.op import Sample
from framework.engine.random import SeedGenerator
from framework.engine.tensor import Tensor
from framework.keras.layers.heads import KEPT, as_bools, attend, causal_mask, reach_of
from framework.keras.layers.layer import Layer
from framework.keras.step import shard


class Attention(Layer):
    """y = softmax(query key^T) value, for inputs [query, value] or [query, value, key].

    query (batch, T, n), value (batch, S, m), key (batch, S, n), without one the values; y (batch,
    T, m). use_scale: the scores times a weight. score_mode "concat": the scores are w sum(tanh(
    scale (query + key))). dropout leaves out scores while training.
    """

    samples = (
        Sample(((2, 4, 3), (2, 5, 3))),
        Sample(((2, 4, 3), (2, 5, 2), (2, 5, 3)), {"use_scale": True}),
        Sample(((2, 4, 3), (2, 5, 3)), {"use_scale": True, "score_mode": "concat"}),
    )
    takes_floats = True

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                "Invalid value for argument score_mode. Expected one of {'dot', 'concat'}. "
                f"Received: score_mode={score_mode}"
            )
        self.use_scale, self.score_mode = use_scale, score_mode
        self.dropout, self.seed = dropout, seed
        if dropout > 0:
            self.seed_generator = SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        """scale with use_scale, concat_score_weight with score_mode "concat"."""
        self._check_inputs(input_shape)
        self.scale = self.concat_score_weight = None
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: Any = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """y, and with return_attention_scores (y, scores).

        mask: [mask of the queries (batch, T), mask of the values (batch, S)]; y is 0 for a query
        that is masked.
        """
        self._check_inputs(inputs, mask)
        query, value, key = inputs[0], inputs[1], inputs[-1 if len(inputs) > 2 else 1]
        of_query, of_value = [None if m is None else as_bools(m) for m in (mask or [None] * 2)[:2]]
        drops = training and self.dropout > 0
        is_whole = return_attention_scores or of_value is not None or (drops and self.dropout >= 1)
        if is_whole or not self._is_plain(query):
            scores = self._scores(query, key)
            y, scores = self._applied(scores, value, of_value, use_causal_mask, drops)
        else:
            y, scores = self._at_once(query, key, value, use_causal_mask, drops), None
        if of_query is not None:
            y = ops.where(ops.expand_dims(of_query, axis=-1), y, ops.zeros_like(y))
        return (y, scores) if return_attention_scores else y

    def _is_plain(self, query: Any) -> bool:
        """Whether the scores are products of one batch of matrices."""
        return self.score_mode == "dot" and query.ndim == 3

    def _at_once(self, query: Any, key: Any, value: Any, is_causal: bool, drops: bool) -> Any:
        """The result by one op, which keeps no scores: attention with one head."""
        if self.scale is not None:
            query = query * self.scale
        query, key, value = [ops.expand_dims(x, axis=2) for x in (query, key, value)]
        drop = (self.dropout, self.seed_generator) if drops else None
        y = attend(query, key, value, Tensor(KEPT), reach_of(bool(is_causal), None), 1.0, drop)
        return ops.squeeze(y, axis=2)

    def _scores(self, query: Any, key: Any) -> Any:
        """(batch, T, S)"""
        if self.score_mode == "dot":
            scores = ops.matmul(query, key, transpose_y=True)
            return scores if self.scale is None else scores * self.scale
        both = ops.expand_dims(query, axis=-2) + ops.expand_dims(key, axis=-3)
        both = both if self.scale is None else both * self.scale
        return ops.sum(ops.tanh(both), axis=-1) * self.concat_score_weight

    def _applied(
        self, scores: Any, value: Any, mask: Any, is_causal: bool, drops: bool
    ) -> tuple[Any, Any]:
        """(result, scores as probabilities)"""
        mask = None if mask is None else ops.expand_dims(mask, axis=-2)
        if is_causal:
            future = causal_mask(scores.array.shape[-2], scores.array.shape[-1])
            mask = future if mask is None else ops.logical_and(mask, future)
        if mask is not None:
            most = 65504.0 if scores.array.dtype.itemsize == 2 else 1.0e9
            scores = ops.where(mask, scores, scores - most)
        scores = kept = ops.softmax(scores)
        if drops:
            shape, dtype = tuple(scores.array.shape), scores.array.dtype.name
            draw = {"shape": shape, "dtype": dtype, "first_row": shard.first_row(shape[0])}
            u = ops.random_uniform(self.seed_generator.next(), **draw)
            kept = ops.dropout(scores, u, rate=float(self.dropout))
        return ops.matmul(kept, value), scores

    def _check_inputs(self, inputs: Any, mask: Any = None) -> None:
        """ValueError, in Keras' words, unless there are two or three inputs and masks."""
        name = type(self).__name__
        if not isinstance(inputs, list):
            raise ValueError(
                f"{name} layer must be called on a list of inputs, namely [query, value] or "
                f"[query, value, key]. Received: inputs={inputs}."
            )
        if not 2 <= len(inputs) <= 3:
            raise ValueError(
                f"{name} layer accepts inputs list of length 2 or 3, namely [query, value] or "
                f"[query, value, key]. Received length: {len(inputs)}."
            )
        if mask is not None:
            check_masks(name, inputs, mask)


def check_masks(name: str, inputs: list, mask: Any) -> None:
    """ValueError, in Keras' words, unless there are two or three masks."""
    if not isinstance(mask, list):
        raise ValueError(
            f"{name} layer mask must be a list, namely [query_mask, value_mask]. Received: "
            f"mask={mask}."
        )
    if not 2 <= len(mask) <= 3:
        raise ValueError(
            f"{name} layer accepts mask list of length 2 or 3. Received: inputs={inputs}, "
            f"mask={mask}."
        )


class AdditiveAttention(Attention):
    """y = softmax(scores) value, scores = sum(scale tanh(query + key)), scale a weight (n,) with
    use_scale; inputs as those of Attention  (Bahdanau et al. 2015, section A.1.2).
    """

    samples = (
        Sample(((2, 4, 3), (2, 5, 3))),
        Sample(((2, 4, 3), (2, 5, 2), (2, 5, 3)), {"use_scale": False}),
    )

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any):
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        """scale (n,) with use_scale."""
        self._check_inputs(input_shape)
        self.scale = None
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")

    def _is_plain(self, query: Any) -> bool:
        return False

    def _scores(self, query: Any, key: Any) -> Any:
        """(batch, T, S)"""
        scores = ops.tanh(ops.expand_dims(query, axis=-2) + ops.expand_dims(key, axis=-3))
        return ops.sum(scores if self.scale is None else scores * self.scale, axis=-1)

    def get_config(self) -> dict:
        """The constructor's arguments that Keras writes."""
        config = super().get_config()
        config.pop("score_mode")
        return config
