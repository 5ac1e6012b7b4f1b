"""The distributed tape and broadcast_variables, against one process with the whole batch."""

import numpy as np

from framework import distributed
from framework.engine import ops
from framework.engine.tape import GradientTape
from framework.engine.variable import Variable

rank, size = distributed.rank(), distributed.size()
rng = np.random.default_rng(0)
x, w = rng.normal(size=(7, 4)).astype("float32"), rng.normal(size=(4, 2)).astype("float32")

# The same values everywhere after a broadcast, whatever each rank started from.
kernel, count = Variable(w + rank), Variable(np.array(rank, np.int32))
distributed.broadcast_variables([kernel, count], root=size - 1)
np.testing.assert_array_equal(kernel.numpy(), w + np.float32(size - 1))
assert int(count.numpy()) == size - 1
kernel.assign(w)

# Uneven parts: the loss divided by the global count, gradients summed, give the exact gradient.
start, stop = distributed.part(len(x), rank, size)
unused, lonely = Variable(np.ones(3, "float32")), Variable(np.float32(2.0))
tape = distributed.DistributedGradientTape(GradientTape(), average=False)
with tape:
    y = ops.matmul(ops.as_tensor(x[start:stop]), kernel)
    loss = ops.sum(y * y) / np.float32(len(x))
    if rank == 0:
        loss = loss + lonely  # a gradient that only one rank has
wanted = 2 / len(x) * x.T @ (x @ w)
found = tape.gradient(loss, {"kernel": kernel, "unused": unused, "lonely": lonely})
np.testing.assert_allclose(found["kernel"].numpy(), wanted, rtol=1e-5)
assert found["unused"] is None
assert float(found["lonely"].numpy()) == 1.0

# By default the mean over ranks.
tape = distributed.DistributedGradientTape(GradientTape(persistent=True))
with tape:
    loss = ops.sum(kernel * np.float32(rank + 1))
assert tape.watched_variables() == (kernel,)
mean = tape.gradient(loss, kernel)
np.testing.assert_allclose(mean.numpy(), np.full((4, 2), (size + 1) / 2), rtol=1e-6)
summed = distributed.all_reduce(mean)
assert type(summed) is type(mean)
print(f"rank {rank} fine")
