"""All ops under NumPy's names; and the one place that binds the operators + @ ... to Tensor."""

from __future__ import annotations

import warnings
from typing import Any

from framework.engine.op import OPS
from framework.engine.ops import (
    activation,
    arrange,
    attention,
    attention_dropout,
    broadcast,
    checks,
    collective,
    convolution,
    create,
    decomposition,
    depthwise_convolution,
    elementwise,
    functions,
    gamma,
    gru,
    index,
    linalg,
    logical,
    lstm,
    moments,
    nn,
    normalization,
    operators,
    patches,
    places,
    pooling,
    random,
    reduce,
    rows,
    scan,
    scatter,
    segment,
    shape,
    simple_rnn,
    solve,
    sorting,
    sparse_cross_entropy,
    special,
    ufuncs,
    update,
    winograd,
)

globals().update(
    OPS
)  # ops.sum is the op that ops/broadcast.py declares as sum_: no builtin is shadowed there
from framework.engine.dimension import largest  # noqa: E402
from framework.engine.open_calls import sizes_of  # noqa: E402
from framework.engine.ops.activation import gelu, hard_sigmoid, hard_silu  # noqa: E402
from framework.engine.ops.arrange import (  # noqa: E402
    concatenate,
    expand_dims,
    flip,
    mirrored,
    ones_like,
    repeat,
    split,
    squeeze,
    stack,
    swapaxes,
    tile,
    unstack,
)
from framework.engine.ops.attention_dropout import attention_dropout  # noqa: E402, F811
from framework.engine.ops.broadcast import zeros_like  # noqa: E402
from framework.engine.ops.contraction import einsum, tensordot  # noqa: E402
from framework.engine.ops.convolution import (  # noqa: E402
    convolution,  # noqa: F811
    convolve,
    convolve_transpose,
    depth_to_space,
    space_to_depth,
)
from framework.engine.ops.decomposition import least_squares, logdet  # noqa: E402
from framework.engine.ops.diagonal import (  # noqa: E402
    band_part,
    cross,
    diagonal_matrix,
    diagonal_part,
    set_diagonal,
    trace,
)
from framework.engine.ops.gru import gru  # noqa: E402, F811
from framework.engine.ops.index import boolean_mask  # noqa: E402
from framework.engine.ops.lstm import lstm  # noqa: E402, F811
from framework.engine.ops.moments import moments, std, variance  # noqa: E402, F811
from framework.engine.ops.nn import l2_normalize  # noqa: E402
from framework.engine.ops.patches import patches  # noqa: E402, F811
from framework.engine.ops.pooling import max_pool, mean_pool  # noqa: E402
from framework.engine.ops.random import random_between  # noqa: E402
from framework.engine.ops.scatter import (  # noqa: E402
    gather_nd,
    gather_of_batch,
    scatter_into,
    scatter_nd,
)
from framework.engine.ops.segment import segment_mean, segment_sqrt_n  # noqa: E402
from framework.engine.ops.simple_rnn import simple_rnn  # noqa: E402, F811
from framework.engine.ops.sized import counted, sized  # noqa: E402
from framework.engine.ops.solve import cholesky_solve  # noqa: E402
from framework.engine.ops.sorting import roll, sort, top_k, unique, value_of  # noqa: E402
from framework.engine.ops.windows import same_paddings  # noqa: E402
from framework.engine.tensor import as_tensor  # noqa: E402

operators.bind(OPS)
places.bind()
ufuncs.bind()

# log(0) and 1 / 0 are values like others here; NumPy names the calling module, so the user's own
# warnings stay
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"framework\.engine\.")


def __getattr__(name: str) -> Any:
    raise AttributeError(f"framework.engine.ops has no op {name!r}")
