"""Compiled kernels on disk, loaded by llvmlite alone. Numba is imported only to make one that is missing."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import json
import logging
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from framework.engine.compile import blas
from framework.engine.compile.entry import Entry

LOG = logging.getLogger("framework")
LOADED: dict[str, int] = {}  # key -> address
KEPT: list = []  # engines and callbacks that must stay alive
COMPILED: list[str] = []  # keys that this process had to compile


def folder() -> Path | None:
    """The cache folder, made if missing (mode 0700); None if it cannot be used or belongs to somebody else."""
    given = os.environ.get("FRAMEWORK_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = Path(given) if given else base / "framework" / "kernels"
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = path.stat()
    except OSError:
        return None
    if status.st_uid != os.getuid() or status.st_mode & 0o022:  # objects are executed: never another user's
        warn_once(f"kernel cache {path} is ignored: it belongs to or can be written by somebody else")
        return None
    return path


@functools.cache
def warn_once(message: str) -> None:
    """Log a warning the first time."""
    LOG.warning("%s", message)


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
def stamp() -> str:
    """What, besides its own text, a compiled object depends on."""
    binding, here = llvm(), Path(__file__)
    numba = Path(find_spec("numba").origin)  # found, not imported; importlib.metadata would cost 50 ms
    sources = [here.with_name("jit.py"), here.with_name("language.py"), here.with_name("entry.py"), here.parents[1] / "kernels" / "gemm.py", numba.with_name("_version.py")]
    texts = b"".join([path.read_bytes() for path in sources])
    machine = binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()
    return "|".join([*machine, sys.version, str(binding.llvm_version_info), hashlib.sha256(texts).hexdigest()])


def target_machine():
    """Code for this CPU."""
    binding = llvm()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        opt=3,
        codemodel="jitdefault",
        reloc="static",
    )


def addresses(entries: list[Entry]) -> list[int]:
    """The address of each entry's compiled function; missing ones are compiled and kept for the next process."""
    keys = [entry.key(stamp()) for entry in entries]
    missing = {k: e for k, e in zip(keys, entries, strict=True) if k not in LOADED}
    if missing:
        where = folder()
        load({key: stored(where, key) or make(where, key, entry) for key, entry in missing.items()})
    return [LOADED[key] for key in keys]


def stored(where: Path | None, key: str) -> tuple[dict, bytes] | None:
    """(head, object) from the disk; None if missing or torn (the checksum tells)."""
    try:
        head, _, body = (where / f"{key}.o").read_bytes().partition(b"\n") if where else (b"", b"", b"")
        parsed = json.loads(head)
        return (parsed, body) if parsed["sha256"] == hashlib.sha256(body).hexdigest() else None
    except (OSError, ValueError, KeyError):
        return None


def make(where: Path | None, key: str, entry: Entry) -> tuple[dict, bytes]:
    """Compile, and write a temporary file that takes the name at once: two processes may do this together."""
    from framework.engine.compile import jit

    symbol, externals, body = jit.compile_entry(entry)
    COMPILED.append(key)
    head = {"symbol": symbol, "externals": externals, "sha256": hashlib.sha256(body).hexdigest()}
    if where is not None:
        temporary = where / f"{key}.{os.getpid()}"
        try:
            temporary.write_bytes(json.dumps(head).encode() + b"\n" + body)
            temporary.replace(where / f"{key}.o")
        except OSError as error:
            warn_once(f"kernel cache {where} cannot be written ({error.strerror}): kernels are compiled anew in every process")
            temporary.unlink(missing_ok=True)
    return head, body


def load(objects: dict[str, tuple[dict, bytes]]) -> None:
    """Link object files into the process.

    Note [Externals]  One unresolved symbol makes MCJIT resolve all to 0. What neither the process nor we have belongs to
    Numba's error paths, which our kernels never take: they get an address that ends the process with a message.
    """
    binding = llvm()
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target_machine())
    for head, body in objects.values():
        for name in head["externals"]:
            if not binding.address_of_symbol(name):
                binding.add_symbol(name, ctypes.cast(dead_end(), ctypes.c_void_p).value)
        engine.add_object_file(binding.ObjectFileRef.from_data(body))
    engine.finalize_object()
    KEPT.append(engine)
    LOADED.update({key: engine.get_function_address(head["symbol"]) for key, (head, _) in objects.items()})


@functools.cache
def dead_end():
    """Where an error path of compiled code ends."""

    def stop():
        os.write(2, b"framework: a compiled kernel took an error path\n")
        os.abort()

    return ctypes.CFUNCTYPE(None)(stop)
