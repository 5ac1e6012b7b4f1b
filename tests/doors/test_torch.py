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
from framework.engine.active import ACTIVE
from tests.doors import recorded, snippets_torch


@pytest.mark.filterwarnings("ignore::UserWarning")  # they warn as PyTorch does
@pytest.mark.parametrize("snippet", recorded.snippets(snippets_torch), ids=lambda f: f.__name__)
def test_prints_what_pytorch_prints(snippet):
    wanted = recorded.record("torch")["printed"][snippet.__name__]
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


def test_inputs_of_backward_may_have_several_elements_and_be_computed():
    x = torch.ones((2, 3), requires_grad=True)
    y = x * 2
    x.sum().backward(inputs=[x])
    y.sum().backward(inputs=[y, x])
    assert x.grad.tolist() == [[3.0] * 3] * 2 and y.grad.tolist() == [[1.0] * 3] * 2
    for inputs, error in (([], "cannot be empty"), ([torch.ones(2)], "requires_grad=False")):
        with pytest.raises(RuntimeError, match=error):
            (x * 2).sum().backward(inputs=inputs)


def test_only_what_leads_to_the_inputs_is_read_and_freed():
    x, w = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    y = (w * 3).exp()
    z = (x * x).sum() + y.sum()
    with torch.no_grad():
        y.mul_(2)  # spoils the gradient of w, not that of x
    assert torch.autograd.grad(z, x)[0].tolist() == [2.0, 2.0]


def gradients(function, *values):
    """The gradients of the sum of what the function gives."""
    leaves = [torch.tensor(v, requires_grad=True) for v in values]
    function(*leaves).sum().backward()
    return [x.grad.tolist() for x in leaves]


NAN = float("nan")


@pytest.mark.parametrize(
    ("function", "values", "wanted"),
    [(lambda z: z**0, ([0.0, 2.0],), [[0, 0]]), (lambda z: z**0.0, ([0.0, 2.0],), [[0, 0]]),
     (lambda z: z ** torch.tensor([0, 1, 2]), ([0.0, 0.0, 0.0],), [[0, 1, 0]]),
     (lambda z, e: z**e, ([0.0, 0.0, 0.0, 2.0], [0.0, 2.0, 1.0, 0.0]),
      [[0, 0, 1, 0], [0, 0, 0, np.float32(np.log(2))]]),
     (lambda z: z.std(correction=0), ([3.0],), [[0]]), (lambda z: z.std(), ([3.0] * 3,), [[0] * 3]),
     (lambda z: z.max(), ([NAN, 1.0, 2.0],), [[1, 0, 0]]),
     (lambda z: z.min(), ([NAN, 1.0, NAN],), [[0.5, 0, 0.5]]),
     (lambda z: z.max(0).values, ([NAN, 1.0, NAN],), [[1, 0, 0]])],
)  # fmt: skip
def test_slopes_at_singular_points_are_those_of_pytorch(function, values, wanted):
    assert gradients(function, *values) == wanted


def test_second_order_of_powers_at_zero():
    for power, wanted in ((0, 0.0), (1, 0.0), (2, 2.0)):
        z = torch.tensor(0.0, requires_grad=True)
        (g,) = torch.autograd.grad(z**power, z, create_graph=True)
        assert torch.autograd.grad(g + 0 * z, z)[0].item() == wanted


def test_the_largest_of_nothing():
    for function in (torch.max, torch.min):
        with pytest.raises(RuntimeError, match="Expected reduction dim to be specified for input"):
            function(torch.zeros(0))
        with pytest.raises(IndexError, match="Expected reduction dim 0 to have non-zero size"):
            function(torch.zeros(0), 0)
    assert torch.zeros((0, 3)).max(1).values.shape == (0,)


def test_gradients_that_are_given():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    strided = torch.arange(4.0)
    x.grad = strided[::2]
    (x * 3).sum().backward()
    assert strided.tolist() == [3.0, 1.0, 5.0, 3.0] and x.grad._version == 1
    x.grad = torch.tensor([5.0]).expand(2)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        (x * 3).sum().backward()
    for wrong in (torch.ones(3), torch.ones(2, dtype=torch.float64), x):
        with pytest.raises(RuntimeError, match="assign"):
            x.grad = wrong


def test_an_accumulated_gradient_is_a_write():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    w = torch.ones(2, requires_grad=True)
    y = (w * x.grad).sum()
    (x * x).sum().backward()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


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


def test_a_retained_gradient_makes_no_cycle():
    x = torch.ones(2, requires_grad=True)
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            y = x * 2
            y.retain_grad()
            y.register_hook(lambda g: g * 2)
            y.sum().backward()
        last = weakref.ref(y)
        del y
        assert last() is None
    finally:
        gc.enable()
    assert x.grad.tolist() == [12.0, 12.0]


def test_a_hook_that_raises_leaves_the_mode_alone():
    x = torch.ones(2, requires_grad=True)
    x.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        x.sum().backward()
    assert torch.is_grad_enabled() and x.grad is None and ACTIVE.tapes == ()


def test_conversions_that_lose_the_gradient_warn():
    with pytest.warns(UserWarning, match="requires_grad=True to a scalar"):
        float(torch.tensor(1.0, requires_grad=True))
    with pytest.warns(UserWarning, match="To copy construct from a tensor"):
        torch.tensor(torch.tensor(1.0))
    x = torch.tensor(2.0, requires_grad=True)
    with pytest.warns(UserWarning, match="reference cycle"):
        (x * x).backward(create_graph=True)
