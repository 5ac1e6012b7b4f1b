"""Passes, Program -> Program, in the order in which they run."""

from framework.engine.compile.passes.fold import deduplicate, drop_dead, fold
from framework.engine.compile.passes.fuse import fuse
from framework.engine.compile.passes.snapshot import snapshot

PASSES = fold, deduplicate, drop_dead, snapshot, fuse

__all__ = ["PASSES", "deduplicate", "drop_dead", "fold", "fuse", "snapshot"]
