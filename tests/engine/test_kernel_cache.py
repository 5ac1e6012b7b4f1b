"""The kernel cache: cold, warm, torn, read-only, somebody else's, and two processes at once."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from framework.engine import ops
from framework.engine.compile import cache, jit, target
from framework.engine.compile.entry import Entry
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.tensor import Spec, Tensor

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
import numpy as np
from framework.engine import ops
from framework.engine.compile import cache
from framework.engine.compile.trace import trace
from framework.engine.compile.vm import Executable
from framework.engine.tensor import Tensor
x = Tensor(np.arange(6, dtype=np.float32).reshape(2, 3))
run = Executable(trace(lambda x: ops.tanh(x * 2.0 + 1.0), x))
np.testing.assert_allclose(run(x.array)[0], np.tanh(x.array * 2 + 1), rtol=1e-6)
print(len(cache.COMPILED), "numba" in sys.modules)
"""


def start(folder: Path, **options) -> subprocess.Popen:
    """A process that needs two kernels (the chain and the VM) with this cache folder; options: of
    Popen."""
    env = os.environ | {"FRAMEWORK_CACHE": str(folder), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(process: subprocess.Popen) -> tuple[str, str]:
    """(what it printed, what it complained about) of a process that must succeed."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.strip(), err


@pytest.fixture(scope="module")
def warm(tmp_path_factory) -> Path:
    """A cache folder that two processes filled at the same time."""
    folder = tmp_path_factory.mktemp("cache") / "kernels"
    for process in [start(folder), start(folder)]:
        assert finish(process)[0] == "2 True"
    return folder


def test_a_warm_process_neither_compiles_nor_imports_numba(warm):
    assert finish(start(warm))[0] == "0 False"
    assert len(list(warm.glob("*.o"))) == 2
    assert not [p for p in warm.iterdir() if p.suffix != ".o"], "a temporary file was left"


def test_a_torn_object_is_compiled_anew(warm, tmp_path):
    folder = tmp_path / "torn"
    folder.mkdir(mode=0o700)
    for path in warm.glob("*.o"):
        (folder / path.name).write_bytes(path.read_bytes()[:-100])
    assert finish(start(folder))[0] == "2 True"
    assert finish(start(folder))[0] == "0 False"


def copied(warm: Path, folder: Path) -> list[Path]:
    """The files of the warm cache in another folder."""
    folder.mkdir(mode=0o700)
    for path in warm.glob("*.o"):
        (folder / path.name).write_bytes(path.read_bytes())
    return sorted(folder.glob("*.o"))


HEADS = {
    "another symbol": lambda head: head | {"symbol": "framework_0"},
    "no symbol": lambda head: {"externals": head["externals"]},
    "a list": lambda head: [],
    "a number": lambda head: 3,
}


def test_a_wrong_head_is_a_missing_kernel(warm, tmp_path):
    for path in copied(warm, tmp_path / "heads"):
        _, head, body = path.read_bytes().split(b"\n", 2)
        for name, change in HEADS.items():
            rest = json.dumps(change(json.loads(head))).encode() + b"\n" + body
            path.write_bytes(hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
            assert cache.stored(path.parent, path.stem) is None, name
    assert finish(start(tmp_path / "heads"))[0] == "2 True"
    assert finish(start(tmp_path / "heads"))[0] == "0 False"


def test_every_wrong_byte_is_seen(warm, tmp_path):
    path = copied(warm, tmp_path / "bytes")[0]
    good = path.read_bytes()
    assert cache.stored(path.parent, path.stem) is not None
    for at in [*range(0, 400, 7), *range(400, len(good), 97)]:
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :])
        assert cache.stored(path.parent, path.stem) is None, at
    for length in range(0, 400, 9):
        path.write_bytes(good[:length])
        assert cache.stored(path.parent, path.stem) is None, length


def test_swapped_files_are_missing_kernels(warm, tmp_path):
    one, other = copied(warm, tmp_path / "swapped")
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    assert finish(start(tmp_path / "swapped"))[0] == "2 True"


CLEAR = """def entry(a, part, parts):
    x = pointer_uint8(a[2])
    for i in range(a[3]):
        x[i] = 0"""


def test_functions_that_llvm_brings_in_are_known():
    """LLVM makes this loop a call of memset, which no text before the object names."""
    head, body = jit.compile_task(Entry(CLEAR, {}).task("framework_clear"))
    assert head["externals"] == ["memset"]
    cache.load({"clear": (head, body)})
    x, address = np.ones(100, np.uint8), cache.LOADED.pop("clear")
    block = np.array([address, 4, x.ctypes.data, 90])
    ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(address)(block.ctypes.data, 0, 1)
    np.testing.assert_array_equal(x, np.arange(100) >= 90)


@pytest.mark.skipif(target.builtins() is None, reason="no libgcc_s here")
@pytest.mark.parametrize("name", ["__powidf2", "__powisf2", "__divti3", "pow", "expf", "memcpy"])
def test_functions_of_the_c_compiler_are_found(name):
    assert target.address_of(name)


def test_an_external_that_is_nowhere_is_refused():
    head, body = jit.compile_task(Entry(CLEAR, {}).task("framework_test"))
    missing = {"symbol": "framework_test", "externals": [*head["externals"], "framework_nowhere"]}
    with pytest.raises(RuntimeError, match="call framework_nowhere, which"):
        cache.load({"test": (missing, body)})
    assert "test" not in cache.LOADED


def test_an_object_without_its_entry_is_refused():
    made = jit.compile_task(Entry(CLEAR, {}).task("framework_another"))
    with pytest.raises(RuntimeError, match="lack their entry"):
        cache.load({"test": made})


def test_a_folder_that_others_can_write_is_ignored(warm, tmp_path):
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    out, err = finish(start(folder))
    assert out == "2 True"
    assert "ignored" in err
    assert not list(folder.iterdir())


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert finish(start(blocked / "kernels"))[0] == "2 True"


PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


def obey_modes() -> None:
    """From the next exec on, root may write only what modes allow, as everybody else."""
    if ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0):
        raise OSError("root keeps its rights here")


def test_a_read_only_folder_costs_only_time(tmp_path):
    folder = tmp_path / "readonly"
    folder.mkdir(mode=0o500)
    out, err = finish(start(folder, preexec_fn=None if os.getuid() else obey_modes))
    assert out == "2 True"
    assert "cannot be written" in err
    assert not list(folder.iterdir())


def test_a_user_without_a_home_has_no_cache(monkeypatch):
    """As in a container that runs under a number which is in no list of users."""

    def no_user(number):
        raise KeyError(number)

    for name in ("HOME", "FRAMEWORK_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", no_user)
    with pytest.raises(RuntimeError):
        Path.home()
    assert cache.folder() is None


def test_kernels_of_two_processes_do_not_share_symbols(tmp_path):
    """Numba numbers symbols by process: the first kernel of one and the first of another once had
    one name."""
    other = PROGRAM.replace("ops.tanh(x * 2.0 + 1.0)", "ops.exp(x - 3.0)").replace(
        "np.tanh(x.array * 2 + 1)", "np.exp(x.array - 3)"
    )
    both = PROGRAM.replace(
        "ops.tanh(x * 2.0 + 1.0)",
        "ops.matmul(ops.tanh(x * 2.0 + 1.0), ops.transpose(ops.exp(x - 3.0)))",
    )
    both = both.replace(
        "np.tanh(x.array * 2 + 1)", "np.tanh(x.array * 2 + 1) @ np.exp(x.array - 3).T"
    )
    for program in (PROGRAM, other, both):
        env = os.environ | {"FRAMEWORK_CACHE": str(tmp_path / "kernels"), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_a_kernel_that_cannot_be_compiled_is_numpys_work(monkeypatch, caplog):
    """The compiler's refusal costs speed, not the run; it is told once."""
    monkeypatch.setattr(cache, "LOADED", dict(cache.LOADED))
    monkeypatch.setattr(cache, "REFUSED", set())
    monkeypatch.setattr(cache, "stored", lambda where, key: None)
    make = jit.compile_task

    def refuse(task):
        if any(["relu" in text for text in task.functions.values()]):
            raise TypeError("no such CPU")
        return make(task)

    monkeypatch.setattr(jit, "compile_task", refuse)
    monkeypatch.setattr(cache, "free_cores", lambda: 1)
    for key in list(cache.LOADED):
        cache.LOADED.pop(key)
    x = Tensor(Spec((40, 50), np.dtype(np.float32)))
    run = Executable(trace(lambda x: ops.sum(ops.relu(x @ ops.transpose(x))), x))
    assert len(run.callouts) == 1
    value = np.random.default_rng(0).standard_normal((40, 50)).astype(np.float32)
    np.testing.assert_allclose(run(value)[0], np.maximum(value @ value.T, 0).sum(), rtol=1e-4)
    assert caplog.text.count("the compiler refuses this kernel") == 1
    assert "no such CPU" in caplog.text
