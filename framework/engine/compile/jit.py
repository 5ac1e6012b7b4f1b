"""Compiles an Entry to an object file, through public means of Numba and llvmlite only. Runs on a
cache miss."""

from __future__ import annotations

import ast
import base64
import builtins
import json
import sys
from collections.abc import Callable

import numba
import numpy as np
from numba import njit, types

from framework.engine.compile import target
from framework.engine.compile.entry import Task
from framework.engine.compile.language import FAST, INT64, WORDS, language

SIGNATURES = {
    "kernel": types.void(WORDS, INT64, INT64),
    "vm": INT64(WORDS, INT64, INT64, WORDS, WORDS, INT64),
    "helper": types.void(WORDS, INT64, INT64),
    "function": INT64(INT64, INT64, INT64),  # of Python, by METH_FASTCALL: objects are addresses
}


class Retype(ast.NodeTransformer):
    """Float literals become real(...), else `1.0` makes a float32 kernel run in double; math.tanh
    becomes `tanh`."""

    def visit_Constant(self, node):
        """1.0 -> real(1.0)"""
        return (
            ast.Call(ast.Name("real", ast.Load()), [node], [])
            if isinstance(node.value, float)
            else node
        )

    def visit_Attribute(self, node):
        """math.tanh -> tanh"""
        if isinstance(node.value, ast.Name) and node.value.id == "math":
            return ast.Name(node.attr, node.ctx)
        return self.generic_visit(node)


def retyped(text: str, name: str, namespace: dict) -> Callable:
    """The function of a source text, compiled with the words of `namespace`."""
    tree = Retype().visit(ast.parse(text))
    definition = tree.body[0]
    definition.decorator_list, definition.name, definition.returns = [], name, None
    arguments = definition.args
    read = {
        node.id for part in definition.body for node in ast.walk(part) if isinstance(node, ast.Name)
    }
    kept = [a for a in arguments.kwonlyargs if a.arg in read]  # the others are for shapes
    arguments.args, arguments.kwonlyargs = arguments.args + kept, []
    arguments.kw_defaults, arguments.defaults = [], []
    exec(builtins.compile(ast.fix_missing_locations(tree), f"<{name}>", "exec"), namespace)
    return njit(**FAST)(namespace[name])


def llvm_text(task: Task) -> tuple[str, str]:
    """(symbol, LLVM text) of a task."""
    namespace = language(np.dtype(task.dtype))
    for name, text in task.functions.items():
        namespace[name] = retyped(text, name, namespace)
    exec(task.source, namespace)
    function = numba.cfunc(SIGNATURES[task.signature], **FAST)(namespace["entry"])
    return function.native_name, function.inspect_llvm()


def compile_task(task: Task) -> tuple[dict, bytes]:
    """(head, object file): the head names the symbol and the externals that the object calls.

    Note [Symbols]  Numba numbers its symbols by process, so objects of two processes may use one
    name for different code,
    and the linker would take the first. So the entry is named after its content hash and all else
    is internal.
    """
    symbol, text = llvm_text(task)
    module = target.llvm().parse_assembly(text)
    externals = []
    for value in (*module.functions, *module.global_variables):
        if value.is_declaration:
            if not value.name.startswith("llvm."):
                externals.append(value.name)
        elif value.name == symbol:
            value.name = task.symbol
        else:
            value.linkage = "internal"
    foreign = foreign_of(externals)
    if foreign:
        raise TypeError(
            f"kernel {' '.join(task.functions)} needs {', '.join(foreign)}, which a process "
            "without Numba lacks (allocations and reshape are such): write it with loops\n"
            f"{task.source}"
        )
    body = target.machine().emit_object(module)
    return {"symbol": task.symbol, "externals": target.undefined(body) or externals}, body


def foreign_of(externals: list[str]) -> list[str]:
    """The externals that only Numba has, but for those of error paths."""
    numbas = [n for n in externals if n.startswith(("numba_", "NRT_"))]
    return [n for n in numbas if not target.is_dead(n)]


def main() -> None:
    """A helper process of `cache.make`: tasks as JSON lines on stdin, {head, object} as JSON lines
    on stdout."""
    for line in sys.stdin:
        head, body = compile_task(Task(**json.loads(line)))
        print(json.dumps({"head": head, "body": base64.b64encode(body).decode()}), flush=True)


if __name__ == "__main__":
    main()
