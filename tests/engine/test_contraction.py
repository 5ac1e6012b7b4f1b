"""Functions made of ops: einsum, tensordot, diagonals; against NumPy, eagerly and in programs."""

import numpy as np
import pytest

from framework.engine import ops
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.tensor import Tensor
from framework.testing.gradcheck import check_gradients

EQUATIONS = [
    ("ij,jk->ik", (3, 4), (4, 2)),
    ("ij,kj->", (3, 4), (2, 4)),
    ("iij,jk->ik", (3, 3, 4), (4, 2)),
    ("ii->", (3, 3)),
    ("iji->j", (3, 2, 3)),
    ("iii->i", (3, 3, 3)),
    ("ij,ij->ij", (3, 4), (3, 4)),
    ("i,jk->kij", (2,), (3, 4)),
    ("bi,bj->bij", (2, 3), (2, 4)),
    ("ijk,kl,jm->iml", (2, 3, 4), (4, 2), (3, 5)),
    ("i,ij,jk,k->", (2,), (2, 3), (3, 4), (4,)),
    ("...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 2)),
    ("i...->...i", (2, 3, 4)),
    ("...i,...i->...", (3, 1, 4), (2, 4)),
    ("ij,jk->ik", (0, 4), (4, 2)),
    ("ij,jk->ik", (3, 0), (0, 2)),
]


def numbers(*shapes):
    """Random arrays."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize(("equation", "shapes"), [(e, s) for e, *s in EQUATIONS])
def test_einsum_is_numpys(equation, shapes):
    arrays = numbers(*shapes)
    wanted = np.einsum(equation, *arrays)
    out = ops.einsum(equation, *map(Tensor, arrays)).numpy()
    assert out.shape == wanted.shape
    np.testing.assert_allclose(out, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("equation", "shapes"), [(e, s) for e, *s in EQUATIONS[:-2]])
def test_gradients_of_einsum(equation, shapes):
    check_gradients(lambda *xs: ops.einsum(equation, *xs), *numbers(*shapes))


FUNCTIONS = {
    "tensordot": (lambda x, y: ops.tensordot(x, y, ((0, 2), (2, 1))), (2, 4, 3), (5, 3, 2)),
    "cross": (ops.cross, (4, 3), (4, 3)),
    "trace": (ops.trace, (2, 3, 4)),
    "diagonal_part": (lambda x: ops.diagonal_part(x, (-1, 1)), (2, 3, 4)),
    "diagonal_matrix": (lambda x: ops.diagonal_matrix(x, (-1, 1)), (2, 3, 3)),
    "set_diagonal": (lambda x, y: ops.set_diagonal(x, y, -1), (2, 3, 4), (2, 2)),
    "band_part": (lambda x: ops.band_part(x, 1, 0), (3, 4)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients(name):
    function, *shapes = FUNCTIONS[name]
    check_gradients(function, *numbers(*shapes))


@pytest.mark.slow
def test_programs_give_the_same():
    arrays = numbers(*[shape for _, *shapes in EQUATIONS for shape in shapes])
    more = numbers(*[shape for _, *shapes in FUNCTIONS.values() for shape in shapes])

    def function(*tensors):
        rest = iter(tensors)
        outs = [ops.einsum(e, *[next(rest) for _ in shapes]) for e, *shapes in EQUATIONS]
        return outs + [f(*[next(rest) for _ in shapes]) for f, *shapes in FUNCTIONS.values()]

    run = Executable(trace(function, *arrays, *more))
    eager = function(*map(Tensor, [*arrays, *more]))
    for ours, wanted in zip(run(*arrays, *more), eager, strict=True):
        np.testing.assert_allclose(ours, wanted.numpy(), rtol=1e-12, atol=1e-12)


def test_a_band_of_infinities_has_zeros():
    x = Tensor(np.full((2, 2), np.inf))
    np.testing.assert_array_equal(ops.band_part(x, 0, 0).numpy(), [[np.inf, 0], [0, np.inf]])
