"""Single ops and training steps run eagerly by PyTorch: python eager_torch.py"""

import torch
import torch.nn.functional as F
from eager_workloads import arrays, report

torch.set_num_threads(1)
values = {name: torch.from_numpy(a) for name, a in arrays().items()}
a, b, row, big = values["a"], values["b"], values["row"], values["big"]
ids, labels, mask = values["ids"].long(), values["labels"].long(), values["mask"]
image = values["image"].permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
kernel = values["kernel"].permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)

OPS = {
    "add": lambda: a + b,
    "multiply by a row": lambda: a * row,
    "exp": lambda: torch.exp(a),
    "tanh": lambda: torch.tanh(a),
    "relu": lambda: F.relu(a),
    "softmax": lambda: F.softmax(a, -1),
    "matmul 32": lambda: a @ b,
    "matmul 256": lambda: big @ big,
    "sum": lambda: a.sum(),
    "mean of rows": lambda: a.mean(1),
    "max of columns": lambda: a.amax(0),
    "transpose": lambda: a.t().contiguous(),
    "reshape": lambda: a.reshape(16, 64),
    "concat": lambda: torch.cat([a, b], 1),
    "slice": lambda: a[1:, ::2],
    "gather": lambda: a[ids],
    "where": lambda: torch.where(mask, a, b),
    "cast": lambda: a.to(torch.float64),
    "cross-entropy": lambda: F.cross_entropy(a, labels, reduction="none"),
    "conv2d": lambda: F.conv2d(image, kernel, padding=1),
}


def weights(names: str) -> list:
    """Leaves of the shapes of a workload; kernels in PyTorch's order."""
    found = []
    for name in names.split():
        w = values[name]
        w = w.permute(3, 2, 0, 1).contiguous() if w.ndim == 4 else w.clone()
        found.append(w.requires_grad_())
    return found


def descend(loss, variables: list) -> None:
    """One step of gradient descent."""
    grads = torch.autograd.grad(loss, variables)
    with torch.no_grad():
        for v, g in zip(variables, grads):
            v -= 1e-3 * g


mlp_weights = weights("mlp_w1 mlp_b1 mlp_w2 mlp_b2 mlp_w3 mlp_b3")
conv_weights = weights("conv_k1 conv_b1 conv_k2 conv_b2 conv_w conv_b")
attention_weights = weights("att_q att_k att_v att_o att_w1 att_w2")
conv_x = values["conv_x"].permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
targets = {name: values[name].long() for name in ("mlp_y", "conv_y")}


def mlp() -> None:
    """64-128-128-10, batch 64."""
    w1, b1, w2, b2, w3, b3 = mlp_weights
    h = F.relu(values["mlp_x"] @ w1 + b1)
    h = F.relu(h @ w2 + b2)
    descend(F.cross_entropy(h @ w3 + b3, targets["mlp_y"]), mlp_weights)


def conv() -> None:
    """Two convolutions with pooling on 28x28, batch 16."""
    k1, b1, k2, b2, w, bias = conv_weights
    h = F.max_pool2d(F.relu(F.conv2d(conv_x, k1, b1, padding=1)), 2)
    h = F.max_pool2d(F.relu(F.conv2d(h, k2, b2, padding=1)), 2)
    descend(F.cross_entropy(h.reshape(16, -1) @ w + bias, targets["conv_y"]), conv_weights)


def split_heads(x):
    """(batch, time, 64) -> (batch, 4 heads, time, 16)"""
    return x.reshape(8, 32, 4, 16).transpose(1, 2)


def attention() -> None:
    """A transformer block: 4 heads of 16, 32 steps, batch 8."""
    q, k, v, o, w1, w2 = attention_weights
    x = values["att_x"]
    h = F.layer_norm(x, (64,))
    scores = split_heads(h @ q) @ split_heads(h @ k).transpose(-1, -2) * 0.25
    mixed = F.softmax(scores, -1) @ split_heads(h @ v)
    h = x + mixed.transpose(1, 2).reshape(8, 32, 64) @ o
    h = h + F.gelu(F.layer_norm(h, (64,)) @ w1) @ w2
    descend(torch.mean(h * h), attention_weights)


report({**OPS, "MLP step": mlp, "conv net step": conv, "attention step": attention})
