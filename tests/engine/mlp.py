"""A train step of a small network from bare ops: what the compiler's tests compile."""

from __future__ import annotations

import numpy as np

from framework.engine import ops
from framework.engine.tape import GradientTape
from framework.engine.tensor import Tensor
from framework.engine.variable import Variable


class Network:
    """An MLP 6-8-3 with sparse softmax cross-entropy and Adam."""

    def __init__(self, dtype=np.float32):
        rng = np.random.default_rng(0)
        shapes = (6, 8), (8,), (8, 3), (3,)
        self.parameters = [
            Variable(rng.normal(0, 0.4, s).astype(dtype), name=f"p{i}")
            for i, s in enumerate(shapes)
        ]
        self.m = [Variable(np.zeros(s, dtype), trainable=False) for s in shapes]
        self.v = [Variable(np.zeros(s, dtype), trainable=False) for s in shapes]
        self.rate, self.steps = Variable(np.asarray(0.01, dtype)), Variable(np.asarray(0, np.int64))
        self.x = Tensor(rng.normal(size=(10, 6)).astype(dtype))
        self.y = Tensor(rng.integers(0, 3, 10))

    def loss(self, x, y):
        """The mean loss of a batch."""
        w1, b1, w2, b2 = self.parameters
        hidden = ops.relu(ops.matmul(x, w1) + b1)
        losses, _ = ops.sparse_softmax_cross_entropy(y, ops.matmul(hidden, w2) + b2)
        return ops.sum(losses) * (1.0 / len(losses))

    def step(self, x=None, y=None):
        """One update; the loss before it."""
        with GradientTape() as tape:
            loss = self.loss(self.x if x is None else x, self.y if y is None else y)
        gradients = tape.gradient(loss, self.parameters)
        alpha = ops.adam_rate(self.rate, self.steps)
        for p, m, v, g in zip(self.parameters, self.m, self.v, gradients, strict=True):
            ops.adam_update(p, m, v, g, self.rate, alpha)
        ops.assign_add(self.steps, Tensor(np.asarray(1, np.int64)))
        return loss

    def weights(self) -> np.ndarray:
        """All parameters in one vector."""
        return np.concatenate([p.numpy().ravel() for p in self.parameters])
