"""Random numbers: the cipher's published vectors, rows of a batch on several processes,
streams and seeds.
"""

from __future__ import annotations

import numpy as np
import pytest

from framework.engine import ops, random
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.ops.random import blocks_of, normal_quantile, rounds
from framework.engine.random import SeedGenerator, set_seed
from framework.engine.tensor import Tensor

# Random123, kat_vectors: philox4x32 10: counter, key, result
VECTORS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "wanted"), VECTORS)
def test_philox_gives_the_published_words(counter, key, wanted):
    state = np.array([key[0] | key[1] << 32, counter[2] | counter[3] << 32], np.uint64).view(
        np.int64
    )
    out = np.empty((1, 4), np.uint64)
    rounds(state, np.array([counter[0] | counter[1] << 32], np.uint64), out)
    assert tuple(out[0].tolist()) == wanted


def state(seed, counter=1):
    return Tensor(np.array([seed, counter], np.int64))


def test_chunks_do_not_show():
    whole = blocks_of(np.array([3, 4]), 0, 10000)
    np.testing.assert_array_equal(whole[5000:5003], blocks_of(np.array([3, 4]), 5000, 3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", [ops.random_uniform, ops.random_normal, ops.random_truncated_normal])
@pytest.mark.parametrize("width", [1, 3, 4, 7])
def test_a_rank_draws_its_rows_of_the_batch(op, dtype, width):
    whole = op(state(5), shape=(10, width), dtype=dtype).numpy()
    for start, stop in ((0, 3), (3, 4), (4, 10)):
        rows = op(state(5), shape=(stop - start, width), dtype=dtype, first_row=start).numpy()
        np.testing.assert_array_equal(rows, whole[start:stop])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_moments(dtype):
    shape = 200_000
    u = ops.random_uniform(state(1), shape=(shape,), dtype=dtype).numpy()
    assert 0 <= u.min() and u.max() < 1
    assert abs(u.mean() - 0.5) < 3e-3 and abs(u.var() - 1 / 12) < 1e-3
    assert np.histogram(u, 20, (0, 1))[0].std() < 4 * np.sqrt(shape / 20)
    z = ops.random_normal(state(2), shape=(shape,), dtype=dtype).numpy()
    assert abs(z.mean()) < 0.01 and abs(z.std() - 1) < 0.01 and abs((z**3).mean()) < 0.03
    assert abs(np.corrcoef(z[:-1], z[1:])[0, 1]) < 0.01
    t = ops.random_truncated_normal(state(3), shape=(shape,), dtype=dtype).numpy()
    assert np.abs(t).max() <= 2.0
    assert abs(t.std() - 0.8796) < 5e-3


def test_streams_differ():
    draws = [
        ops.random_uniform(state(s, c), shape=(1000,)).numpy()
        for s in (0, 1, -1, 2**40)
        for c in (0, 1, 2)
    ]
    for i, a in enumerate(draws):
        for b in draws[:i]:
            assert np.mean(a == b) < 0.01


def test_quantile_inverts_the_distribution():
    from statistics import NormalDist

    p = np.linspace(0.0228, 0.9772, 201)
    np.testing.assert_allclose(normal_quantile(p), [NormalDist().inv_cdf(q) for q in p], atol=1e-15)


def test_set_seed_repeats_generators_in_the_order_they_are_made():
    def draw():
        set_seed(7)
        one, two = SeedGenerator(), SeedGenerator()
        return [random.uniform((3,), seed=g).numpy().tolist() for g in (one, two, one, None)]

    first, second = draw(), draw()
    assert first == second
    assert len({tuple(d) for d in first}) == 4
    set_seed(8)
    assert random.uniform((3,), seed=SeedGenerator()).numpy().tolist() != first[0]


def test_an_int_seed_is_stateless_and_a_generator_counts():
    a, b = random.normal((4,), seed=3).numpy(), random.normal((4,), seed=3).numpy()
    np.testing.assert_array_equal(a, b)
    one, same = SeedGenerator(3), SeedGenerator(3)
    first = one.next().numpy()
    np.testing.assert_array_equal(first, same.next().numpy())
    assert one.next().numpy().tolist() == [3, first[1] + 1]


def test_state_can_be_saved_and_restored():
    generator = SeedGenerator(11)
    generator.next()
    kept = generator.state.numpy()
    wanted = random.uniform((5,), seed=generator).numpy()
    generator.state.assign(kept)
    np.testing.assert_array_equal(random.uniform((5,), seed=generator).numpy(), wanted)


def test_programs_draw_what_eager_calls_draw():
    """Bit by bit, also when the program draws twice from one generator, and over repeats."""
    eager, traced = SeedGenerator(5), SeedGenerator(5)

    def draws(generator):
        first = random.uniform((3, 5), seed=generator)
        return [first, ops.random_uniform(generator.next(), shape=(4,), first_row=3)]

    run = Executable(trace(lambda: draws(traced)))
    assert traced.state.numpy()[1] == 0, "a trace draws nothing"
    for _ in range(3):
        run.repeat(1)
        for ours, wanted in zip(run.outputs(), draws(eager), strict=True):
            np.testing.assert_array_equal(ours, wanted.numpy())
    assert traced.state.numpy().tolist() == eager.state.numpy().tolist()


def test_rows_from_is_a_block():
    assert random.first_row() == 0
    with random.rows_from(8):
        assert random.first_row() == 8
    assert random.first_row() == 0


def test_scaled_draws():
    u = random.uniform((1000,), low=-3.0, high=5.0, seed=1)
    assert u.dtype == "float32" and u.numpy().min() >= -3 and u.numpy().max() <= 5
    z = random.truncated_normal((1000,), mean=10.0, stddev=0.5, seed=1, dtype="float64")
    assert z.dtype == "float64" and np.abs(z.numpy() - 10).max() <= 1
