"""tf.function, and whether functions run as plain Python."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from framework.engine import eagerly
from framework.engine.compile.function import Function


def function(
    func: Callable | None = None,
    input_signature: Any = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    experimental_implements: str | None = None,
    experimental_autograph_options: Any = None,
    experimental_attributes: dict | None = None,
    experimental_relax_shapes: bool | None = None,
    experimental_compile: bool | None = None,
    experimental_follow_type_hints: bool | None = None,
) -> Any:
    """func, traced once for each signature of its arguments and run compiled; also a decorator.

    input_signature: TensorSpecs that the arguments must fit. autograph=False: TraceError where the
    function asks for the value of a traced tensor, instead of running it as plain Python.
    jit_compile=True: kernels are made ready at the first call instead of the third.
    reduce_retracing=True: sizes that differ between two calls are left open from then on.
    experimental_relax_shapes and experimental_compile: old names of reduce_retracing and
    jit_compile; the other experimental ones say nothing here.
    """
    jit_compile = experimental_compile if jit_compile is None else jit_compile
    settings = {
        "input_signature": input_signature, "autograph": autograph, "jit_compile": jit_compile,
        "reduce_retracing": reduce_retracing or bool(experimental_relax_shapes),
    }  # fmt: skip
    return functools.partial(function, **settings) if func is None else Function(func, **settings)


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Let tf.function run its functions as plain Python, or compile them again."""
    eagerly.set_eager(run_eagerly)


def functions_run_eagerly() -> bool:
    """Whether tf.function runs its functions as plain Python."""
    return eagerly.is_eager()
