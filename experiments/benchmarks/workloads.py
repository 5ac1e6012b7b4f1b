"""The workloads that every library runs: data, sizes, and how much arithmetic a step is. Needs
NumPy only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Workload:
    """One network and how it is run.

    parameters: those that are trained; every library's network must have as many.
    products: (rows, n, m) of the matrix products (rows, n) x (n, m) of a forward pass; convolutions
    count as products of their patches.
    is_first_open: whether the first product's left side is data, which needs no gradient.
    """

    about: str
    batch: int
    parameters: int
    products: tuple[tuple[int, int, int], ...]
    batches: int = 4
    is_first_open: bool = True
    is_training: bool = True

    @property
    def flops(self) -> int:
        """Floating-point operations of one step's products: 2 rows n m each, and in training as
        many again for each side's gradient.
        """
        counts = [2 * rows * n * m for rows, n, m in self.products]
        if not self.is_training:
            return sum(counts)
        return 3 * sum(counts) - (counts[0] if self.is_first_open else 0)


def dense(rows: int, *sizes: int) -> tuple[tuple[int, int, int], ...]:
    """The products of fully connected layers."""
    return tuple((rows, n, m) for n, m in zip(sizes, sizes[1:]))


TOKENS, HEADS = 16 * 128, 16 * 4 * 128  # rows of W7's layers and of its attention
BLOCK = (
    *((TOKENS, 128, 384), (HEADS, 32, 128), (HEADS, 128, 32), (TOKENS, 128, 128)),
    *dense(TOKENS, 128, 512, 128),
)
WORKLOADS = {
    "W1": Workload("MLP 16-64-64-1, batch 32, Adam", 32, 5313, dense(32, 16, 64, 64, 1), 64),
    "W2": Workload(
        "MLP 784-512-512-10, batch 128, Adam", 128, 669_706, dense(128, 784, 512, 512, 10), 40
    ),
    "W3": Workload(
        "MLP 1024-4096-4096-1000, batch 256, SGD with momentum",
        256,
        25_076_712,
        dense(256, 1024, 4096, 4096, 1000),
    ),
    "W4": Workload(
        "two 3x3 convolutions (32, 64) with max pooling, 128-10, 28x28x1, batch 64, Adam",
        64,
        421_642,
        ((50_176, 9, 32), (12_544, 288, 64), *dense(64, 3136, 128, 10)),
    ),
    "W5": Workload(
        "four residual 3x3 convolutions (32) with batch norm, 32x32x3, batch 32, SGD with momentum",
        32,
        38_346,
        ((32_768, 27, 32), *[(32_768, 288, 32)] * 4, (32, 32, 10)),
    ),
    "W6": Workload(
        "LSTM 128 over 64 steps of 32, batch 32, Adam",
        32,
        83_722,
        ((2048, 32, 512), (2048, 128, 512), (32, 128, 10)),
    ),
    "W7": Workload(
        "GPT: 4 blocks, width 128, 4 heads, 128 tokens, batch 16, AdamW",
        16,
        834_400,
        (*BLOCK * 4, (TOKENS, 128, 96)),
        is_first_open=False,
    ),
    "W8": Workload(
        "two embeddings 100,000 x 32, MLP 64-32-1, batch 1024, SGD",
        1024,
        6_402_113,
        dense(1024, 64, 32, 1),
        is_first_open=False,
    ),
    "W8b": Workload("as W8, Adagrad", 1024, 6_402_113, dense(1024, 64, 32, 1), is_first_open=False),
    "P1": Workload(
        "W2's outputs for one sample",
        1,
        669_706,
        dense(1, 784, 512, 512, 10),
        1,
        is_training=False,
    ),
    "P10000": Workload(
        "W2's outputs for 10,000 samples",
        10_000,
        669_706,
        dense(10_000, 784, 512, 512, 10),
        1,
        is_training=False,
    ),
}
PREDICTIONS = tuple(name for name, workload in WORKLOADS.items() if not workload.is_training)
FEATURES = {"W1": (16,), "W2": (784,), "W3": (1024,), "W4": (28, 28, 1), "W5": (32, 32, 3)}
FEATURES |= {"W6": (64, 32)} | dict.fromkeys(PREDICTIONS, (784,))
CLASSES = {"W3": 1000}


def batches(name: str, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """(x, y) of every batch: fixed random numbers, floats as float32 and integers as int64."""
    rng, workload = np.random.default_rng(seed), WORKLOADS[name]
    return [one_batch(name, workload.batch, rng) for _ in range(workload.batches)]


def one_batch(name: str, rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """x and y of one batch."""
    if name == "W7":  # the next character
        tokens = rng.integers(0, 96, (rows, 129))
        return tokens[:, :-1].copy(), tokens[:, 1:].copy()
    if name.startswith("W8"):  # (user, item) and whether they met
        ids = rng.integers(0, 100_000, (rows, 2))
        return ids, (rng.random((rows, 1)) < 0.5).astype(np.float32)
    x = rng.standard_normal((rows, *FEATURES[name])).astype(np.float32)
    if name == "W1":
        return x, rng.standard_normal((rows, 1)).astype(np.float32)
    return x, rng.integers(0, CLASSES.get(name, 10), rows)
