"""TensorFlow's names for our things: a table. What it lacks raises AttributeError."""

from __future__ import annotations

import importlib
from typing import Any

from framework import __version__
from framework.engine import door
from framework.engine.custom import custom_gradient, grad_pass_through, recompute_grad
from framework.engine.dtypes import DTYPES, DType
from framework.engine.shapes import TensorShape
from framework.engine.slices import IndexedSlices
from framework.engine.tape import GradientTape
from framework.engine.tensor import Tensor
from framework.engine.variable import Variable, VariableAggregation, VariableSynchronization
from framework.tf import (
    bitwise,
    debugging,
    dtypes,
    errors,
    experimental,
    linalg,
    math,
    nest,
    nn,
    random,
    test,
    version,
)
from framework.tf.arithmetic import realdiv, saturate_cast, scalar_mul, truncatediv, truncatemod
from framework.tf.arrays import (
    boolean_mask,
    broadcast_to,
    cast,
    concat,
    ensure_shape,
    expand_dims,
    identity,
    one_hot,
    pad,
    repeat,
    reshape,
    reverse,
    slice,
    split,
    squeeze,
    stack,
    stop_gradient,
    strided_slice,
    tile,
    transpose,
    unstack,
    where,
)
from framework.tf.call import constant, convert_to_tensor
from framework.tf.clip import clip_by_global_norm, clip_by_norm, clip_by_value
from framework.tf.create import (
    executing_eagerly,
    eye,
    fill,
    is_tensor,
    linspace,
    ones,
    ones_like,
    range,
    rank,
    shape,
    size,
    zeros,
    zeros_like,
)
from framework.tf.debugging import Assert, assert_equal, assert_greater, assert_less
from framework.tf.indices import (
    bitcast,
    broadcast_dynamic_shape,
    broadcast_static_shape,
    control_dependencies,
    dynamic_partition,
    dynamic_stitch,
    get_logger,
    get_static_value,
    gradients,
    group,
    histogram_fixed_width,
    histogram_fixed_width_bins,
    identity_n,
    init_scope,
    name_scope,
    no_op,
    reverse_sequence,
    shape_n,
    timestamp,
    unravel_index,
)
from framework.tf.indices import tuple_ as tuple
from framework.tf.linalg import einsum, matmul, norm, tensordot
from framework.tf.math import (
    abs,
    acos,
    acosh,
    add,
    add_n,
    argmax,
    argmin,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cos,
    cosh,
    cumsum,
    divide,
    equal,
    exp,
    floor,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    pow,
    reduce_all,
    reduce_any,
    reduce_logsumexp,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_sum,
    round,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    subtract,
    tan,
    tanh,
    truediv,
)
from framework.tf.module import Module
from framework.tf.output import print
from framework.tf.scatter import (
    gather,
    gather_nd,
    scatter_nd,
    tensor_scatter_nd_add,
    tensor_scatter_nd_max,
    tensor_scatter_nd_min,
    tensor_scatter_nd_sub,
    tensor_scatter_nd_update,
)
from framework.tf.shapes import assert_rank
from framework.tf.sorting import (
    argsort,
    meshgrid,
    roll,
    searchsorted,
    sequence_mask,
    sort,
    unique,
    unique_with_counts,
)
from framework.tf.types import TensorSpec, UnconnectedGradients, as_dtype

bool = DTYPES["bool"]
int8, int16 = DTYPES["int8"], DTYPES["int16"]
int32, int64 = DTYPES["int32"], DTYPES["int64"]
uint8, uint16 = DTYPES["uint8"], DTYPES["uint16"]
uint32, uint64 = DTYPES["uint32"], DTYPES["uint64"]
float16, half = DTYPES["float16"], DTYPES["float16"]
float32, float64, double = DTYPES["float32"], DTYPES["float64"], DTYPES["float64"]
newaxis = None

LAZY = {
    "keras": "framework.keras",
    "initializers": "framework.keras.initializers",
    "losses": "framework.keras.losses",
    "metrics": "framework.keras.metrics",
    "optimizers": "framework.keras.optimizers",
    "data": "framework.data",
    "distributed": "framework.distributed",
    "train": "framework.tf.train",
    "autodiff": "framework.tf.autodiff",
    "config": "framework.tf.config",
}
CONTROL_FLOW = "case cond map_fn switch_case vectorized_map while_loop"
LATER = {  # names of modules that load more than a script of ops needs
    **dict.fromkeys(CONTROL_FLOW.split(), "framework.tf.control_flow"),
    **dict.fromkeys(("foldl", "foldr", "scan"), "framework.tf.folds"),
    "device": "framework.tf.device",
    "function": "framework.tf.functions",
}
INITIALIZERS = {
    "ones_initializer": "Ones",
    "zeros_initializer": "Zeros",
    "random_normal_initializer": "RandomNormal",
    "random_uniform_initializer": "RandomUniform",
}


def __getattr__(name: str) -> Any:
    if name in LAZY:
        return importlib.import_module(LAZY[name])
    if name in LATER:
        return getattr(importlib.import_module(LATER[name]), name)
    if name in INITIALIZERS:
        return getattr(importlib.import_module(LAZY["initializers"]), INITIALIZERS[name])
    raise door.missing("framework", name, __dir__())


HELPERS = {
    "Any",
    "CONTROL_FLOW",
    "DTYPES",
    "HELPERS",
    "INITIALIZERS",
    "LATER",
    "LAZY",
    "arithmetic",
    "control_flow",
    "folds",
    "functions",
    "draws",
    "generator",
    "indices",
    "numerics",
    "output",
    "shapes",
    "stateless",
    "annotations",
    "arrays",
    "call",
    "clip",
    "create",
    "door",
    "importlib",
    "scatter",
    "segment",
    "sorting",
    "types",
}


def __dir__() -> list[str]:
    return sorted(
        {n for n in globals() if not n.startswith("_")} - HELPERS | {*LAZY, *INITIALIZERS, *LATER}
    )
