"""Autograd snippets print what PyTorch prints; and what only we promise."""

import copy
import gc
import pickle
import threading
import warnings
import weakref

import numpy as np
import pytest

import framework.torch as torch
from framework.engine import ops
from tests.doors import recorded, snippets_torch


@pytest.mark.parametrize("snippet", recorded.snippets(snippets_torch), ids=lambda f: f.__name__)
def test_prints_what_pytorch_prints(snippet):
    wanted = recorded.record("torch")["printed"][snippet.__name__]
    wanted = wanted.replace("CopySlices", "WhereBackward0")  # how x[0] = v is remembered
    assert recorded.printed(snippet, torch, np) == wanted


def test_grad_of_a_computed_tensor_warns():
    y = torch.ones(2, requires_grad=True) * 2
    with pytest.warns(UserWarning, match="not a leaf"):
        assert y.grad is None


def test_a_kept_loss_does_not_keep_the_chain_it_does_not_need():
    x = torch.ones(3, requires_grad=True)
    y = x + 1
    kept, z = weakref.ref(y), y * 2
    del y
    gc.collect()
    assert kept() is None
    z.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_a_long_chain_needs_no_recursion():
    x = torch.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(20000):
        y = y + x
    y.backward()
    assert x.grad.item() == 20001
    del y


def test_backward_frees_the_values_of_the_graph():
    x = torch.ones(3, requires_grad=True)
    y = x.exp()
    z = y.sum()
    z.backward()
    assert y.grad_fn.line.values == () and x.grad is not None
    with pytest.raises(RuntimeError, match="a second time"):
        y.sum().backward()


def test_modes_are_per_thread():
    seen = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_grad_holders_see_the_accumulation():
    x = torch.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    held = x.grad
    (x * 3).sum().backward()
    assert held is x.grad and held.tolist() == [5.0, 5.0]


def test_gradients_do_not_share_memory():
    x, y = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    (x + y).sum().backward()
    x.grad.zero_()
    assert y.grad.tolist() == [1.0, 1.0]


def test_inputs_of_backward_limit_who_is_filled():
    x, w = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0, requires_grad=True)
    (x * w).backward(inputs=[w])
    assert x.grad is None and w.grad.item() == 2.0


def test_copies():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    x.sum().backward()
    same = copy.deepcopy(x)
    same.grad.zero_()
    assert same.requires_grad and x.grad.tolist() == [1.0, 1.0]
    loaded = pickle.loads(pickle.dumps(x))
    assert loaded.requires_grad and torch.equal(loaded, x)
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(x * 2)


def test_results_are_torch_tensors_and_engine_ops_take_them():
    x = torch.tensor([1.0, 2.0])
    assert isinstance(x + 1, torch.Tensor) and isinstance(1 + x, torch.Tensor)
    assert isinstance(np.float32(2) * x, torch.Tensor)
    assert ops.sum(x).numpy() == 3.0
    assert {x: 1}[x] == 1  # hashable by identity


def test_values_are_numpy_arrays_of_the_same_memory():
    x = torch.zeros(2)
    x.numpy()[0] = 3.0
    assert x.tolist() == [3.0, 0.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.asarray(x).sum() == 3.0


def test_second_order_through_every_kind_of_result():
    x = torch.tensor([[0.5, 1.5], [2.0, 0.3]], dtype=torch.float64, requires_grad=True)

    def f(x):
        y = torch.softmax(x @ x.T, 1) * torch.exp(x) / (1 + x * x)
        return (torch.stack([y, y.sqrt()]).max(0).values ** 2).mean() + x[0].log().sum()

    (g,) = torch.autograd.grad(f(x), x, create_graph=True)
    (h,) = torch.autograd.grad((g * g).sum(), x)
    step = 1e-6
    for i in range(4):
        moved = np.zeros(4)
        moved[i] = step
        values = []
        for sign in (1, -1):
            at = torch.tensor(x.detach().numpy() + sign * moved.reshape(2, 2), requires_grad=True)
            (ga,) = torch.autograd.grad(f(at), at)
            values.append((ga.numpy() ** 2).sum())
        slope = (values[0] - values[1]) / (2 * step)
        assert abs(slope - h.numpy().reshape(-1)[i]) < 1e-5 * max(1, abs(slope))
