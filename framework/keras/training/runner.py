"""Runner: takes a model through the batches of a data set in memory, compiled or eagerly."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.distributed import comm, rank, size
from framework.distributed.shard import part
from framework.engine import ops
from framework.engine.compile.kept import Kept
from framework.engine.compile.watched import POLL_SECONDS, Background
from framework.engine.errors import TraceError, place_of
from framework.engine.tensor import Tensor
from framework.engine.variable import Variable
from framework.keras.calls import CALLS
from framework.keras.step import shard
from framework.keras.training.arrays import Rows

LOG = logging.getLogger("framework")
KEPT = 32  # compiled steps of a runner, and of train_on_batch, test_on_batch and predict
ALONE_SECONDS = 0.3  # a stopped rank that waits so long in a collective waits in vain


def kept_steps(caller: str) -> Kept:
    """Compiled steps by the shapes of batches: KEPT of them, each with memory of its own."""
    return Kept(
        KEPT,
        f"batches of {caller} triggered retracing",
        f"A step is compiled for each shape of a batch, and {KEPT} are kept: batches of one shape "
        "(padded, or without the remainder) are faster.",
    )


class Runner:
    """Steps of one kind: step((x, y, sample_weight)) for batch after batch of some source.

    rows: what there is to see before the first step. steps: the number of batches, None if it is
    not known. is_split: ranks share each batch (else every rank computes all of it). is_global:
    losses are shares of the global loss (see shard.py). executables: compiled steps of earlier
    runners of this kind, and of later ones. A subclass says where batches come from:
    begin, run, is_over, cursor (the number of the next batch), last_rows.
    """

    cursor: int
    last_rows: tuple[int, int]  # rows of this rank and of all ranks, of the batch that was run last
    first_row = 0  # of the batch, among the rows that this rank's step is fed with
    check: Callable | None = None  # called with every batch that was not seen before the first step
    assemble: Callable | None = None  # makes a compiled step of a Program; None: Executable does

    def __init__(
        self,
        step: Callable,
        rows: Rows,
        batch_size: int,
        *,
        is_compiled: bool,
        is_split: bool = True,
        is_global: bool = True,
        executables: Kept | None = None,
    ):
        self.step, self.rows, self.batch_size = step, rows, int(batch_size)
        self.is_compiled = is_compiled
        self.is_split, self.is_global = is_split, is_global
        self.rank, self.ranks = (rank(), size()) if is_split else (0, 1)
        self.steps: int | None = None
        self._executables = kept_steps("fit") if executables is None else executables

    @property
    def is_over(self) -> bool:
        """Whether every batch of this pass was run."""
        raise NotImplementedError

    @property
    def is_done(self) -> bool:
        """The same; False where only the next batch would tell."""
        return self.is_over

    def begin(self, order: np.ndarray | None = None) -> None:
        """Start a pass over the batches; order: that of the rows, if the source leaves it open."""
        raise NotImplementedError

    def run(self, count: int | None, tick: Callable | None = None) -> list[np.ndarray]:
        """Run the next `count` batches (None: all); returns the step's outputs for the last of
        them. tick(): called now and then."""
        raise NotImplementedError

    def whole_batch(self) -> Any:
        """The compiled step on a whole batch; None where it must run eagerly."""
        raise NotImplementedError

    def last_call(self) -> tuple[Callable, list]:
        """The step that an error ended, and the arrays that it was called with."""
        raise NotImplementedError

    def executable(self, key: Any, call: Callable, *likes: Any) -> Any:
        """The compiled form of call(*likes), made once per key; None where a step must run
        eagerly."""
        if not self.is_compiled:
            return None
        found = self._executables.find(key)
        if found is None:
            from framework.engine.compile.trace import trace
            from framework.engine.compile.vm import Executable

            make = self.assemble or Executable
            try:
                found = make(trace(call, *likes, where=CALLS.place))
            except TraceError as error:
                self.is_compiled = False
                LOG.warning(
                    "this step cannot be compiled and runs eagerly: %s%s", error, place_of(error)
                )
                return None
            self._executables.keep(key, found)
            self._executables.note(key)
        return found


class RowsRunner(Runner):
    """Steps over rows in memory, `batch_size` of them at a time in a given order.

    In compiled mode the step is traced once for whole batches and once for the last, smaller one;
    whole epochs run without coming back to Python.
    """

    steps: int

    def __init__(self, step: Callable, rows: Rows, batch_size: int, **options: Any):
        super().__init__(step, rows, batch_size, **options)
        self.steps = -(-rows.count // self.batch_size)
        self._order = Variable(np.arange(rows.count), name="order", trainable=False)
        self._cursor = Variable(np.int64(0), name="cursor", trainable=False)
        self.leaves: list[Tensor] = [Tensor(leaf) for leaf in rows.leaves]

    def begin(self, order: np.ndarray | None = None) -> None:
        """From the first batch; order: the rows of this pass (None: as they are)."""
        order = np.arange(self.rows.count) if order is None else order
        ops.assign(self._order, Tensor(np.ascontiguousarray(order, np.int64)))
        self.cursor = 0

    @property
    def cursor(self) -> int:
        """The number of the next batch."""
        return int(self._cursor.array)

    @cursor.setter
    def cursor(self, batch: int) -> None:
        ops.assign(self._cursor, Tensor(np.asarray(batch, np.int64)))

    @property
    def is_over(self) -> bool:
        """Whether the last batch was run."""
        return self.cursor >= self.steps

    def batch_rows(self, batch: int) -> int:
        """The number of rows of a (global) batch."""
        return min(self.batch_size, self.rows.count - batch * self.batch_size)

    @property
    def last_rows(self) -> tuple[int, int]:
        """(rows of this rank, rows of all ranks) of the batch that was run last."""
        rows = self.batch_rows(max(self.cursor - 1, 0))
        start, stop = part(rows, self.rank, self.ranks)
        return stop - start, rows

    def run(self, count: int | None, tick: Callable | None = None) -> list[np.ndarray]:
        """Whole batches in one go, then the last one."""
        count = self.steps - self.cursor if count is None else count
        outputs: list = []
        while count > 0:
            rows, done = self.batch_rows(self.cursor), self.cursor
            whole = self.rows.count // self.batch_size - done if rows == self.batch_size else 1
            chunk = min(count, whole)
            outputs = self._run_same(rows, chunk, tick)
            count -= chunk
        return outputs

    def whole_batch(self) -> Any:
        """The compiled step on `batch_size` rows, or all there are."""
        rows = min(self.batch_size, self.rows.count)
        return self.executable(rows, lambda: self._call(rows))

    def last_call(self) -> tuple[Callable, list]:
        """The step on the batch at the cursor."""
        rows = self.batch_rows(self.cursor)
        return lambda: self._call(rows), []

    def _run_same(self, rows: int, count: int, tick: Callable | None) -> list[np.ndarray]:
        """`count` batches of `rows` rows each."""
        executable = self.executable(rows, lambda: self._call(rows))
        if executable is not None:
            if count == 1 or tick is None:
                executable.repeat(count)
            else:
                run_watched(lambda: executable.repeat(count), executable.stop, tick)
            return executable.outputs()
        for _ in range(count):
            outputs = self._call(rows)
            if tick is not None:
                tick()
        return [np.asarray(o) for o in outputs]

    def _call(self, rows: int) -> list:
        """One step on the batch at the cursor: what eager mode runs and compiled mode traces."""
        start, stop = part(rows, self.rank, self.ranks)
        with shard.using(shard.Shard(start, stop - start, rows, self.is_global)):
            taken = [
                ops.take_batch(
                    leaf,
                    self._order,
                    self._cursor,
                    size=stop - start,
                    batch=self.batch_size,
                    first=start,
                )
                for leaf in self.leaves
            ]
            outputs = self.step(self.rows.packed(taken))
        ops.assign_add(self._cursor, Tensor(np.asarray(1, np.int64)))
        return outputs


def run_watched(work: Callable, stop: Callable, tick: Callable) -> None:
    """Run work() on a worker thread; this thread wakes every 50 ms for `tick` and so takes Ctrl-C
    at once. stop(): asks the work to end."""
    running = Background(work)
    try:
        running.start()
        while not running.ended(POLL_SECONDS):
            tick()
    finally:
        running.cancel()
        while not running.ended(0) and not is_left_alone():  # after an interrupt
            stop()  # again and again: the work may have begun only now
            running.ended(POLL_SECONDS)
    running.result()


def is_left_alone() -> bool:
    """Whether this rank waits in a collective for ranks that were interrupted before it."""
    since = comm().waiting_since
    return since is not None and time.monotonic() - since > ALONE_SECONDS
