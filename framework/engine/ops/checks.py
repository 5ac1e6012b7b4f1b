"""Ops that look at values and let them pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.engine.errors import InvalidArgumentError
from framework.engine.op import Sample, op
from framework.engine.tensor import Tensor

GRADIENT = "Not a number (NaN) or infinity (Inf) values detected in gradient. "


@op(Sample(((3, 4),)), Sample(((2,),), {"message": "x"}), floats_only=True)
def check_numerics(x, *, message=""):
    """x; InvalidArgumentError `message : Tensor had ...` if an element is infinite or NaN. The
    cotangent is checked as well."""
    if not np.isfinite(x).all():
        kinds = [n for n, bad in (("Inf", np.isinf), ("NaN", np.isnan)) if bad(x).any()]
        raise InvalidArgumentError(f"{message} : Tensor had {' and '.join(kinds)} values")
    return x.copy()


@check_numerics.vjp()
def _(g: Tensor, y: Tensor, x: Tensor, *, message: Any = "") -> tuple:
    return (check_numerics(g, message=GRADIENT + message),)


def print_nothing(*arrays: Any) -> None:
    """What a sample of hand_over calls."""


@op(
    Sample(((3,), (2, 2)), {"to": print_nothing}),
    infer=lambda *xs, to: (),
    outs=0,
    is_differentiable=False,
)
def hand_over(*xs, to):
    """Call to(*arrays): in a program at each run, in its place among the other lines."""
    to(*[np.array(x) for x in xs])
