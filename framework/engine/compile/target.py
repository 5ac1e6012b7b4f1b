"""The machine kernels are compiled for: LLVM, the CPU, and what a compiled object depends on."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from framework.engine.compile import blas

# What Numba's code mentions on paths that end in a Python exception, or that free what we never
# allocate. Kernels may mention nothing else of Numba's: it is not there in a warm process.
DEAD = {
    "numba_gil_ensure", "numba_gil_release", "numba_unpickle", "numba_do_raise",
    "numba_runtime_build_excinfo_struct", "NRT_MemInfo_call_dtor", "NRT_Free",
}  # fmt: skip
ELF_SYMBOL = np.dtype(
    [("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"), ("value", "<u8", 2)]
)


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


def is_dead(name: str) -> bool:
    """True for what only error paths call: our kernels never take them."""
    return name in DEAD or name.startswith("Py")


@functools.cache
def builtins() -> ctypes.CDLL | None:
    """The C compiler's own functions (__powidf2, __divti3 ...), which LLVM may call; None where
    there is no such library."""
    try:
        return ctypes.CDLL("libgcc_s.so.1")
    except OSError:
        return None


def address_of(name: str) -> int | None:
    """The address of an external function; None where nothing in this process has it."""
    known = llvm().address_of_symbol(name)
    libraries = () if known else (libm(), builtins())
    found = [getattr(library, name) for library in libraries if hasattr(library, name)]
    return known or (ctypes.cast(found[0], ctypes.c_void_p).value if found else None)


def undefined(body: bytes) -> list[str]:
    """The symbols that an object file wants from elsewhere, those of LLVM's making among them
    (memset, __powidf2: no text before the object has their names). ELF only, else none."""
    sections = llvm().ObjectFileRef.from_data(body).sections()
    parts = {s.name(): s.data() for s in sections if s.name() in (b".symtab", b".strtab")}
    if len(parts) < 2:
        return []
    texts, rows = parts[b".strtab"], np.frombuffer(parts[b".symtab"], ELF_SYMBOL)[1:]
    starts = [int(row["name"]) for row in rows if not row["section"]]
    return [texts[start : texts.index(b"\0", start)].decode() for start in starts]


@functools.cache
def stamp() -> str:
    """What, besides its own text, a compiled object depends on."""
    binding, here = llvm(), Path(__file__)
    found = find_spec("numba")  # found, not imported; importlib.metadata would cost 50 ms
    version = Path(str(found and found.origin)).with_name("_version.py")
    sources = [
        here.with_name(f"{name}.py")
        for name in ("jit", "language", "entry", "sum_entry", "dispatch")
    ]
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
