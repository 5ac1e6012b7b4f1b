"""One workload with JAX: see timing.py for the arguments. Optimizers are written out; buffers are
donated.

Modes: jit, sparse (W8, W8b with an update of the rows that were read, written by hand).
"""

import os

import timing

asked = timing.case()
name = asked.workload
os.environ["XLA_FLAGS"] = (
    f"--xla_cpu_multi_thread_eigen={'true' if asked.threads > 1 else 'false'} "
    f"intra_op_parallelism_threads={asked.threads}"
)
if hasattr(os, "sched_setaffinity"):  # the flag alone does not hold XLA back
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: asked.threads])

with timing.Importing() as spent:
    import jax
    import jax.numpy as jnp

import numpy as np  # noqa: E402
from workloads import PREDICTIONS, batches  # noqa: E402

rng = np.random.default_rng(1)
MASK = np.tril(np.ones((128, 128), bool))


def normal(*shape: int, scale: float = 1.0):
    """A float32 weight."""
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def dense(n: int, m: int) -> dict:
    """Weights of a fully connected layer."""
    return {"w": normal(n, m, scale=n**-0.5), "b": np.zeros(m, np.float32)}


def mlp(*sizes: int) -> list:
    """Weights of several."""
    return [dense(n, m) for n, m in zip(sizes, sizes[1:])]


def convolution(n: int, m: int) -> dict:
    """Weights of a 3x3 convolution."""
    return {"w": normal(3, 3, n, m, scale=(9 * n) ** -0.5), "b": np.zeros(m, np.float32)}


def norm(n: int) -> dict:
    """Weights of a normalization."""
    return {"w": np.ones(n, np.float32), "b": np.zeros(n, np.float32)}


def linear(p, x):
    return x @ p["w"] + p["b"]


def apply_mlp(p, x):
    for layer in p[:-1]:
        x = jax.nn.relu(linear(layer, x))
    return linear(p[-1], x)


def convolved(w, x):
    return jax.lax.conv_general_dilated(
        x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def pooled(x):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def normalized(p, x, axes):
    mean = x.mean(axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(axes, keepdims=True)
    return (x - mean) * (jax.lax.rsqrt(variance + 1e-5) * p["w"]) + p["b"]


def apply_conv_net(p, x):
    for layer in p["convolutions"]:
        x = pooled(jax.nn.relu(convolved(layer["w"], x) + layer["b"]))
    return apply_mlp(p["mlp"], x.reshape(x.shape[0], -1))


def apply_residual_net(p, x):
    x = convolved(p["first"]["w"], x) + p["first"]["b"]
    for w, q in zip(p["convolutions"], p["norms"]):
        x = x + jax.nn.relu(normalized(q, convolved(w, x), (0, 1, 2)))
    return linear(p["last"], x.mean((1, 2)))


def apply_lstm(p, x):
    def cell(carry, given):
        h, c = carry
        i, f, g, o = jnp.split(given + h @ p["h"], 4, 1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), None

    zero = jnp.zeros((x.shape[0], 128))
    (h, _), _ = jax.lax.scan(cell, (zero, zero), linear(p["x"], x).transpose(1, 0, 2))
    return linear(p["last"], h)


def apply_gpt(p, x):
    x = p["embedding"][x] + p["position"]
    b, t, d = x.shape
    for q in p["blocks"]:
        qkv = linear(q["qkv"], normalized(q["norm1"], x, -1)).reshape(b, t, 3, 4, 32)
        query, key, value = qkv.transpose(2, 0, 3, 1, 4)
        scores = jnp.where(MASK, query @ key.swapaxes(-1, -2) / np.sqrt(32), -1e30)
        seen = (jax.nn.softmax(scores) @ value).transpose(0, 2, 1, 3).reshape(b, t, d)
        x = x + linear(q["out"], seen)
        wide = jax.nn.gelu(linear(q["wide"], normalized(q["norm2"], x, -1)))
        x = x + linear(q["narrow"], wide)
    return linear(p["head"], normalized(p["norm"], x, -1))


def recommended(p, user, item):
    both = jnp.concatenate([user, item], 1)
    return (user * item).sum(1, keepdims=True) + apply_mlp(p, both)


def apply_recommender(p, x):
    return recommended(p["mlp"], p["users"][x[:, 0]], p["items"][x[:, 1]])


def conv_net() -> dict:
    """W4's weights."""
    return {"convolutions": [convolution(1, 32), convolution(32, 64)], "mlp": mlp(3136, 128, 10)}


def residual_net() -> dict:
    """W5's weights."""
    return {
        "first": convolution(3, 32),
        "convolutions": [convolution(32, 32)["w"] for _ in range(4)],
        "norms": [norm(32) for _ in range(4)],
        "last": dense(32, 10),
    }


def lstm() -> dict:
    """W6's weights."""
    return {"x": dense(32, 512), "h": normal(128, 512, scale=0.09), "last": dense(128, 10)}


def gpt(d: int = 128) -> dict:
    """W7's weights."""
    blocks = [
        {
            **{"norm1": norm(d), "qkv": dense(d, 3 * d), "out": dense(d, d), "norm2": norm(d)},
            **{"wide": dense(d, 4 * d), "narrow": dense(4 * d, d)},
        }
        for _ in range(4)
    ]
    tables = {"embedding": normal(96, d, scale=0.02), "position": normal(128, d, scale=0.02)}
    return {**tables, "blocks": blocks, "norm": norm(d), "head": dense(d, 96)}


def recommender() -> dict:
    """W8's weights."""
    return {"users": normal(100_000, 32), "items": normal(100_000, 32), "mlp": mlp(64, 32, 1)}


NETWORKS = {
    "W1": (lambda: mlp(16, 64, 64, 1), apply_mlp),
    "W2": (lambda: mlp(784, 512, 512, 10), apply_mlp),
    "W3": (lambda: mlp(1024, 4096, 4096, 1000), apply_mlp),
    "W4": (conv_net, apply_conv_net),
    "W5": (residual_net, apply_residual_net),
    "W6": (lstm, apply_lstm),
    "W7": (gpt, apply_gpt),
    "W8": (recommender, apply_recommender),
    "W8b": (recommender, apply_recommender),
}
NETWORKS |= dict.fromkeys(PREDICTIONS, NETWORKS["W2"])


def loss_of(out, y):
    """The loss of the workload."""
    if name == "W1":
        return jnp.mean((out - y) ** 2)
    if name.startswith("W8"):
        return jnp.mean(jnp.maximum(out, 0) - out * y + jnp.log1p(jnp.exp(-jnp.abs(out))))
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(out), y[..., None], -1))


