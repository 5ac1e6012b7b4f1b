"""Sizes, documentation and copies: the limits of measure.py, and what stands where."""

import subprocess
from pathlib import Path

import pytest

from tests.architecture import measure

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "framework"
TOP_LEVEL = {
    *(".ci", ".gitignore", "LICENSE", "README.md", "pyproject.toml"),
    *("experiments", "framework", "launch", "tests"),
}
# Names that say nothing: what is in such a file belongs to the thing it is about.
EMPTY_NAMES = {"utils.py", "util.py", "common.py", "misc.py", "helpers.py", "manager.py"}
# Those of STYLE section 5, documentation and annotations; measure.py's others are for reading.
LIMITS = [
    *("file_max", "file_median", "fn_median", "fn_p95", "fn_max", "complexity_p95"),
    *("complexity_max", "cycles", "folder_cycles", "duplicate_fns", "lines_over_100"),
    *("doc_public_pct_min", "doc_module_pct_min", "annotated_pct_min", "syntax_errors"),
]


@pytest.fixture(scope="module")
def figures() -> dict:
    """All figures of the package."""
    return measure.measure(ROOT, PACKAGE)[0]


@pytest.mark.parametrize("limit", LIMITS)
def test_limit(limit, figures):
    said = [text for text in measure.over_limits(figures) if text.startswith(f"{key(limit)} =")]
    if said:
        measure.print_worst(ROOT, measure.measure(ROOT, PACKAGE)[1], 5)
    assert said == []


def key(limit: str) -> str:
    """The figure that a limit is about."""
    return limit.removesuffix("_min")


def tracked() -> list[str]:
    """The files under version control; skips where there is none (an unpacked archive)."""
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return listing.stdout.split()


def test_the_top_level_holds_these_and_nothing_more():
    assert {name.split("/")[0] for name in tracked()} <= TOP_LEVEL


def test_every_file_is_named_after_its_idea():
    assert [str(p) for p in measure.python_files(PACKAGE) if p.name in EMPTY_NAMES] == []


def test_no_door_has_logic():
    """A door is a table: its modules bind names and define next to nothing."""
    for door in ("tf", "torch"):
        for path in measure.python_files(PACKAGE / door):
            file = measure.read_file(path, ROOT)
            longest = max((function.code for function in file.functions), default=0)
            assert longest <= 40, f"{path.name}: a function of {longest} lines in a door"
