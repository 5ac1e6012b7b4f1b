"""Record what TensorFlow's linear algebra gives, for tests/doors/test_linalg.py.

    python tests/golden/record_linalg.py      (in an environment with tensorflow)

Writes tests/doors/linalg.json: values and gradients of first and second order of the cases below,
or the error. A case is [expression in tf and the inputs x, y, z, inputs]; an input is a shape
(random normal numbers), or ["definite", shape], ["lower", shape], ["regular", shape].
"""

import json
import os
from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parents[1] / "doors" / "linalg.json"
S, T, W = (2, 3, 3), (4, 3), (3, 4)
D, L, R = ["definite", S], ["lower", S], ["regular", S]
# What does not depend on the signs of eigenvectors and singular vectors.
EIGH = "(lambda e, v: tf.matmul(v * tf.sin(e)[..., None, :], v, transpose_b=True))({})"
SVD = "(lambda s, u, v: tf.matmul(u * tf.sin(s)[..., None, :], v, transpose_b=True))({})"
WIDE = "(lambda s, u, v: tf.matmul(v, v * tf.constant([1., 2.], tf.float64), transpose_b=True))({})"

CASES = [
    ["tf.einsum('ij,jk->ik', x, y)", [T, W]],
    ["tf.einsum('ij,jk', x, y)", [T, W]],
    ["tf.einsum('ba', x)", [T]],
    ["tf.einsum('ii->i', x)", [(3, 3)]],
    ["tf.einsum('ii', x)", [(3, 3)]],
    ["tf.einsum('iij->j', x)", [(3, 3, 2)]],
    ["tf.einsum('i,i->', x, y)", [(4,), (4,)]],
    ["tf.einsum('i,j->ji', x, y)", [(4,), (3,)]],
    ["tf.einsum('ij->', x)", [T]],
    ["tf.einsum('ijk->k', x)", [S]],
    ["tf.einsum('ij,k->k', x, y)", [T, (2,)]],
    ["tf.einsum('bij,bjk->bik', x, y)", [S, (2, 3, 4)]],
    ["tf.einsum('...ij,...jk->...ik', x, y)", [(2, 1, 3, 3), (4, 3, 2)]],
    ["tf.einsum('...ij,jk->...ik', x, y)", [S, (3, 2)]],
    ["tf.einsum('...i->i...', x)", [S]],
    ["tf.einsum('...ii->...', x)", [S]],
    ["tf.einsum('i...,...->...', x, y)", [(3, 2), (4, 1)]],
    ["tf.einsum('...,...->...', x, y)", [(4, 1), (1, 3)]],
    ["tf.einsum('bhqd,bhkd->bhqk', x, y)", [(2, 2, 3, 4), (2, 2, 5, 4)]],
    ["tf.einsum('ij,jk,kl->il', x, y, z)", [T, W, (4, 2)]],
    ["tf.einsum('bi,ij,bj->b', x, y, z)", [(2, 3), (3, 4), (2, 4)]],
    ["tf.einsum('i,i,i->', x, y, z)", [(3,), (3,), (3,)]],
    ["tf.einsum(' ij , jk -> ki ', x, y)", [T, W]],
    ["tf.einsum('ij->ijj', x)", [T]],
    ["tf.einsum('ij->k', x)", [T]],
    ["tf.einsum('ij,jk->ik', x, y)", [T, T]],
    ["tf.einsum('ij->i', x)", [S]],
    ["tf.einsum('...j->j', x)", [S]],
    ["tf.einsum('ij,ij', x, y)", [(2, 1), (2, 3)]],
    ["tf.einsum('ij->', x, y)", [T, T]],
    ["tf.tensordot(x, y, 1)", [T, W]],
    ["tf.tensordot(x, y, 0)", [T, (2,)]],
    ["tf.tensordot(x, y, [[0, 2], [2, 1]])", [(2, 4, 3), (5, 3, 2)]],
    ["tf.tensordot(x, y, [[-1], [0]])", [S, (3, 2)]],
    ["tf.tensordot(x, y, [0, 0])", [(3,), (3,)]],
    ["tf.tensordot(x, y, 2)", [T, T]],
    ["tf.tensordot(x, y, 3)", [T, T]],
    ["tf.tensordot(x, y, -1)", [T, T]],
    ["tf.tensordot(x, y, 1)", [T, T]],
    ["tf.tensordot(x, y, [[0], [0, 1]])", [T, T]],
    ["tf.linalg.trace(x)", [(2, 3, 4)]],
    ["tf.linalg.diag(x)", [(2, 3)]],
    ["tf.linalg.diag(x, k=-1, padding_value=7)", [(2, 3)]],
    ["tf.linalg.diag(x, k=1, num_rows=3, num_cols=5)", [(2, 3)]],
    ["tf.linalg.diag(x, k=(-1, 1))", [(2, 3, 3)]],
    ["tf.linalg.diag(x, k=(-1, 0), align='LEFT_RIGHT')", [(2, 2, 3)]],
    ["tf.linalg.diag(x, k=(1, 2), num_cols=4)", [(2, 3)]],
    ["tf.linalg.diag(x, k=1, num_rows=1)", [(2, 3)]],
    ["tf.linalg.diag(x, k=(1, 0))", [(2, 3)]],
    ["tf.linalg.diag(x, k=(0, 1))", [(3, 3)]],
    ["tf.linalg.diag_part(x)", [(2, 3, 4)]],
    ["tf.linalg.diag_part(x, k=2)", [(2, 3, 4)]],
    ["tf.linalg.diag_part(x, k=(-2, 1), padding_value=9)", [(2, 3, 4)]],
    ["tf.linalg.diag_part(x, k=(-2, 2), align='LEFT_RIGHT')", [(4, 3)]],
    ["tf.linalg.diag_part(x, k=(-1, 1), align='LEFT_LEFT')", [(4, 3)]],
    ["tf.linalg.diag_part(x, k=(-1, 1), align='RIGHT_RIGHT')", [(3, 4)]],
    ["tf.linalg.diag_part(x, k=5)", [(2, 3)]],
    ["tf.linalg.diag_part(x)", [(3,)]],
    ["tf.linalg.set_diag(x, y)", [(2, 3, 4), (2, 3)]],
    ["tf.linalg.set_diag(x, y, k=-1)", [(3, 4), (2,)]],
    ["tf.linalg.set_diag(x, y, k=(-1, 1))", [(3, 4), (3, 3)]],
    ["tf.linalg.set_diag(x, y, k=(-1, 1), align='LEFT_RIGHT')", [(3, 3), (3, 3)]],
    ["tf.linalg.set_diag(x, y)", [(2, 3), (3,)]],
    ["tf.linalg.band_part(x, 1, 0)", [(2, 3, 4)]],
    ["tf.linalg.band_part(x, -1, 1)", [(4, 3)]],
    ["tf.linalg.band_part(x, 5, 0)", [(3, 3)]],
    ["tf.linalg.band_part(x, 0, 0)", [(3,)]],
    ["tf.linalg.cross(x, y)", [T, T]],
    ["tf.linalg.cross(x, y)", [T, (3,)]],
    ["tf.linalg.adjoint(x)", [S]],
    ["tf.linalg.cholesky(x)", [D]],
    ["tf.linalg.cholesky(x)", [["definite", (3, 3)]]],
    ["tf.linalg.cholesky(x)", [T]],
    ["tf.linalg.cholesky(x)", [(3,)]],
    ["tf.linalg.cholesky_solve(x, y)", [L, (2, 3, 2)]],
    ["tf.linalg.cholesky_solve(x, y)", [L, (3, 2)]],
    ["tf.linalg.qr(x)", [T]],
    ["tf.linalg.qr(x)", [S]],
    ["tf.linalg.qr(x)", [W]],
    ["tf.linalg.qr(x, full_matrices=True)", [W]],
    ["tf.linalg.qr(x, full_matrices=True)[1]", [S]],
    ["tf.linalg.qr(x).r", [T]],
    ["tf.linalg.svd(x, compute_uv=False)", [(2, 4, 3)]],
    ["tf.linalg.svd(x, full_matrices=True)[0]", [T]],
    [SVD.format("*tf.linalg.svd(x)"), [S]],
    [SVD.format("*tf.linalg.svd(x)"), [T]],
    [SVD.format("*tf.linalg.svd(x)"), [W]],
    [WIDE.format("*tf.linalg.svd(x)"), [(2, 4)]],
    [WIDE.format("*tf.linalg.svd(x)"), [(4, 2)]],
    ["tf.linalg.eigvalsh(x)", [D]],
    ["tf.linalg.eigvalsh(x)", [(3, 3)]],
    ["tf.linalg.eigh(x)[0]", [(3, 3)]],
    [EIGH.format("*tf.linalg.eigh(x)"), [D]],
    [EIGH.format("*tf.linalg.eigh(x)"), [(3, 3)]],
    ["tf.linalg.eigh(x)[0]", [T]],
    ["tf.linalg.solve(x, y)", [R, (2, 3, 2)]],
    ["tf.linalg.solve(x, y, adjoint=True)", [R, (2, 3, 1)]],
    ["tf.linalg.solve(x, y)", [R, (3, 1)]],
    ["tf.linalg.solve(x, y)", [R, (2, 4, 1)]],
    ["tf.linalg.solve(x * 0, y)", [R, (2, 3, 1)]],
    ["tf.linalg.triangular_solve(x, y)", [L, (2, 3, 2)]],
    ["tf.linalg.triangular_solve(x, y)", [R, (3, 2)]],
    ["tf.linalg.triangular_solve(x, y, lower=False)", [R, (2, 3, 2)]],
    ["tf.linalg.triangular_solve(x, y, adjoint=True)", [["regular", (3, 3)], (2, 3, 2)]],
    ["tf.linalg.triangular_solve(x, y, lower=False, adjoint=True)", [R, (2, 3, 2)]],
    ["tf.linalg.triangular_solve(x, y)", [R, (2, 4, 2)]],
    ["tf.linalg.triangular_solve(x, y)", [R, (3,)]],
    ["tf.linalg.det(x)", [S]],
    ["tf.linalg.det(x)", [T]],
    ["tf.linalg.slogdet(x)", [S]],
    ["tf.linalg.slogdet(x).sign", [S]],
    ["tf.linalg.slogdet(x).log_abs_determinant", [S]],
    ["tf.linalg.logdet(x)", [D]],
    ["tf.linalg.inv(x)", [R]],
    ["tf.linalg.inv(x, adjoint=True)", [R]],
    ["tf.linalg.inv(x * 0)", [R]],
    ["tf.linalg.inv(x)", [T]],
    ["tf.linalg.expm(x)", [S]],
    ["tf.linalg.expm(x * 5)", [S]],
    ["tf.linalg.expm(x * 0.01)", [(3, 3)]],
    ["tf.linalg.expm(x)", [T]],
    ["tf.linalg.lstsq(x, y)", [(2, 4, 3), (2, 4, 2)]],
    ["tf.linalg.lstsq(x, y)", [W, (3, 1)]],
    ["tf.linalg.lstsq(x, y, l2_regularizer=0.5)", [(2, 4, 3), (2, 4, 2)]],
    ["tf.linalg.lstsq(x, y, l2_regularizer=0.5)", [W, (3, 1)]],
    ["tf.math.polyval([x, y, z], y)", [(), (3,), (3,)]],
    ["tf.math.polyval([x], y)", [(3,), ()]],
    ["tf.math.polygamma(tf.constant(2.0, tf.float64), x * x)", [(4,)]],
    ["tf.math.digamma(x)", [(6,)]],
    ["tf.math.lgamma(x)", [(6,)]],
    ["tf.math.divide_no_nan(x, y * tf.constant([0.0, 1, 0], tf.float64))", [T, (3,)]],
    ["tf.math.multiply_no_nan(x, y * tf.constant([0.0, 1, 0], tf.float64))", [T, (3,)]],
    ["tf.math.xlogy(x * tf.constant([0.0, 1, 0], tf.float64), y * y)", [T, (3,)]],
    ["tf.math.xdivy(x * tf.constant([0.0, 1, 0], tf.float64), y)", [T, (3,)]],
    ["tf.math.xlog1py(x * tf.constant([0.0, 1, 0], tf.float64), y * y)", [T, (3,)]],
    ["tf.math.divide_no_nan(tf.constant([1, 2]), tf.constant([0, 2]))", []],
    ["tf.math.multiply_no_nan(tf.constant([np.nan, np.inf, 2.0]), tf.constant([0.0, 0, 1]))", []],
    ["tf.math.digamma(tf.constant([0.0, -1, -2.5, np.inf, np.nan, 1e-8]))", []],
    ["tf.math.lgamma(tf.constant([0.0, -1, -2.5, np.inf, -np.inf, np.nan]))", []],
    ["tf.math.erfinv(tf.constant([-1.0, 1, 1.5, 0, np.nan]))", []],
    ["tf.math.polygamma(tf.constant([0.0, 1, 2, -1, 1.5]), tf.constant([1.0, 2, 3, 2, 2]))", []],
    ["tf.acosh(tf.constant([1, 2]))", []],
    ["tf.einsum('ij->ji', tf.constant([[1, 2], [3, 4]]))", []],
    ["tf.einsum('i,i->i', tf.constant([1, 2]), tf.constant([3.0, 4.0]))", []],
    ["tf.linalg.inv(tf.constant([[np.nan, 1.0], [1.0, 2.0]]))", []],
    ["tf.linalg.expm(tf.constant([[np.nan, 1.0], [1.0, 2.0]]))", []],
    ["tf.linalg.svd(tf.constant([[np.nan, 1.0], [1.0, 2.0]]), compute_uv=False)", []],
    ["tf.linalg.eigh(tf.constant([[np.nan, 1.0], [1.0, 2.0]]))", []],
    ["tf.linalg.slogdet(tf.ones((2, 2)))", []],
    ["tf.linalg.cholesky(tf.constant([[4.0, 99.0], [2.0, 3.0]]))", []],
    ["tf.linalg.band_part(tf.linalg.cholesky(tf.constant([[1.0, 2], [2, 1]])), -1, 0)[1]", []],
    ["tf.linalg.triangular_solve(tf.zeros((2, 2)), tf.ones((2, 1)))", []],
    ["tf.linalg.cholesky(tf.constant([[4, 1], [1, 3]]))", []],
]  # fmt: skip


