"""Compiled kernels on disk, loaded by llvmlite alone. Numba is imported only to make one that is
missing."""

from __future__ import annotations

import base64
import ctypes
import dataclasses
import functools
import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

from framework.engine.compile import blas, target
from framework.engine.compile.entry import Entry, Task
from framework.engine.compile.progress import Progress
from framework.engine.machine import free_cores

LOG = logging.getLogger("framework")
LOADED: dict[str, int] = {}  # key -> address
KEPT: list = []  # engines and callbacks that must stay alive
CALL_BLAS: set[int] = set()  # addresses of those that call it
COMPILED: list[str] = []  # keys that this process had to compile
REFUSED: set[str] = set()  # keys of what the compiler could not make


def folder() -> Path | None:
    """The cache folder, made if missing (mode 0700); None if it cannot be used, belongs to
    somebody else, or nothing says where it is."""
    try:
        path = named_folder()
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = path.stat()
    except (OSError, RuntimeError):  # of Path.home(): no HOME, and no such user on this machine
        return None
    if (
        status.st_uid != os.getuid() or status.st_mode & 0o022
    ):  # objects are executed: never another user's
        warn_once(
            f"kernel cache {path} is ignored: it belongs to or can be written by somebody else"
        )
        return None
    return path


def named_folder() -> Path:
    """Where the cache is to be: FRAMEWORK_CACHE, or a folder of ours in that of all caches."""
    given = os.environ.get("FRAMEWORK_CACHE")
    if given:
        return Path(given)
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "framework" / "kernels"


@functools.cache
def warn_once(message: str) -> None:
    """Log a warning the first time."""
    LOG.warning("%s", message)


def addresses(entries: list[Entry]) -> list[int]:
    """The address of each entry's compiled function; missing ones are compiled and kept for the
    next process. 0 for what cannot be compiled; that was told in a warning."""
    keys = [entry.key(target.stamp()) for entry in entries]
    known = REFUSED.union(LOADED)
    missing = {k: e for k, e in zip(keys, entries, strict=True) if k not in known}
    if missing:
        load(objects_of(missing))
    return [LOADED.get(key, 0) for key in keys]


def objects_of(entries: dict[str, Entry]) -> dict[str, tuple[dict, bytes]]:
    """The compiled objects of entries by their keys, from the disk or the compiler; without those
    that it refuses."""
    where = folder()
    stored_ones = {key: stored(where, key) for key in entries}
    found = {key: each for key, each in stored_ones.items() if each is not None}
    tasks = {key: e.task(f"framework_{key}") for key, e in entries.items() if key not in found}
    made = make(tasks)
    for key, (head, body) in made.items():
        COMPILED.append(key)
        store(where, key, head, body)
    return found | made


def is_at_hand(entry: Entry) -> bool:
    """True if the compiled function is loaded or on the disk."""
    key, where = entry.key(target.stamp()), folder()
    return key in LOADED or (where is not None and (where / f"{key}.o").exists())


