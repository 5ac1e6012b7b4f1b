"""Compiles an Entry to an object file, through public means of Numba and llvmlite only. Runs on a cache miss."""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable

import numba
from numba import njit, types

from framework.engine.compile import cache
from framework.engine.compile.entry import Entry, used_attrs
from framework.engine.compile.language import FAST, INT64, WORDS, language

SIGNATURES = {"kernel": types.void(WORDS), "vm": INT64(WORDS, INT64, INT64, WORDS)}


class Retype(ast.NodeTransformer):
    """Float literals become real(...), else `1.0` makes a float32 kernel run in double; math.tanh becomes `tanh`."""

    def visit_Constant(self, node):
        """1.0 -> real(1.0)"""
        return ast.Call(ast.Name("real", ast.Load()), [node], []) if isinstance(node.value, float) else node

    def visit_Attribute(self, node):
        """math.tanh -> tanh"""
        if isinstance(node.value, ast.Name) and node.value.id == "math":
            return ast.Name(node.attr, node.ctx)
        return self.generic_visit(node)


def retyped(function: Callable, name: str, namespace: dict) -> Callable:
    """`function` read as source and compiled with the words of `namespace`."""
    tree = Retype().visit(ast.parse(textwrap.dedent(inspect.getsource(function))))
    definition = tree.body[0]
    definition.decorator_list, definition.name, definition.returns = [], name, None
    arguments = definition.args
    attrs = {name for name, _ in used_attrs(function)}
    kept = [a for a in arguments.kwonlyargs if a.arg in attrs]
    arguments.args, arguments.kwonlyargs = arguments.args + kept, []
    arguments.kw_defaults, arguments.defaults = [], []
    exec(builtins.compile(ast.fix_missing_locations(tree), f"<{name}>", "exec"), namespace)
    return njit(**FAST)(namespace[name])


def llvm_text(entry: Entry) -> tuple[str, str]:
    """(symbol, LLVM text) of an entry."""
    namespace = language(entry.dtype)
    for name, function in entry.functions.items():
        namespace[name] = retyped(function, name, namespace)
    exec(entry.source, namespace)
    function = numba.cfunc(SIGNATURES[entry.signature], **FAST)(namespace["entry"])
    return function.native_name, function.inspect_llvm()


def compile_entry(entry: Entry) -> tuple[str, list[str], bytes]:
    """(symbol, external symbols, object file)."""
    symbol, text = llvm_text(entry)
    module = cache.llvm().parse_assembly(text)
    declared = [f.name for f in (*module.functions, *module.global_variables) if f.is_declaration]
    externals = [name for name in declared if not name.startswith("llvm.")]
    return symbol, externals, cache.target_machine().emit_object(module)
