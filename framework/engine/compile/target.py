"""The machine kernels are compiled for: LLVM, the CPU, and what a compiled object depends on."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path

from framework.engine.compile import blas


@functools.cache
def llvm():
    """llvmlite's binding, started, with BLAS known to it."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    for name, address in blas.symbols().items():
        llvm.add_symbol(name, address)
    return llvm


@functools.cache
def libm() -> ctypes.CDLL:
    """The C library's mathematics; Python itself depends on it."""
    return ctypes.CDLL(ctypes.util.find_library("m") if sys.platform != "linux" else "libm.so.6")


@functools.cache
def stamp() -> str:
    """What, besides its own text, a compiled object depends on."""
    binding, here = llvm(), Path(__file__)
    found = find_spec("numba")  # found, not imported; importlib.metadata would cost 50 ms
    version = Path(str(found and found.origin)).with_name("_version.py")
    sources = [here.with_name(f"{name}.py") for name in ("jit", "language", "entry")]
    sources += [*sorted((here.parents[1] / "kernels").glob("*.py")), version]
    texts = b"".join([path.read_bytes() for path in sources])
    machine = binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()
    return "|".join(
        [*machine, sys.version, str(binding.llvm_version_info), hashlib.sha256(texts).hexdigest()]
    )


def machine():
    """Code for this CPU."""
    binding = llvm()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        opt=3,
        codemodel="jitdefault",
        reloc="static",
    )
