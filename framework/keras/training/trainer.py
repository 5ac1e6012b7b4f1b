"""Trainer: what compile, fit, evaluate and predict give to every Model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from framework.engine import nest, ops, reasons, reduce
from framework.engine.tape import GradientTape
from framework.engine.tensor import Tensor
from framework.keras import metrics as metrics_module
from framework.keras import optimizers
from framework.keras.training import shard
from framework.keras.training.arrays import Rows, as_leaf, as_rows, listed
from framework.keras.training.compiled import CompiledLoss, CompiledMetrics
from framework.keras.training.fit import fit as fit_model
from framework.keras.training.fit import run_once
from framework.keras.training.reduction import all_reduce_step, summed_over_ranks
from framework.keras.training.rehearsal import rehearse
from framework.keras.training.runner import Runner


class Trainer:
    """compile / fit / evaluate / predict / train_on_batch of a Model; steps run compiled unless
    run_eagerly."""

    optimizer: Any = None
    stop_training = False
    run_eagerly = False
    checks_finite = False  # a step with a NaN loss stops before it writes anything
    _compiled_loss: Any = None
    _compiled_metrics: Any = None
    _loss_tracker: Any = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: list | None = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        jit_compile: str | bool = "auto",
    ) -> None:
        """Set what `fit` minimises and reports.

        jit_compile: "auto" and True run steps as compiled programs, False runs them eagerly, as
        run_eagerly=True does.
        """
        if jit_compile not in ("auto", True, False):
            raise ValueError(
                f"compile: jit_compile must be 'auto', True or False, got {jit_compile!r}"
            )
        self.optimizer = optimizers.get(optimizer)
        self.run_eagerly = bool(run_eagerly) or jit_compile is False
        self._compiled_loss = CompiledLoss(loss, loss_weights)
        self._compiled_metrics = CompiledMetrics(metrics, weighted_metrics, loss)
        self._loss_tracker = metrics_module.Mean(name="loss")
        self._programs: dict[tuple, Any] = {}
        self._own_logs: dict[
            str, list[str]
        ] = {}  # kind of step -> names that the user's step returns

    @property
    def compiled(self) -> bool:
        """True after compile()."""
        return self._compiled_loss is not None

    @property
    def metrics(self) -> list:
        """The loss tracker and the compiled metrics; reset at the start of every epoch."""
        return [self._loss_tracker, *self._compiled_metrics.metrics] if self.compiled else []

    @property
    def metrics_names(self) -> list[str]:
        """Keras' groups: "loss", and "compile_metrics" if compile() got metrics."""
        return (
            ["loss"] + (["compile_metrics"] if self._compiled_metrics.is_given else [])
            if self.compiled
            else []
        )

    def reset_metrics(self) -> None:
        """Start counting again."""
        for metric in self.metrics:
            metric.reset_state()

    def compute_loss(
        self: Any, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ) -> Tensor:
        """The compiled loss plus the losses of the layers (regularizers, add_loss); on several
        ranks this rank's share."""
        total = (
            self._compiled_loss(y, y_pred, sample_weight) if self._compiled_loss.is_given else None
        )
        extra = [ops.sum(ops.cast(loss, dtype="float32")) for loss in self.losses]
        for loss in extra:
            loss = loss if reduce.world_size() == 1 else loss * (1.0 / reduce.world_size())
            total = loss if total is None else total + loss
        if total is None:
            raise ValueError(
                "No loss to compute: give compile() a loss, or call add_loss in a layer"
            )
        return total

    def compute_metrics(self, x, y, y_pred, sample_weight=None) -> dict:
        """Update the compiled metrics with a batch; returns {name: result}."""
        self._compiled_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict:
        """{name: result} of all metrics."""
        return {metric.name: metric.result() for metric in self.metrics}

    def train_step(self, data: tuple) -> dict:
        """One step of training on (x, y, sample_weight); override for your own logic."""
        return self.compute_metrics(*self._train_update(data))

    def _train_update(self: Any, data: tuple) -> tuple:
        """train_step without the metrics; returns what they are computed from."""
        x, y, sample_weight = unpack(data)
        with GradientTape(persistent=True) as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
        variables = self.trainable_variables
        gradients = tape.gradient(loss, variables)
        if variables and all(g is None for g in gradients):
            why = reasons.explain(tape, loss, variables[0])
            raise ValueError(f"No gradients for any variable of model '{self.name}': {why}")
        tape.reset()  # lets go of the values it holds, so that the update can write in place
        gradients, loss = all_reduce_step(gradients, loss)
        if self.checks_finite:
            ops.check_finite(loss)
        self._track(loss, x)
        if variables:
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return x, y, y_pred, sample_weight

    def test_step(self, data: tuple) -> dict:
        """One step of evaluation on (x, y, sample_weight)."""
        return self.compute_metrics(*self._test_update(data))

    def _test_update(self: Any, data: tuple) -> tuple:
        """test_step without the metrics; returns what they are computed from."""
        x, y, sample_weight = unpack(data)
        y_pred = self(x, training=False)
        if self._compiled_loss.is_given or self.losses:
            loss = self.compute_loss(
                x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False
            )
            self._track(all_reduce_step([], loss)[1], x)
        return x, y, y_pred, sample_weight

    def predict_step(self: Any, data: tuple) -> Any:
        """One step of prediction on (x,)."""
        return self(unpack(data)[0], training=False)

    def _track(self, loss: Tensor, x: Any) -> None:
        """The epoch's loss is the mean of the batches' losses weighted by the (global) batch
        size."""
        rows = shard.current().total or nest.flatten(x)[0].array.shape[0]
        self._loss_tracker.total.assign_add(loss * float(rows))
        self._loss_tracker.count.assign_add(float(rows))

    def fit(self, x=None, y=None, **options) -> Any:
        """Train; returns a History. Options: see framework.keras.training.fit.fit."""
        self._need_compile("fit")
        return fit_model(self, x, y, **options)

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight=None,
        callbacks: list | None = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics over a data set, each sample counted once over all ranks."""
        self._need_compile("evaluate")
        rows = as_rows(x, listed(y), listed(sample_weight), "evaluate")
        runner = self.runner("test", rows, batch_size)
        results = run_once(self, runner, callbacks, verbose)
        return results if return_dict else scalars(results)

    def predict(self, x, batch_size: int | None = None, verbose: Any = "auto") -> Any:
        """The model's outputs for all rows of x, as arrays; every rank computes all of them."""
        runner = self.runner("predict", as_rows(x, caller="predict"), batch_size)
        runner.set_order(np.arange(runner.rows.count))
        batches = [runner.run(1) for _ in range(runner.steps)]
        joined = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
        return nest.pack_sequence_as(self._predicted, joined)

    def runner(self, kind: str, rows: Rows, batch_size: int | None = None) -> Runner:
        """A Runner of train, test or predict steps over `rows`."""
        size = 32 if batch_size is None else batch_size
        if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or size < 1:
            raise ValueError(f"batch_size must be a positive integer, got {batch_size!r}")
        steps: dict[str, Callable] = {
            "train": self._train,
            "test": self._test,
            "predict": self._predict,
        }
        is_compiled = not self.run_eagerly
        return Runner(steps[kind], rows, size, is_compiled=is_compiled, is_split=kind != "predict")

    def _train(self, data: tuple) -> list:
        return self._logged("train", data, self._train_update)

    def _test(self, data: tuple) -> list:
        return self._logged("test", data, self._test_update)

    def _logged(self, kind: str, data: tuple, update: Callable) -> list:
        """What a step of the user's own returns is shown; ours needs no results yet."""
        names = f"{kind}_step", "compute_metrics"
        if all(getattr(type(self), name) is getattr(Trainer, name) for name in names):
            self._compiled_metrics.update_state(*update(data)[1:])
            return []
        logs = getattr(self, f"{kind}_step")(data)
        self._own_logs[kind] = list(logs)
        return list(logs.values())

    def _predict(self, data: tuple) -> list:
        self._predicted = self.predict_step(data)
        return nest.flatten(self._predicted)

    def train_on_batch(self, x, y=None, sample_weight=None, return_dict: bool = False) -> Any:
        """One update on one batch; returns its loss and metrics."""
        self._need_compile("train_on_batch")
        return self._on_batch(
            "train", as_rows(x, listed(y), listed(sample_weight), "train_on_batch"), return_dict
        )

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict: bool = False) -> Any:
        """Loss and metrics of one batch."""
        self._need_compile("test_on_batch")
        return self._on_batch(
            "test", as_rows(x, listed(y), listed(sample_weight), "test_on_batch"), return_dict
        )

    def predict_on_batch(self: Any, x) -> Any:
        """The model's outputs for one batch, as arrays."""
        return nest.map_structure(
            lambda t: t.numpy(), self(nest.map_structure(lambda a: as_leaf(a, "x", "predict"), x))
        )

    def _on_batch(self: Any, kind: str, rows: Rows, return_dict: bool) -> Any:
        """A Runner whose data are a batch of this shape; the next batch of the shape is copied
        into it."""
        key = (
            kind,
            repr([(a.shape, a.dtype.str) for a in rows.leaves]),
            tuple(v.trainable for v in self.variables),
        )
        if key not in self._programs:
            own = Rows(*rows.packed([np.array(a) for a in rows.leaves]))
            runner = self.runner(kind, own, own.count)
            self._programs[key] = runner, rehearse(self, kind, runner)
        runner, checked = self._programs[key]
        checked.check(rows)
        for place, leaf in zip(runner.rows.leaves, rows.leaves, strict=True):
            place[...] = leaf
        runner.cursor = 0
        self.reset_metrics()
        results = self.results(kind, runner.run(1))
        return results if return_dict else scalars(results)

    def results(self, kind: str, outputs: list) -> dict[str, float]:
        """The metrics over all ranks as floats, names sorted as in Keras' logs.

        outputs: of the last step; a train_step of the user's own says which names are shown.
        """
        counted = self.metrics[1:]  # the loss is the global one on every rank already
        with summed_over_ranks(counted):
            found = {metric.name: metric.result() for metric in self.metrics if metric.variables}
        flat: dict[str, Any] = {}
        for name, value in found.items():
            flat.update(value if isinstance(value, dict) else {name: value})
        if kind in self._own_logs:
            own: dict[str, Any] = dict(zip(self._own_logs[kind], outputs, strict=True))
            return {name: float(flat.get(name, value)) for name, value in own.items()}
        return {name: float(flat[name]) for name in sorted(flat)}

    def _need_compile(self, caller: str) -> None:
        if not self.compiled:
            raise ValueError(f"You must call `compile()` before calling `{caller}()`.")


def unpack(data: Any) -> tuple:
    """(x, y, sample_weight) of what a step is given."""
    if not isinstance(data, tuple):
        return data, None, None
    return (*data, None, None)[:3]


def scalars(results: dict[str, float]) -> Any:
    """Keras' list: the loss first, then the metrics; a number if there is only the loss."""
    values = [results[name] for name in sorted(results, key=lambda name: name != "loss")]
    return values[0] if len(values) == 1 else values
