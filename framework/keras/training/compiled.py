"""The losses and metrics that compile() was given, matched with the model's outputs."""

from __future__ import annotations

from typing import Any

from framework.engine import nest
from framework.engine.tensor import Tensor
from framework.keras import losses, metrics


class CompiledLoss:
    """One loss for one output, or a list of losses for a list of outputs, summed with
    `loss_weights`."""

    def __init__(self, loss: Any, weights: list | None):
        self.losses = [None if part is None else losses.get(part) for part in nest.flatten(loss)]
        self.weights = list(weights) if weights is not None else [1.0] * len(self.losses)
        if len(self.weights) != len(self.losses):
            raise ValueError(
                f"compile: {len(self.losses)} losses and {len(self.weights)} loss_weights"
            )

    @property
    def is_given(self) -> bool:
        """True if compile() got a loss."""
        return any(loss is not None for loss in self.losses)

    def __call__(self, y: Any, y_pred: Any, sample_weight: Any) -> Tensor:
        targets, outputs = nest.flatten(y), nest.flatten(y_pred)
        if len(self.losses) != len(outputs) or len(targets) != len(outputs):
            raise ValueError(
                f"the model has {len(outputs)} outputs, got {len(targets)} targets and "
                f"{len(self.losses)} losses"
            )
        weights = (
            nest.flatten(sample_weight)
            if isinstance(sample_weight, (list, tuple, dict))
            else [sample_weight] * len(outputs)
        )
        total: Any = None
        for loss, factor, target, output, weight in zip(
            self.losses, self.weights, targets, outputs, weights, strict=True
        ):
            if loss is not None:
                value = loss(target, output, sample_weight=weight)
                value = value if factor == 1.0 else value * factor
                total = value if total is None else total + value
        return total

    def check_targets(self, y: Any, output_shapes: list[tuple]) -> None:
        """ValueError if the targets (arrays) cannot be meant for outputs of these shapes."""
        targets = nest.flatten(y)
        if len(targets) == len(self.losses) == len(output_shapes):
            for loss, target, shape in zip(self.losses, targets, output_shapes):
                if loss is not None and target is not None:
                    loss.check_targets(target, shape)


class CompiledMetrics:
    """Metrics of compile(): names are resolved when the first batch shows the shapes ("accuracy"
    has three meanings)."""

    def __init__(self, given: Any, weighted: Any, loss: Any):
        self._given = [(m, False) for m in nest.flatten(given) if m is not None]
        self._given += [(m, True) for m in nest.flatten(weighted) if m is not None]
        self._loss = loss
        self._made: list[tuple[Any, bool]] | None = None

    @property
    def is_given(self) -> bool:
        """True if compile() got metrics."""
        return bool(self._given)

    @property
    def metrics(self) -> list:
        """The metrics that exist so far."""
        return [metric for metric, _ in self._made or []]

    def update_state(self, y: Any, y_pred: Any, sample_weight: Any) -> None:
        """Add a batch."""
        if not self._given:
            return
        target, output = nest.flatten(y)[0], nest.flatten(y_pred)[0]
        if self._made is None:
            self._made = []
            for given, is_weighted in self._given:
                metric = metrics.resolve(given, target, output, self._loss)
                if is_weighted and any(metric.name == other.name for other, _ in self._made):
                    metric.name = f"weighted_{metric.name}"
                self._made.append((metric, is_weighted))
        for metric, is_weighted in self._made:
            metric.update_state(
                target, output, sample_weight=sample_weight if is_weighted else None
            )
