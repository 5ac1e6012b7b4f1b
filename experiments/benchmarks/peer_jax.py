"""One workload with JAX: python peer_jax.py W1 jit THREADS (Adam written out; buffers donated)"""

import os
import time

START = time.perf_counter()
import sys  # noqa: E402

name, mode, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
os.environ["XLA_FLAGS"] = (
    f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'} "
    f"intra_op_parallelism_threads={threads}"
)
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(
        0, sorted(os.sched_getaffinity(0))[:threads]
    )  # the flag alone does not hold XLA back
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from workloads import WORKLOADS, batches, measure, report  # noqa: E402

sizes, _, _ = WORKLOADS[name]
rng = np.random.default_rng(0)
limits = [np.sqrt(6 / (a + b)) for a, b in zip(sizes, sizes[1:], strict=False)]
params = [
    (jnp.asarray(rng.uniform(-lim, lim, (a, b)), jnp.float32), jnp.zeros(b))
    for a, b, lim in zip(sizes, sizes[1:], limits, strict=False)
]
zeros = jax.tree.map(jnp.zeros_like, params)
state = (params, zeros, jax.tree.map(jnp.zeros_like, params), jnp.zeros((), jnp.int32))


def loss_of(params, x, y):
    for i, (w, b) in enumerate(params):
        x = x @ w + b
        x = jax.nn.relu(x) if i + 1 < len(params) else x
    if sizes[-1] == 1:
        return jnp.mean((x - y) ** 2)
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1))


def step(state, x, y):
    params, m, v, t = state
    loss, g = jax.value_and_grad(loss_of)(params, x, y)
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
    rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), params, m, v)
    return (params, m, v, t), loss


compiled = jax.jit(step, donate_argnums=0)
parts = [(jnp.asarray(x), jnp.asarray(y)) for x, y in batches(name)]


def run(steps: int) -> None:
    """The usual loop."""
    global state
    for i in range(steps):
        state, loss = compiled(state, *parts[i % len(parts)])
    loss.block_until_ready()


run(1)
first = time.perf_counter()
report(measure(run), START, first)
