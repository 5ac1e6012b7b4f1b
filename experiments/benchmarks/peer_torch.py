"""One workload with PyTorch: see timing.py for the arguments.

Modes: eager, compile (torch.compile of model and loss), channels_last (eager, for images).
"""

import timing

with timing.Importing() as spent:
    import torch
    from torch import nn
    from torch.nn import functional as F

from workloads import PREDICTIONS, batches

asked = timing.case()
name, is_compiled = asked.workload, asked.mode == "compile"
layout = torch.channels_last if asked.mode == "channels_last" else torch.contiguous_format


def mlp(*sizes: int) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    found: list[nn.Module] = []
    for n, m in zip(sizes, sizes[1:]):
        found += [nn.Linear(n, m), nn.ReLU()]
    return nn.Sequential(*found[:-1])


def conv_net() -> nn.Sequential:
    """W4."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Flatten(),
        *mlp(3136, 128, 10),
    )


class ResidualNet(nn.Module):
    """W5."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 32, 3, padding=1)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(32, 32, 3, padding=1, bias=False) for _ in range(4)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(32) for _ in range(4))
        self.last = nn.Linear(32, 10)

    def forward(self, x):
        x = self.first(x)
        for convolution, norm in zip(self.convolutions, self.norms):
            x = x + F.relu(norm(convolution(x)))
        return self.last(x.mean((2, 3)))


class Recurrent(nn.Module):
    """W6."""

    def __init__(self):
        super().__init__()
        self.lstm, self.last = nn.LSTM(32, 128, batch_first=True), nn.Linear(128, 10)

    def forward(self, x):
        return self.last(self.lstm(x)[1][0][0])


class Block(nn.Module):
    """One block of W7."""

    def __init__(self, width: int = 128, heads: int = 4):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, t, d = x.shape
        qkv = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).reshape(b, t, d))
        return x + self.narrow(F.gelu(self.wide(self.norm2(x)), approximate="tanh"))


class GPT(nn.Module):
    """W7."""

    def __init__(self, width: int = 128, depth: int = 4, tokens: int = 96, length: int = 128):
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        self.position = nn.Parameter(torch.randn(length, width) * 0.02)
        self.blocks = nn.Sequential(*[Block() for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, tokens)

    def forward(self, x):
        x = self.blocks(self.embedding(x) + self.position)
        return self.head(self.norm(x)).flatten(0, 1)


class Recommender(nn.Module):
    """W8. Sparse gradients, which torch.compile does not know."""

    def __init__(self):
        super().__init__()
        self.users = nn.Embedding(100_000, 32, sparse=not is_compiled)
        self.items = nn.Embedding(100_000, 32, sparse=not is_compiled)
        self.deep = mlp(64, 32, 1)

    def forward(self, ids):
        user, item = self.users(ids[:, 0]), self.items(ids[:, 1])
        return (user * item).sum(1, keepdim=True) + self.deep(torch.cat([user, item], 1))


MODELS = {
    "W1": lambda: mlp(16, 64, 64, 1),
    "W2": lambda: mlp(784, 512, 512, 10),
    "W3": lambda: mlp(1024, 4096, 4096, 1000),
    "W4": conv_net,
    "W5": ResidualNet,
    "W6": Recurrent,
    "W7": GPT,
    "W8": Recommender,
    "W8b": Recommender,
}
MODELS |= dict.fromkeys(PREDICTIONS, MODELS["W2"])


def optimizer_of(parameters):
    """The optimizer of the workload."""
    if name in ("W3", "W5"):
        return torch.optim.SGD(parameters, 1e-2, momentum=0.9)
    if name.startswith("W8"):
        return (torch.optim.SGD if name == "W8" else torch.optim.Adagrad)(parameters, 1e-2)
    return (torch.optim.AdamW if name == "W7" else torch.optim.Adam)(parameters, 1e-3)


def loss_of(out, y):
    """The loss of the workload."""
    if name == "W1":
        return F.mse_loss(out, y)
    if name.startswith("W8"):
        return F.binary_cross_entropy_with_logits(out, y)
    return F.cross_entropy(out, y.flatten())


def as_tensors(x, y):
    """A batch as PyTorch wants it: channels before rows and columns."""
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    return (x.permute(0, 3, 1, 2).contiguous(memory_format=layout) if x.ndim == 4 else x), y


def predicting(model):
    """step(x, y): the outputs."""
    forward = torch.compile(model.eval()) if is_compiled else model.eval()

    def step(x, y):
        with torch.inference_mode():
            return forward(x)

    return step


def training(model):
    """step(x, y): one update; the loss."""
    optimizer = optimizer_of(model.parameters())

    def forward(x, y):
        return loss_of(model(x), y)

    forward = torch.compile(forward) if is_compiled else forward

    def step(x, y):
        optimizer.zero_grad(set_to_none=True)
        loss = forward(x, y)
        loss.backward()
        optimizer.step()
        return loss

    return step


torch.set_num_threads(asked.threads)
torch.manual_seed(0)
model = MODELS[name]().to(memory_format=layout)
# PyTorch's LSTM has two biases whose sum is all that matters; the others have one.
count = sum(p.numel() for key, p in model.named_parameters() if "bias_hh" not in key)
step = predicting(model) if name in PREDICTIONS else training(model)
run = timing.looped(step, lambda out: out.sum().item(), [as_tensors(*b) for b in batches(name)])
timing.report(run, asked, import_s=spent.seconds, parameters=count, version=torch.__version__)