def array_of(description, rng):
    """The input that a case describes."""
    kind, shape = ("", description) if description[:1] not in KINDS else description
    x = np.round(rng.normal(size=shape), 3)
    return KINDS[(kind,)](x) if kind else x


KINDS = {
    ("definite",): lambda x: x @ np.swapaxes(x, -1, -2) + np.diag(np.arange(1.0, x.shape[-1] + 1)),
    ("lower",): lambda x: np.tril(x) + 3 * np.eye(x.shape[-1]),
    ("regular",): lambda x: x + 3 * np.eye(x.shape[-1]),
}


def inputs_of(case):
    """The arrays of a case."""
    rng = np.random.default_rng(len(case[0]))
    return [array_of(tuple(d), rng) for d in case[1]]


def run(tf, case):
    """[values, gradients of a weighted sum, gradients of their squares' sum], or the error."""
    xs = [tf.constant(a) for a in inputs_of(case)]
    scope = {"tf": tf, "np": np, **dict(zip("xyz", xs, strict=False))}
    try:
        with tf.GradientTape(persistent=True) as second:
            second.watch(xs)
            with tf.GradientTape() as first:
                first.watch(xs)
                outs = tf.nest.flatten(eval(case[0], scope))
                total = sum([tf.reduce_sum(y * weights(tf, y)) for y in outs if xs])
            found = first.gradient(total, xs) if xs else []
            norm = sum([tf.reduce_sum(tf.square(g)) for g in found if g is not None])
        again = second.gradient(norm, xs) if tf.is_tensor(norm) else []
    except Exception as error:
        return type(error).__name__
    return [described([y.numpy() for y in outs])] + [
        described([None if g is None else g.numpy() for g in grads]) for grads in (found, again)
    ]


def weights(tf, y):
    """1, 1.5, 2 ... in the shape of y."""
    return tf.constant(1 + 0.5 * np.arange(np.prod(y.shape)).reshape(y.shape), y.dtype)


def described(arrays):
    """[[dtype, values] or None]"""
    return [None if a is None else [a.dtype.name, a.tolist()] for a in arrays]


def main():
    """Write the file."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    record = {"version": tf.__version__, "results": [[c[0], run(tf, c)] for c in CASES]}
    FILE.write_text(json.dumps(record, indent=0).replace("\n", "") + "\n")


if __name__ == "__main__":
    main()
