"""Passes, Program -> Program, in the order in which they run."""

from framework.engine.compile.passes.fold import deduplicate, drop_dead, drop_rules, fold
from framework.engine.compile.passes.fuse import fuse
from framework.engine.compile.passes.outputs import join_outputs
from framework.engine.compile.passes.snapshot import snapshot
from framework.engine.compile.passes.strips import into_strips
from framework.engine.compile.passes.sums import sum_chains
from framework.engine.compile.passes.tall import split_tall_sums
from framework.engine.compile.passes.updates import fuse_updates
from framework.engine.compile.passes.windows import before_windows

PASSES = (
    drop_rules, fold, deduplicate, drop_dead, before_windows, snapshot, fuse, sum_chains,
    split_tall_sums, fuse_updates, join_outputs, into_strips,
)  # fmt: skip

__all__ = [
    "PASSES", "before_windows", "deduplicate", "drop_dead", "drop_rules", "fold", "fuse",
    "fuse_updates", "into_strips", "join_outputs", "snapshot", "split_tall_sums", "sum_chains",
]  # fmt: skip
