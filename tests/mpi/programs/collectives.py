"""Every method of the communicator against what NumPy gives; asserts on each rank."""

import os

import numpy as np

from framework import distributed

world = distributed.comm()
rank, size = world.rank, world.size
assert (distributed.rank(), distributed.size(), distributed.is_root()) == (rank, size, rank == 0)
assert 0 <= world.local_rank < world.local_size == size
assert distributed.comm() is world

every = np.stack([np.random.default_rng(r).normal(size=(3, 5)) for r in range(size)])
for dtype in ("float16", "float32", "float64", "int32", "int64", "uint8"):
    for op, reduced in (("sum", np.sum), ("max", np.max), ("min", np.min)):
        values = (every * 10).astype("int8").astype(dtype)
        mine = values[rank].copy()
        assert world.all_reduce(mine, op) is mine
        np.testing.assert_array_equal(mine, reduced(values, axis=0).astype(dtype), err_msg=dtype)

flags = np.array([rank == 0, False, True])
assert world.all_reduce(flags, "max").tolist() == [True, False, True]
assert world.all_reduce(np.array([rank == 0, True]), "min").tolist() == [size == 1, True]
assert world.all_reduce(np.zeros((0, 3))).shape == (0, 3)
assert world.all_reduce(np.array(1.0)) == size
large = np.full(300_000, rank, np.float32)
world.all_reduce_sum(large)
assert (large == size * (size - 1) / 2).all()

for root in range(size):
    got = world.broadcast(every[rank].copy(), root)
    np.testing.assert_array_equal(got, every[root])
    assert world.broadcast_object({"from": rank}, root) == {"from": root}
    gathered = world.gather_object((rank, "x"), root)
    assert gathered == ([(r, "x") for r in range(size)] if rank == root else None)
world.barrier()

result = distributed.all_reduce(every[rank], "sum")
np.testing.assert_allclose(result, every.sum(0))
assert result is not every[rank]
assert distributed.all_reduce(rank, "max") == size - 1

if size > 1:
    entered = world.entered()
    assert entered.shape == (size,) and (abs(entered - entered[rank]) <= 1).all()
    world.barrier()

from threadpoolctl import threadpool_info  # noqa: E402

threads = [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"]
assert all(n == int(os.environ["OPENBLAS_NUM_THREADS"]) for n in threads), threads
print(f"rank {rank} fine, {os.environ['OPENBLAS_NUM_THREADS']} threads")
