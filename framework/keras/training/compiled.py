"""The losses and metrics that compile() was given, matched with the model's outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from framework.engine import nest, ops
from framework.engine.tensor import Tensor
from framework.keras import losses, metrics
from framework.keras.step import shard
from framework.keras.training.outputs import Outputs


@dataclass(frozen=True)
class Term:
    """A loss on one output; `metric` follows it if there are several."""

    output: int
    loss: Any
    weight: float | None
    name: str
    metric: Any = None


class CompiledLoss:
    """The sum of the losses of all outputs, times `loss_weights`.

    given: a loss for all outputs, or a list or dict of them (None: no loss for that output; a list
    for a single output: their sum). Several losses are followed one by one, before their weights,
    by metrics called after the outputs: "a_loss".
    """

    def __init__(self, given: Any, weights: Any, output_names: list[str] | None = None):
        self.given = nest.map_structure(named, given)
        self.weights, self.output_names = weights, output_names
        self.terms: list[Term] = []

    @property
    def is_given(self) -> bool:
        """True if compile() got a loss."""
        return any(loss is not None for loss in nest.flatten(self.given))

    @property
    def metrics(self) -> list:
        """What follows the losses of several outputs."""
        return [term.metric for term in self.terms if term.metric is not None]

    def build(self, y: Any, y_pred: Any) -> Outputs:
        """Match losses and outputs, once shapes are known; arrays or anything with a shape."""
        outputs = Outputs(y_pred, self.output_names)
        if not self.terms:
            found, targets = outputs.tensors(y_pred), self.targets(outputs, y)
            pairs = self._pairs(outputs)
            for i, loss, weight in pairs:
                made = resolved(loss, targets[i], found[i])
                name = outputs.names[i] or made.name
                metric = metrics.Mean(name=f"{name}_loss") if len(pairs) > 1 else None
                self.terms.append(Term(i, made, weight, name, metric))
        return outputs

    def _pairs(self, outputs: Outputs) -> list[tuple[int, Any, float | None]]:
        """(output, loss, weight) of each loss."""
        given = self._given_losses(outputs)
        if self.weights is None:
            return [(i, loss, None) for i, loss in given if loss is not None]
        factors = nest.flatten(self.weights)
        if isinstance(self.weights, dict):
            factors = outputs.share_out(self.weights, "loss_weights")
        if len(factors) != len(given):
            raise ValueError(f"compile: {len(given)} losses and {len(factors)} loss_weights")
        place = [i for i, _ in given] if outputs.count > 1 else range(len(given))
        return [(i, loss, factors[at]) for at, (i, loss) in zip(place, given) if loss is not None]

    def _given_losses(self, outputs: Outputs) -> list[tuple[int, Any]]:
        """(output, loss or None)"""
        if outputs.count == 1 and not isinstance(self.given, dict):
            return [(0, loss) for loss in nest.flatten(self.given)]
        if not nest.is_nested(self.given):
            return [(i, self.given) for i in range(outputs.count)]
        given = list(enumerate(outputs.share_out(self.given, "loss")))
        if outputs.keys and isinstance(self.given, dict):  # Keras reports in the dict's order
            order = {name: i for i, name in enumerate(self.given)}
            given.sort(key=lambda pair: order.get(outputs.names[pair[0]], len(order)))
        return given

    def targets(self, outputs: Outputs, y: Any) -> list:
        """A target for each output; those without a loss may lack theirs."""
        if y is None:
            raise ValueError("the targets y are missing, and compile() was given a loss")
        flat = nest.flatten(y)
        if not isinstance(y, dict) and nest.is_nested(self.given) and len(flat) < outputs.count:
            wanted = [
                i
                for i, loss in enumerate(outputs.share_out(self.given, "loss"))
                if loss is not None
            ]
            if len(flat) == len(wanted):
                place = dict(zip(wanted, flat))
                return [place.get(i) for i in range(outputs.count)]
        return outputs.share_out(y, "targets y")

    def __call__(self, y: Any, y_pred: Any, sample_weight: Any) -> Tensor:
        outputs = self.build(y, y_pred)
        targets, found = self.targets(outputs, y), outputs.tensors(y_pred)
        weights = outputs.weights(sample_weight)
        total: Any = None
        for term in self.terms:
            i = term.output
            if targets[i] is None:
                raise ValueError(f"loss {term.name!r}: the targets y have nothing for this output")
            value = scalar(term, term.loss(targets[i], found[i], sample_weight=weights[i]))
            if term.metric is not None:
                rows = found[i].array.shape[0] if found[i].ndim else 1
                follow(term.metric, value, rows)
            value = value if term.weight is None else value * float(term.weight)
            total = value if total is None else total + value
        return total

    def check_targets(self, y: Any, y_pred: Any) -> None:
        """ValueError if the targets (arrays) cannot be meant for outputs of these shapes."""
        if y is None or not self.is_given:
            return
        outputs = self.build(y, y_pred)
        targets, found = self.targets(outputs, y), outputs.tensors(y_pred)
        for term in self.terms:
            target = targets[term.output]
            if target is not None:
                term.loss.check_targets(target, tuple(found[term.output].shape))


def named(loss: Any) -> Any:
    """A Loss; "crossentropy" waits for the shapes."""
    return loss if str(loss).lower() in ("crossentropy", "ce") else losses.get(loss)


def resolved(loss: Any, target: Any, output: Any) -> Any:
    """The Loss; "crossentropy" is binary for one output, sparse for integer labels, else
    categorical."""
    if not isinstance(loss, str):
        return loss
    kind = metrics.meaning(tuple(target.shape), tuple(output.shape))
    return losses.get(f"{kind}_crossentropy")


def scalar(term: Term, value: Tensor) -> Tensor:
    """`value` if it is one number."""
    if value.ndim:
        raise ValueError(
            f"loss {term.name!r} gives values of shape {tuple(value.shape)}, and training wants "
            "one number: a reduction other than 'none'"
        )
    return value


def follow(metric: Any, loss: Tensor, rows: int) -> None:
    """Add this rank's share of a batch's loss to a Mean over all samples."""
    share = shard.current()
    counted = float(share.total) if share.total is not None and share.is_global else float(rows)
    if rows:  # the mean over no rows is NaN
        metric.total.assign_add(ops.stop_gradient(loss) * counted)
        metric.count.assign_add(float(rows))


class CompiledMetrics(metrics.Metric, register=False):
    """Metrics of compile(): names are resolved when the first batch shows the shapes ("accuracy"
    has three meanings). One metric to the model, called "compile_metrics".
    """

    def __init__(self, given: Any, weighted: Any, output_names: list[str] | None = None):
        super().__init__(name="compile_metrics")
        for what, value in (("metrics", given), ("weighted_metrics", weighted)):
            if value and not nest.is_nested(value):
                raise ValueError(
                    f"compile: expected {what} to be a list, tuple or dict, got {value!r}"
                )
        self._wanted, self._output_names = (given, weighted), output_names
        self._made: list[tuple[int, Any, bool, str | None]] | None = None

    @property
    def is_given(self) -> bool:
        """True if compile() got metrics."""
        return any(m is not None for m in nest.flatten(self._wanted))

    @property
    def metrics(self) -> list:
        """The metrics that exist so far."""
        return [metric for _, metric, _, _ in self._made or []]

    @property
    def variables(self) -> list:
        """The states of all of them."""
        return [v for metric in self.metrics for v in metric.variables]

    def reset_state(self) -> None:
        """Start anew."""
        for metric in self.metrics:
            metric.reset_state()

    def build(self, outputs: Outputs, targets: list, found: list) -> None:
        """Make the metrics for targets and outputs of these shapes."""
        self._made = []
        for given, is_weighted in zip(self._wanted, (False, True)):
            what = "weighted_metrics" if is_weighted else "metrics"
            for i, part in enumerate(self._per_output(given, outputs, what)):
                for m in nest.flatten(part):
                    if m is not None:
                        metric = metrics.resolve(m, targets[i], found[i])
                        prefix = outputs.names[i] if outputs.count > 1 else None
                        self._made.append((i, metric, is_weighted, prefix))

    def _per_output(self, given: Any, outputs: Outputs, what: str) -> list:
        """What is given for each output; for a single output everything."""
        if not given:
            return [None] * outputs.count
        if outputs.count == 1:
            return [nest.flatten(given)]
        return (
            outputs.share_out(given, what)
            if isinstance(given, dict)
            else self._listed(given, outputs, what)
        )

    def _listed(self, given: Any, outputs: Outputs, what: str) -> list:
        if len(given) != outputs.count:
            raise ValueError(
                f"compile: {what} has {len(given)} entries for a model with {outputs.count} "
                "outputs: give a list of metrics for each, or a dict by their names"
            )
        return list(given)

    def update_state(self, y: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        if not self.is_given:
            return
        outputs = Outputs(y_pred, self._output_names)
        targets, found = outputs.share_out(y, "targets y"), outputs.tensors(y_pred)
        if self._made is None:
            self.build(outputs, targets, found)
        weights = outputs.weights(sample_weight)
        for i, metric, is_weighted, _ in self._made or []:
            weight = weights[i] if is_weighted else None
            metric.update_state(targets[i], found[i], sample_weight=weight)

    def result(self) -> dict:
        """{name: result}, an output's name before the metric's; a name that is taken gets "_1", or
        "weighted_" before it.
        """
        results: dict[str, Any] = {}
        counts: dict[str, int] = {}
        for _, metric, is_weighted, prefix in self._made or []:
            name = f"{prefix}_{metric.name}" if prefix else metric.name
            if name in counts and is_weighted:
                name = f"weighted_{metric.name}"
                name = f"{prefix}_{name}" if prefix else name
            counts[name] = counts.get(name, 0) + 1
            results[name if counts[name] == 1 else f"{name}_{counts[name] - 1}"] = metric.result()
        return results
