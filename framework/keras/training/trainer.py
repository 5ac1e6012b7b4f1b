"""Trainer: what compile, fit, evaluate and predict give to every Model."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from framework import distributed
from framework.engine import nest, ops, reasons
from framework.engine.compile.kept import Kept
from framework.engine.tape import GradientTape
from framework.engine.tensor import Tensor
from framework.keras import metrics as metrics_module
from framework.keras import optimizers
from framework.keras.step import finite, shard
from framework.keras.step.deferred import collected
from framework.keras.step.reduction import (
    all_reduce_step,
    summed_over_ranks,
    weighted_over_ranks,
)
from framework.keras.training.arrays import Rows, as_leaf, as_rows, check_counts, listed
from framework.keras.training.batch import batch_runner
from framework.keras.training.compiled import CompiledLoss, CompiledMetrics
from framework.keras.training.feeds import FeedRunner, Feeds, RowBatches, as_source
from framework.keras.training.fit import fit as fit_model
from framework.keras.training.fit import predict_batches, run_once
from framework.keras.training.logs import flat_logs, log_values, plain, scalars
from framework.keras.training.program import program_of
from framework.keras.training.runner import LOG, RowsRunner, Runner, kept_steps


class Trainer:
    """compile / fit / evaluate / predict / train_on_batch of a Model; steps run compiled unless
    run_eagerly."""

    optimizer: Any = None
    stop_training = False
    steps_per_execution = 1
    run_eagerly = False
    checks_finite = False  # a step with a NaN loss stops before it writes anything
    _compiled_loss: Any = None
    _compiled_metrics: Any = None
    _loss_tracker: Any = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int | str = 1,
        jit_compile: str | bool = "auto",
    ) -> None:
        """Set what `fit` minimises and reports.

        steps_per_execution: how many steps lie between two calls of callbacks' batch hooks; "auto":
        one where a callback has such hooks. Without them an epoch is one execution in any case.
        jit_compile: "auto" and True run steps as compiled programs, False runs them eagerly, as
        run_eagerly=True does.
        """
        if jit_compile not in ("auto", True, False):
            raise ValueError(
                f"compile: jit_compile must be 'auto', True or False, got {jit_compile!r}"
            )
        steps = 1 if steps_per_execution == "auto" else steps_per_execution
        if not isinstance(steps, int) or steps < 1:
            raise ValueError(
                "compile: steps_per_execution must be 1 or more, or 'auto', got "
                f"{steps_per_execution!r}"
            )
        self.steps_per_execution = steps
        self.optimizer = optimizers.get(optimizer)
        self.run_eagerly = bool(run_eagerly) or jit_compile is False
        names = getattr(self, "output_names", None)
        self._compiled_loss = CompiledLoss(loss, loss_weights, names)
        self._compiled_metrics = CompiledMetrics(metrics, weighted_metrics, names)
        self._loss_tracker = metrics_module.Mean(name="loss")
        self._batch_runners: dict[str, Kept] = {}  # by kind of step
        self.__dict__.pop("_known_predictors", None)
        # kind of step -> names that a step of the user's own returns
        self._own_logs: dict[str, list[str]] = {}

    @property
    def compiled(self) -> bool:
        """True after compile()."""
        return self._compiled_loss is not None

    @property
    def metrics(self: Any) -> list:
        """The loss, "compile_metrics", a metric for each of several losses, then those among the
        attributes of the model and its layers; reset at the start of every epoch.
        """
        own = []
        if self.compiled:
            own = [self._loss_tracker]
            own += [self._compiled_metrics] if self._compiled_metrics.is_given else []
            own += self._compiled_loss.metrics
        held = [
            metric
            for layer in self._flatten_layers()
            if layer is self or not isinstance(layer, Trainer)
            for metric in layer._own(metrics_module.Metric)
        ]
        return own + held

    @property
    def metrics_names(self) -> list[str]:
        """The names of `metrics`."""
        return [metric.name for metric in self.metrics]

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
        # A mean over this rank's rows, or a term that is the same on all ranks: its share.
        here = shard.current()
        part = here.part if here.is_global else 1.0
        for loss in self.losses:
            loss = ops.sum(ops.cast(loss, dtype="float32"))
            loss = loss if part == 1 else loss * part
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
        return log_values(self.metrics)

    def train_step(self, data: tuple) -> dict:
        """One step of training on (x, y, sample_weight); override for your own logic."""
        return self.compute_metrics(*self._train_update(data))

    def _train_update(self: Any, data: tuple) -> tuple:
        """train_step without the metrics; returns what they are computed from."""
        x, y, sample_weight = unpack(data)
        with collected() as updates, GradientTape(persistent=True) as tape:
            y_pred = self(x, training=True)
            loss = self._loss_of(x, y, y_pred, sample_weight, True)
        variables = self.trainable_variables
        gradients = tape.gradient(loss, variables)
        if variables and all(g is None for g in gradients):
            why = reasons.explain(tape, loss, variables[0])
            raise ValueError(f"No gradients for any variable of model '{self.name}': {why}")
        tape.forget()  # lets go of the values it holds, so that the update can write in place
        gradients, loss = all_reduce_step(gradients, loss)
        finite.check((loss, *gradients))
        for update in updates:
            update()
        self._track(loss, x)
        if variables:
            with shard.using(replace(shard.current(), is_reduced=True)):
                self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return x, y, y_pred, sample_weight

    def test_step(self, data: tuple) -> dict:
        """One step of evaluation on (x, y, sample_weight)."""
        return self.compute_metrics(*self._test_update(data))

    def _test_update(self: Any, data: tuple) -> tuple:
        """test_step without the metrics; returns what they are computed from."""
        x, y, sample_weight = unpack(data)
        y_pred = self(x, training=False)
        if self._compiled_loss.is_given or self.losses or self._overrides("compute_loss"):
            loss = self._loss_of(x, y, y_pred, sample_weight, False)
            self._track(all_reduce_step([], loss)[1], x)
        return x, y, y_pred, sample_weight

    def predict_step(self: Any, data: tuple) -> Any:
        """One step of prediction on (x,)."""
        return self(unpack(data)[0], training=False)

    def _loss_of(self: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool):
        """compute_loss, which may be the user's own and know no `training`."""
        given = {"x": x, "y": y, "y_pred": y_pred, "sample_weight": sample_weight}
        if takes_training(type(self).compute_loss):
            given["training"] = training
        return self.compute_loss(**given)

    def _track(self, loss: Tensor, x: Any) -> None:
        """The epoch's loss is the mean of the batches' losses weighted by the (global) batch
        size."""
        rows = shard.current().total or nest.flatten(x)[0].array.shape[0]
        self._loss_tracker.total.assign_add(loss * float(rows))
        self._loss_tracker.count.assign_add(float(rows))

    def _overrides(self, *names: str) -> bool:
        """Whether the class of this model writes one of these methods anew."""
        return any(getattr(type(self), name) is not getattr(Trainer, name) for name in names)

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
        steps: int | None = None,
        callbacks: list | None = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics over a data set (or its first `steps` batches), each sample
        counted once over all ranks."""
        self._need_compile("evaluate")
        check_counts(1, "evaluate", batch_size=batch_size, steps=steps)
        runner = self.runner("test", as_source(x, y, sample_weight, "evaluate", steps), batch_size)
        results = run_once(self, runner, callbacks, verbose, steps)
        return results if return_dict else scalars(results, self.metrics)

    def predict(
        self,
        x,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The model's outputs for all rows of x (or its first `steps` batches), as arrays; every
        rank computes all of them. verbose: 1 or 2 says how many batches there were.
        """
        check_counts(1, "predict", batch_size=batch_size, steps=steps)
        runner = self.runner("predict", as_source(x, caller="predict", steps=steps), batch_size)
        batches = predict_batches(self, runner, callbacks, steps, verbose)
        joined = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
        return nest.pack_sequence_as(self._predicted, joined)

    def runner(self, kind: str, source: Any, batch_size: int | None = None) -> Any:
        """A Runner of train, test or predict steps over rows or the batches of a data set."""
        check_counts(1, batch_size=batch_size)
        size = 32 if batch_size is None else int(batch_size)
        steps: dict[str, Callable] = {
            "train": self._train,
            "test": self._test,
            "predict": self._predict,
        }
        options: dict[str, Any] = {
            "is_compiled": not self.run_eagerly,
            "is_split": kind != "predict",
            "is_global": not self._overrides(f"{kind}_step", "compute_loss"),
        }
        if kind == "predict":
            options["executables"] = self._predictors()
            source = RowBatches(source, size, kind) if isinstance(source, Rows) else source
        if isinstance(source, Rows):
            return RowsRunner(steps[kind], source, size, **options)
        if batch_size is not None and isinstance(source, Feeds):
            LOG.warning("batch_size=%s: a data set's batches are taken as they are", batch_size)
        return FeedRunner(steps[kind], source, **options)

    def program(
        self, x, y=None, sample_weight=None, batch_size: int | None = None, profile: int | bool = 0
    ) -> Any:
        """The train step on a batch as a Program: its lines with operands, bytes and FLOPs, as a
        Report that prints itself. profile: times of so many steps, too (True: 100; nothing is
        trained by them). Raises TraceError where a step cannot be compiled.
        """
        self._need_compile("program")
        runner = self.runner("train", as_source(x, y, sample_weight), batch_size)
        return program_of(self, runner, profile)

    def _predictors(self: Any) -> Kept:
        """The compiled steps of predict, as long as the model has the same layers."""
        layers = list(self._flatten_layers())
        known = self.__dict__.get("_known_predictors", ([], None))
        if [id(layer) for layer in known[0]] != [id(layer) for layer in layers]:
            known = self.__dict__["_known_predictors"] = (layers, kept_steps("predict"))
        return known[1]

    def _train(self: Any, data: tuple) -> list:
        with finite.checked(self.checks_finite):
            outputs = self._logged("train", data, self._train_update)
            told = dict(zip(self._own_logs.get("train", []), outputs, strict=False))
            finite.check_written(self.trainable_variables, told.get("loss"))
            return outputs

    def _test(self, data: tuple) -> list:
        return self._logged("test", data, self._test_update)

    def _logged(self, kind: str, data: tuple, update: Callable) -> list:
        """What a step of the user's own returns is shown; ours needs no results yet."""
        if not self._overrides(f"{kind}_step", "compute_metrics"):
            self._compiled_metrics.update_state(*update(data)[1:])
            return []
        logs = getattr(self, f"{kind}_step")(data)
        if not isinstance(logs, dict):
            raise TypeError(
                f"{type(self).__name__}.{kind}_step returned {type(logs).__name__}, wanted a dict "
                "of names and numbers"
            )
        logs = flat_logs(logs)
        self._own_logs[kind] = list(logs)
        return list(logs.values())

    def _predict(self, data: tuple) -> list:
        self._predicted = self.predict_step(data)
        return nest.flatten(self._predicted)

    def train_on_batch(self, x, y=None, sample_weight=None, return_dict: bool = False) -> Any:
        """One update on one batch; returns its loss and metrics."""
        rows = as_rows(x, listed(y), listed(sample_weight), "train_on_batch")
        return self._on_batch("train", rows, return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict: bool = False) -> Any:
        """Loss and metrics of one batch."""
        rows = as_rows(x, listed(y), listed(sample_weight), "test_on_batch")
        return self._on_batch("test", rows, return_dict)

    def predict_on_batch(self: Any, x) -> Any:
        """The model's outputs for one batch, as arrays."""
        return nest.map_structure(
            lambda t: t.numpy(), self(nest.map_structure(lambda a: as_leaf(a, "x", "predict"), x))
        )

    def _on_batch(self: Any, kind: str, rows: Rows, return_dict: bool) -> Any:
        """A step on one batch: a runner for batches of its shape, which is given this one."""
        self._need_compile(f"{kind}_on_batch")
        runner = batch_runner(self, kind, rows)
        self.reset_metrics()
        results = self.results(kind, *runner.run(rows))
        return results if return_dict else scalars(results, self.metrics)

    def results(self, kind: str, outputs: list, runner: Runner) -> dict[str, Any]:
        """The logs over all ranks as floats, sorted by name as Keras' are.

        The metrics; but what a step of the user's own returned (outputs, of the last batch) if that
        has other names.
        """
        counted = [m for m in self.metrics if m is not self._loss_tracker]
        with summed_over_ranks(counted):  # the loss is the global one on every rank already
            found = {name: plain(v) for name, v in log_values(self.metrics).items()}
        if kind in self._own_logs:
            return self._own_results(self._own_logs[kind], outputs, runner, found)
        return {name: found[name] for name in sorted(found)}

    def _own_results(self, names: list, outputs: list, runner: Runner, found: dict) -> dict:
        """The logs that a step of the user's own returned, by `names`; found: the metrics."""
        rows = runner.last_rows
        values = weighted_over_ranks(outputs, *rows) if runner.is_split else outputs
        own = {n: plain(v) for n, v in zip(names, values, strict=True)}
        if not float(self._loss_tracker.count.numpy()):
            found.pop("loss", None)  # nobody told it
        # As Keras, but on several ranks only a metric's own states give its result.
        known = found if set(own) == set(found) or distributed.size() > 1 else {}
        return {name: known.get(name, value) for name, value in own.items()}

    def _need_compile(self, caller: str) -> None:
        if not self.compiled:
            raise ValueError(f"You must call `compile()` before calling `{caller}()`.")


@functools.cache
def takes_training(compute_loss: Callable) -> bool:
    """Whether a compute_loss knows the argument, which Keras has since 3.3."""
    return "training" in inspect.signature(compute_loss).parameters


def unpack(data: Any) -> tuple:
    """(x, y, sample_weight) of what a step is given."""
    if not isinstance(data, tuple):
        return data, None, None
    return (*data, None, None)[:3]