def stored(where: Path | None, key: str) -> tuple[dict, bytes] | None:
    """(head, object) from the disk; None if missing, damaged (the checksum tells) or another's."""
    if where is None:
        return None
    try:
        checksum, _, rest = (where / f"{key}.o").read_bytes().partition(b"\n")
        if checksum.decode() != hashlib.sha256(rest).hexdigest():
            return None
        text, _, body = rest.partition(b"\n")
        head = json.loads(text)
        return (head, body) if head["symbol"] == f"framework_{key}" else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def make(tasks: dict[str, Task]) -> dict[str, tuple[dict, bytes]]:
    """Compile: half a second each, so many are shared with helper processes, one per free core."""
    if not tasks:
        return {}
    helpers = min(free_cores(), len(tasks) // 3) - 1
    shares = [list(tasks)[i :: max(helpers, 0) + 1] for i in range(max(helpers, 0) + 1)]
    progress = Progress([task.name for task in tasks.values()])
    started = [(share, start_helper([tasks[key] for key in share])) for share in shares[1:]]
    made: dict = {}
    try:
        for key in shares[0]:
            made[key] = compiled(key, tasks[key])
            progress.tick(len(made) + sum([answered(answers) for _, (_, answers) in started]))
        for share, (process, answers) in started:
            while not has_ended(process):
                progress.tick(len(made) + answered(answers))
            made |= dict(zip(share, answers_of(process, answers), strict=False))
        for key in [key for key in tasks if key not in made]:
            made[key] = compiled(key, tasks[key])
            progress.tick(len(made))
    finally:
        progress.end()
        for _, (process, _) in started:
            process.kill()  # after an interrupt; one that has ended does not mind
    return {key: found for key, found in made.items() if found is not None}


def has_ended(process: subprocess.Popen) -> bool:
    """Whether a helper has ended, after waiting for it for a moment."""
    try:
        process.wait(0.2)
    except subprocess.TimeoutExpired:
        return False
    return True


def answered(answers: IO[bytes]) -> int:
    """How many kernels a helper has made. Its place in the file is ours, too: it stays."""
    number = answers.fileno()
    return os.pread(number, os.fstat(number).st_size, 0).count(b"\n")


def compiled(key: str, task: Task) -> tuple[dict, bytes] | None:
    """(head, object) of a task. None where the compiler refuses it, whatever the reason (another
    version of it, a CPU that it does not know): the op's NumPy forward does the work then."""
    from framework.engine.compile import jit

    try:
        return jit.compile_task(task)
    except Exception as error:
        REFUSED.add(key)
        names = "+".join(task.functions)
        text = task.source if names in ("", "body") else names
        LOG.warning(
            "the compiler refuses this kernel, and NumPy does its work: %s: %s\n%s",
            type(error).__name__, str(error).split("\n")[0], text,
        )  # fmt: skip
        return None


def start_helper(tasks: list[Task]) -> tuple[subprocess.Popen, IO[bytes]]:
    """A process that compiles `tasks`, and the file of its answers; see jit.main."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join([p for p in sys.path if p])}
    env = {
        k: v for k, v in env.items() if not k.startswith(("OMPI_", "PMIX_", "PMI_", "SLURM_"))
    }  # it is no rank
    answers = tempfile.TemporaryFile()  # a file, not a pipe: it must not wait for us
    with tempfile.TemporaryFile() as questions:
        questions.write(
            "".join([json.dumps(dataclasses.asdict(task)) + "\n" for task in tasks]).encode()
        )
        questions.seek(0)
        command = [sys.executable, "-m", "framework.engine.compile.jit"]
        process = subprocess.Popen(
            command, env=env, stdin=questions, stdout=answers, stderr=subprocess.DEVNULL
        )
    return process, answers


def answers_of(process: subprocess.Popen, answers: IO[bytes]) -> list[tuple[dict, bytes]]:
    """What a helper made; nothing if it failed, then this process does its work."""
    with answers:
        if process.wait():
            return []
        answers.seek(0)
        replies = [json.loads(line) for line in answers]
    return [(reply["head"], base64.b64decode(reply["body"])) for reply in replies]


def store(where: Path | None, key: str, head: dict, body: bytes) -> None:
    """Write a temporary file that takes the name at once: two processes, or threads, may do this
    together."""
    if where is None:
        return
    temporary = where / f"{key}.{os.getpid()}.{threading.get_ident()}"
    rest = json.dumps(head).encode() + b"\n" + body
    try:
        temporary.write_bytes(hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
        temporary.replace(where / f"{key}.o")
    except OSError as error:
        warn_once(
            f"kernel cache {where} cannot be written ({error.strerror}): kernels are "
            "compiled anew in every process"
        )
        temporary.unlink(missing_ok=True)


def load(objects: dict[str, tuple[dict, bytes]]) -> None:
    """Link object files into the process.

    Note [Externals]  One unresolved symbol makes MCJIT end the process, so every one gets its
    address here, or the kernel is refused. C's mathematics come from libm. Numba's error paths,
    which our kernels never take, get an address that ends the process with a message.
    """
    binding = target.llvm()
    resolve({name for head, _ in objects.values() for name in head["externals"]})
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target.machine())
    for _, body in objects.values():
        engine.add_object_file(binding.ObjectFileRef.from_data(body))
    engine.finalize_object()
    KEPT.append(engine)
    found = {key: engine.get_function_address(f"framework_{key}") for key in objects}
    if not all(found.values()):
        lost = [key for key, address in found.items() if not address]
        raise RuntimeError(f"the compiled kernels {', '.join(lost)} lack their entry")
    CALL_BLAS.update([found[k] for k, (h, _) in objects.items() if blas.NAMES & {*h["externals"]}])
    LOADED.update(found)


def resolve(externals: set[str]) -> None:
    """Tell LLVM where the externals are; an error names those that are nowhere."""
    dead = ctypes.cast(dead_end(), ctypes.c_void_p).value
    places = {name: dead if target.is_dead(name) else target.address_of(name) for name in externals}
    missing = sorted([name for name, address in places.items() if not address])
    if missing:
        raise RuntimeError(
            f"compiled kernels call {', '.join(missing)}, which neither the C library nor the "
            "compiler's own has"
        )
    for name, address in places.items():
        target.llvm().add_symbol(name, address)


@functools.cache
def dead_end():
    """Where an error path of compiled code ends."""

    def stop():
        os.write(2, b"framework: a compiled kernel took an error path\n")
        os.abort()

    KEPT.append(ctypes.CFUNCTYPE(None)(stop))  # for good: threads may come here at once
    return KEPT[-1]
