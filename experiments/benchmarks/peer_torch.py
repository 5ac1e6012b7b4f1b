"""One workload with PyTorch: python peer_torch.py W1 eager THREADS"""

import time

START = time.perf_counter()
import sys  # noqa: E402

import torch  # noqa: E402
from workloads import WORKLOADS, batches, measure, report  # noqa: E402

name, mode, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(0)
sizes, _, _ = WORKLOADS[name]
layers: list = []
for a, b in zip(sizes, sizes[1:], strict=False):
    layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
model = torch.nn.Sequential(*layers[:-1])
loss_of = torch.nn.functional.mse_loss if sizes[-1] == 1 else torch.nn.functional.cross_entropy
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
parts = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in batches(name)]


def run(steps: int) -> None:
    """The usual loop."""
    for i in range(steps):
        x, y = parts[i % len(parts)]
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
    loss.item()


run(1)
first = time.perf_counter()
report(measure(run), START, first)
