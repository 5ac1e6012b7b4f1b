"""Addresses as typed pointers: memory that no array describes."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

INT64 = types.int64


def pointer_to(dtype):
    """int64 address -> typed pointer."""
    result = types.CPointer(dtype)

    @intrinsic
    def pointer(context, address):
        return result(INT64), lambda ctx, b, sig, args: b.inttoptr(
            args[0], ctx.get_value_type(result)
        )

    return pointer


@intrinsic
def start_of(context, array):
    """The pointer to the first element of an array."""

    def codegen(ctx, b, sig, args):
        return ctx.make_array(sig.args[0])(ctx, b, args[0]).data

    return types.CPointer(array.dtype)(array), codegen


@intrinsic
def after(context, pointer, count):
    """pointer + count elements"""
    return pointer(pointer, INT64), lambda ctx, b, sig, args: b.gep(args[0], [args[1]])


@intrinsic
def copy_elements(context, out, x, count):
    """`count` elements from x to out, which do not overlap."""

    def codegen(ctx, b, sig, args):
        size = ctx.get_abi_sizeof(ctx.get_value_type(sig.args[0].dtype))
        cgutils.raw_memcpy(b, args[0], args[1], args[2], size)
        return ctx.get_dummy_value()

    return types.void(out, x, INT64), codegen


@intrinsic
def clear_elements(context, out, count):
    """`count` elements of out become 0."""

    def codegen(ctx, b, sig, args):
        size = ctx.get_abi_sizeof(ctx.get_value_type(sig.args[0].dtype))
        cgutils.memset(b, args[0], b.mul(args[1], args[1].type(size)), 0)
        return ctx.get_dummy_value()

    return types.void(out, INT64), codegen


@intrinsic
def is_compact(context):
    """Said in a function: it is optimised for size, once, and never made part of its callers. For
    what decides where fast code goes: the compiler would spend seconds on it in each kernel.
    """

    def codegen(ctx, b, sig, args):
        b.function.attributes.add("noinline")
        b.function.attributes.add("optsize")
        return ctx.get_dummy_value()

    return types.void(), codegen


def scratch_of(size: int):
    """scratch(): address of `size` bytes that live as long as the calling function."""

    @intrinsic
    def scratch(context):
        def codegen(ctx, b, sig, args):
            count = ir.Constant(ir.IntType(64), size + 64)
            place = b.ptrtoint(cgutils.alloca_once(b, ir.IntType(8), size=count), ir.IntType(64))
            up = b.add(place, ir.Constant(ir.IntType(64), 63))
            return b.and_(up, ir.Constant(ir.IntType(64), -64))

        return INT64(), codegen

    return scratch
