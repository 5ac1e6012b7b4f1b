"""Views and in-place operations: gradients, errors and names are PyTorch's.

torch_views.json: random programs, run by PyTorch (tests/golden/record_views.py). The cases that are
written out here were run by PyTorch 2.13, too.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import framework.torch as torch
from tests.golden import record_views

CASES = json.loads((Path(__file__).parent / "torch_views.json").read_text())
LEAF = "^a leaf Variable that requires grad is being used in an in-place operation"
VIEW_OF_LEAF = "^a view of a leaf Variable that requires grad is being used in an in-place"
SHARED = "some elements of the input tensor and the written-to tensor refer to a single memory"
REPEATED = "more than one element of the written-to tensor refers to a single memory location"


def vector():
    """A leaf that wants a gradient."""
    return torch.tensor([1.0, 2.0, 3.0], requires_grad=True)


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_random_programs_do_what_pytorch_does(case):
    scope = {"torch": torch}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        errors = [record_views.run(torch, text, scope) for text in case["statements"]]
        assert errors == case["errors"]
        got = record_views.outcome(torch, scope)
    assert (got["wants"], got["error"]) == (case["wants"], case["error"])
    for key in ("values", "grads"):
        wanted, found = case[key] or {}, got[key] or {}
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            np.testing.assert_allclose(found[name], value, 1e-4, 1e-5, err_msg=name)


def write_element(x):
    y = x.clone()
    v = y[0]
    v.mul_(5)
    return y.sum()


def write_slice_with_operator(x):
    y = x.clone()
    w = y[1:]
    w *= 2
    return (y * y).sum()


def write_base_read_view(x):
    y = x * 1
    v = y.view(3, 1)
    y.mul_(3)
    return v.sum()


def write_base_element_read_view(x):
    y = x.clone()
    w = y[1:]
    y[1] = 10.0
    return w.sum()


def zero_base_read_view(x):
    y = x + 0
    v = y.view(3)
    y.zero_()
    return v.sum()


def write_view_of_view(x):
    y = x * 1
    v = y.expand(2, 3)[0][1:]
    v.mul_(y[0].detach() + 1)
    return (y * y).sum()


def write_sibling(x):
    y = x * 1
    u, v = y[:2], y.view(3, 1)
    v[1].mul_(4)
    return (u * u).sum()


def write_repeated_index(x):
    y, w = x * 1, x[:2] * 1
    y[torch.tensor([0, 0])] = w
    return (y * torch.tensor([3.0, 4.0, 5.0])).sum()


def write_by_mask(x):
    y = x * 1
    y[1:][torch.tensor([True, False])] = x[0]
    return (y * y).sum()


def write_under_no_grad(x):
    y = x * 1
    v = y[1:]
    with torch.no_grad():
        v.mul_(3)
    return (y * y).sum() + v.sum()


@pytest.mark.parametrize(
    ("function", "wanted"),
    [(write_element, [5, 1, 1]), (write_slice_with_operator, [2, 16, 24]),
     (write_base_read_view, [3, 3, 3]), (write_base_element_read_view, [0, 0, 1]),
     (zero_base_read_view, [0, 0, 0]), (write_view_of_view, [2, 16, 24]),
     (write_sibling, [2, 64, 0]), (write_repeated_index, [3, 7, 5]),
     (write_by_mask, [4, 0, 6]), (write_under_no_grad, [2, 13, 19])],
)  # fmt: skip
def test_gradients(function, wanted):
    x = vector()
    function(x).backward()
    assert x.grad.tolist() == wanted


def test_second_order_through_writes():
    x = vector()
    y = x * x
    y[1:].mul_(x[:2])
    (g,) = torch.autograd.grad((y * y).sum(), x, create_graph=True)
    g.sum().backward()
    assert g.tolist() == [36.0, 356.0, 432.0]
    assert x.grad.tolist() == [108.0, 706.0, 864.0]


def test_a_write_makes_a_plain_base_want_gradients():
    a = torch.tensor([1.0, 2.0, 3.0])
    u, v = a[:2], a[:2]
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    v.mul_(w)
    assert a.requires_grad and u.requires_grad and (u * 2).requires_grad
    names = [t.grad_fn.name() for t in (a, u, v)]
    assert names == ["CopySlices", "AsStridedBackward0", "AsStridedBackward0"]
    a.sum().backward()
    assert w.grad.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("write", "error"),
    [(lambda x: x.mul_(2), LEAF), (lambda x: x.__setitem__(slice(None), 1.0), LEAF),
     (lambda x: x.__setitem__(torch.tensor([0]), 1.0), LEAF),
     (lambda x: x.__setitem__(0, 1.0), VIEW_OF_LEAF), (lambda x: x[:2].mul_(2), VIEW_OF_LEAF),
     (lambda x: x.view(3, 1).zero_(), VIEW_OF_LEAF),
     (lambda x: torch.ones(3)[:2].requires_grad_().mul_(2), VIEW_OF_LEAF),
     (lambda x: [row.mul_(2) for row in x * 1], "^Output 0 of Unbind is a view and is being"),
     (lambda x: [row.mul_(x[0]) for row in torch.ones(3)], "returns multiple views"),
     (lambda x: (x * 1)[:2].detach_(), "^Can't detach views in-place. Use detach()")],
)  # fmt: skip
def test_forbidden_writes(write, error):
    with pytest.raises(RuntimeError, match=error):
        write(vector())


def test_views_made_without_gradients_must_not_follow_a_write():
    x = vector()
    y = x * 1
    with torch.no_grad():
        v = y[:2]
    with pytest.raises(RuntimeError, match="^A view was created in no_grad mode and is being mod"):
        v.mul_(2)
    y.mul_(2)
    assert v.requires_grad and "Invalid" in repr(v)
    with pytest.raises(RuntimeError, match="and its base or another view of its base has been"):
        v * 2


def test_detached_memory_is_written_without_history_and_noticed():
    x = vector()
    y = x * 1
    z, d = y * y, y.detach()
    d.mul_(3)
    assert (d._is_view(), y._version, y.tolist()) == (False, 1, [3.0, 6.0, 9.0])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_bases_and_what_is_a_view():
    y = vector() * 1
    assert y[:2]._base is y and y[:2][0]._base is y and y._base is None
    assert y.view(3)._is_view() and y[None]._is_view() and y.sum()[None]._is_view()
    turned = torch.ones(2, 3).t()
    copies = (y[torch.tensor([0])], y[y > 1], y.clone(), y.flip((0,)), turned.reshape(6))
    assert [t._is_view() for t in copies] == [False] * 5
    flipped = y.flip((0,))
    flipped.zero_()
    assert y.tolist() == [1.0, 2.0, 3.0] and y.flatten() is y
    with pytest.raises(RuntimeError, match="^view size is not compatible"):
        turned.view(6)


def test_retained_gradients_follow_a_write():
    x = vector()
    y = x * 2
    y.retain_grad()
    y[:2].mul_(3)
    y.sum().backward()
    assert y.retains_grad
    assert (y.grad.tolist(), x.grad.tolist()) == ([1, 1, 1], [6, 6, 2])


def test_what_a_rule_reads_must_not_be_overwritten():
    x = vector()
    y = x * 1
    y.exp_()
    y.mul_(2)
    with pytest.raises(RuntimeError, match="is at version 2; expected version 1"):
        y.sum().backward()


def square():
    """A matrix without gradients."""
    return torch.arange(4.0).reshape(2, 2)


@pytest.mark.parametrize(
    "write",
    [lambda m: m.view(4).__setitem__(slice(1, None), m.view(4)[:-1]), lambda m: m.add_(m.t()),
     lambda m: m.copy_(m.t()), lambda m: m.mul_(m[0]), lambda m: m.pow_(m[0, 0]),
     lambda m: m.view(4)[1:].add_(m.view(4)[:-1]),
     lambda m: m.__setitem__(torch.tensor([0]), m[0]), lambda m: m[0:1].add_(m[0])],
)  # fmt: skip
def test_overlapping_operands_are_refused(write):
    with pytest.raises(RuntimeError, match=SHARED):
        write(square())


def test_operands_that_overlap_in_full_or_not_are_taken():
    m = square()
    m.add_(m).sub_(m.view(2, 2))
    m[0] = m[:, 0]
    m[:1] = m[0]
    assert m.tolist() == [[0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    "write",
    [lambda e: e.mul_(2), lambda e: e.copy_(torch.arange(3.0)),
     lambda e: e.__setitem__(slice(0, 2), 5.0)],
)  # fmt: skip
def test_repeated_elements_are_not_written(write):
    with pytest.raises(RuntimeError, match=REPEATED):
        write(torch.ones(1).expand(3))


def test_writes_through_expand_that_pytorch_takes():
    e = torch.ones(1).expand(3)
    e[0] = 5.0
    assert e.tolist() == [5.0, 5.0, 5.0] and e.zero_().tolist() == [0.0, 0.0, 0.0]
    assert torch.ones(3).expand(3).mul_(2).tolist() == [2.0, 2.0, 2.0]


def test_index_tensors_between_other_parts():
    m, i = torch.arange(24.0).reshape(2, 3, 4), torch.tensor([0, 1])
    mask = torch.tensor([True, False, True])
    keys = [(0, slice(None), i), (i, slice(None), i), (slice(None), i), (None, i), (..., i), (i, i),
            (i, 0), (slice(None), mask), (slice(None), [0, 2]), (0, [0, -1]), (i[:, None], i),
            torch.tensor(1), True, (slice(1, None), [0, 2], None)]  # fmt: skip
    shapes = [(3, 2), (2, 3), (2, 2, 4), (1, 2, 3, 4), (2, 3, 2), (2, 4), (2, 4), (2, 2, 4),
              (2, 2, 4), (2, 4), (2, 2, 4), (3, 4), (1, 2, 3, 4), (1, 2, 1, 4)]  # fmt: skip
    assert [tuple(m[key].shape) for key in keys] == shapes
    x = torch.ones((2, 3), requires_grad=True)
    (x[:, torch.tensor([0, 0, -1])] * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [[3.0, 0.0, 3.0]] * 2


@pytest.mark.parametrize(
    ("key", "kind", "error"),
    [((0, -4), IndexError, "index -4 is out of bounds for dimension 1 with size 3"),
     ((torch.tensor([5]),), IndexError, "index 5 is out of bounds for dimension 0 with size 2"),
     ((0, 0, 0), IndexError, "too many indices for tensor of dimension 2"),
     (torch.tensor([1.0]), IndexError, "tensors used as indices must be long, int, byte or bool"),
     (1.5, IndexError, "only integers, slices"),
     (torch.tensor([True]), IndexError, r"The shape of the mask \[1\] at index 0 does not match"),
     (slice(None, None, -1), ValueError, "step must be greater than zero")],
)  # fmt: skip
def test_wrong_keys(key, kind, error):
    with pytest.raises(kind, match=error):
        torch.ones(2, 3)[key]


@pytest.mark.parametrize(
    ("key", "value", "kind", "error"),
    [(slice(None), torch.ones(2), RuntimeError, r"^The expanded size of the tensor \(3\)"),
     (torch.tensor([0, 1]), torch.ones(3), RuntimeError, "shape mismatch: value tensor of shape"),
     (torch.tensor([0]), torch.ones(1, dtype=torch.float64), RuntimeError, "Index put requires"),
     (0, "a", TypeError, "can't assign a str to a torch.FloatTensor")],
)  # fmt: skip
def test_wrong_values(key, value, kind, error):
    with pytest.raises(kind, match=error):
        torch.ones(3)[key] = value
