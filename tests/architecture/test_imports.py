"""Who may import whom, and what `import framework` may load. The order is DESIGN.md's Layout."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture import measure

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "framework"

# Low to high; a comma joins those that may not see each other.
LAYERS = "engine data,distributed keras experiment tf,torch"
ENGINE = (
    "dtypes,errors tensor program op variable ops random,backward,batching jacobian "
    "tape,accumulate compile"
)
# Loaded lazily, each inside the one place that needs it. Value: the files that may name it.
LAZY = {
    "mpi4py": ["distributed/comm.py"],
    "numba": None,
    "llvmlite": None,
    "pydantic": None,
    "matplotlib": None,
    "safetensors": None,
    "rich": None,
    "yaml": None,
    "h5py": None,
    "sklearn": None,
    "mlxtend": None,
    "threadpoolctl": None,
}


@pytest.fixture(scope="module")
def files() -> list[measure.File]:
    """Every source file of the package, read."""
    return [measure.read_file(path, ROOT) for path in measure.python_files(PACKAGE)]


def test_imports_only_go_down(files):
    graph = measure.import_graph(files, PACKAGE, lazy=True)
    assert measure.upward_imports(graph, "framework", LAYERS) == []


def test_imports_inside_the_engine_only_go_down(files):
    graph = measure.import_graph(files, PACKAGE, lazy=True)
    assert measure.upward_imports(graph, "framework.engine", ENGINE) == []


def test_testing_sees_engine_and_keras_only(files):
    graph = measure.import_graph(files, PACKAGE, lazy=True)
    allowed = ("framework.testing", "framework.engine", "framework.keras")
    seen = {t for m, ts in graph.items() if m.startswith("framework.testing") for t in ts}
    assert [t for t in seen if not t.startswith(allowed) and t != "framework"] == []


def test_nothing_imports_a_door(files):
    graph = measure.import_graph(files, PACKAGE, lazy=True)
    doors = ("framework.tf", "framework.torch")
    guests = {
        f"{module} imports {target}"
        for module, targets in graph.items()
        for target in targets
        if target.startswith(doors) and not module.startswith(doors) and module != "framework"
    }
    assert guests == set()


def test_kernels_are_loaded_by_the_compiler_alone(files):
    """Ops name kernels by string; what compiles them is itself loaded on a cache miss only."""
    graph = measure.import_graph(files, PACKAGE, lazy=True)
    kernels = "framework.engine.kernels"
    guests = {m for m, ts in graph.items() if any(t.startswith(kernels) for t in ts)}
    guests = {m for m in guests if not m.startswith(kernels)}
    assert {m for m in guests if not m.startswith("framework.engine.compile.")} == set()


def test_no_cycles(files):
    assert measure.cycles(measure.import_graph(files, PACKAGE, lazy=True)) == []


@pytest.mark.parametrize("package", LAZY)
def test_heavy_packages_are_imported_inside_functions(package, files):
    allowed = LAZY[package]
    for file in files:
        name = file.path.relative_to(PACKAGE).as_posix()
        for target, at_import in file.imports:
            if target.split(".")[0] == package:
                assert not at_import or is_lazy_module(name), f"{name} imports {target}"
                assert allowed is None or name in allowed, f"{name} imports {target}"


def is_lazy_module(name: str) -> bool:
    """Modules that are themselves loaded only where they are needed: see the test below."""
    return name.startswith(("engine/kernels/", "engine/compile/", "experiment/"))


def run(program: str) -> str:
    """Output of a program in a fresh interpreter without a launcher's variables."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMPI_", "PMI"))}
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


@pytest.mark.parametrize(
    "statement",
    [
        "import framework",
        "import framework as tf; tf.constant(1.0)",
        "from framework import keras",
        "from framework.keras import layers; layers.Dense",
        "import framework.distributed as d; d.comm().barrier()",
    ],
)
def test_an_import_loads_nothing_heavy(statement):
    loaded = json.loads(run(f"{statement}\nimport sys, json; print(json.dumps([*sys.modules]))"))
    assert [package for package in LAZY if package in loaded] == []


@pytest.mark.parametrize("statement", ["import framework; framework.add", "import framework.keras"])
def test_an_import_is_quick(statement):
    """Three times the processor time that NumPy takes (0.1 s on a machine of our day), the best of
    five: both are measured together, since a busy machine is slow for both."""
    clock = "time.process_time()"
    program = (
        f"import time; start = {clock}; import numpy; middle = {clock}; {statement}; "
        f"print(({clock} - middle) / (middle - start))"
    )
    assert min(float(run(program)) for _ in range(5)) < 3


def test_the_linters_know_the_words_of_kernels():
    """Kernel bodies use words that the compiler supplies; both linters are told the same ones."""
    with open(ROOT / "pyproject.toml", "rb") as stream:
        told = set(tomllib.load(stream)["tool"]["ruff"]["builtins"])
    stub = (ROOT / "tests/architecture/typings/__builtins__.pyi").read_text()
    assert told == {line.split(":")[0] for line in stub.splitlines() if line.endswith(": Any")}
    words = "from framework.engine.compile.language import language\nimport numpy, builtins\n"
    words += "print(*(set(language(numpy.dtype('float32'))) - set(dir(builtins))))"
    assert told == set(run(words).split())