def adam(p, slots, g):
    """Adam; AdamW for W7."""
    t, m, v = slots
    t = t + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
    rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    kept = 1 - 1e-3 * 1e-4 if name == "W7" else 1.0
    return jax.tree.map(lambda p, m, v: kept * p - rate * m / (jnp.sqrt(v) + 1e-7), p, m, v), (
        *(t, m, v),
    )


def momentum(p, slots, g):
    """SGD with momentum 0.9."""
    slots = jax.tree.map(lambda m, g: 0.9 * m + g, slots, g)
    return jax.tree.map(lambda p, m: p - 1e-2 * m, p, slots), slots


def sgd(p, slots, g):
    """SGD."""
    return jax.tree.map(lambda p, g: p - 1e-2 * g, p, g), slots


def adagrad(p, slots, g):
    """Adagrad."""
    slots = jax.tree.map(lambda a, g: a + g * g, slots, g)
    return jax.tree.map(lambda p, g, a: p - 1e-2 * g / (jnp.sqrt(a) + 1e-7), p, g, slots), slots


def optimizer_of(p):
    """(update, slots) of the workload."""
    if name in ("W3", "W5"):
        return momentum, jax.tree.map(jnp.zeros_like, p)
    if name == "W8":
        return sgd, ()
    if name == "W8b":
        return adagrad, jax.tree.map(lambda w: jnp.full_like(w, 0.1), p)
    zeros = (jax.tree.map(jnp.zeros_like, p), jax.tree.map(jnp.zeros_like, p))
    return adam, (jnp.zeros((), jnp.int32), *zeros)


def sgd_rows(table, slots, ids, g):
    """SGD of the rows that were read."""
    return table.at[ids].add(-1e-2 * g), slots


def adagrad_rows(table, slots, ids, g):
    """Adagrad of the rows that were read; the gradients of a row that was read twice are one."""
    count = len(ids)
    rows, places = jnp.unique(ids, size=count, fill_value=len(table), return_inverse=True)
    g = jax.ops.segment_sum(g, places, count)
    a = slots.at[rows].get(mode="clip") + g * g
    change = -1e-2 * g / (jnp.sqrt(a) + 1e-7)
    return table.at[rows].add(change, mode="drop"), slots.at[rows].set(a, mode="drop")


def sparse(p, slots, x, y):
    """A step of W8 or W8b that updates the rows it read."""
    user, item = p["users"][x[:, 0]], p["items"][x[:, 1]]
    of = jax.value_and_grad(lambda q, u, i: loss_of(recommended(q, u, i), y), (0, 1, 2))
    loss, (g, g_user, g_item) = of(p["mlp"], user, item)
    slots = slots or dict.fromkeys(p, ())
    update, rows = (sgd, sgd_rows) if name == "W8" else (adagrad, adagrad_rows)
    found = {
        "users": rows(p["users"], slots["users"], x[:, 0], g_user),
        "items": rows(p["items"], slots["items"], x[:, 1], g_item),
        "mlp": update(p["mlp"], slots["mlp"], g),
    }
    kept = {key: part for key, (_, part) in found.items()} if name == "W8b" else ()
    return {key: part for key, (part, _) in found.items()}, kept, loss


make, apply = NETWORKS[name]
params = jax.tree.map(jnp.asarray, make())
count = sum(leaf.size for leaf in jax.tree.leaves(params))
parts = [(jnp.asarray(x), jnp.asarray(y)) for x, y in batches(name)]
update, slots = optimizer_of(params)


def dense_step(p, slots, x, y):
    """A step of any other workload."""
    loss, g = jax.value_and_grad(lambda p: loss_of(apply(p, x), y))(p)
    p, slots = update(p, slots, g)
    return p, slots, loss


train = jax.jit(sparse if asked.mode == "sparse" else dense_step, donate_argnums=(0, 1))
forward = jax.jit(apply)


def step(x, y):
    """One update, or the outputs."""
    global params, slots
    if name in PREDICTIONS:
        return forward(params, x)
    params, slots, loss = train(params, slots, x, y)
    return loss


def sync(out) -> None:
    """Wait for the result and for the weights."""
    jax.block_until_ready((params, out))


timing.report(
    timing.looped(step, sync, parts),
    asked,
    import_s=spent.seconds,
    parameters=count,
    version=jax.__version__,
)
