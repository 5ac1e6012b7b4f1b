"""TerminateOnNaN."""

from __future__ import annotations

import math

from framework.keras.callbacks.callback import Callback


class TerminateOnNaN(Callback):
    """Stops training when the loss is NaN or infinite, at the end of the batch that shows it.

    error=True: the step whose loss or gradient is not finite writes nothing, and fit raises a
    FloatingPointError naming epoch, step, layer, op and samples; an update that overflows is named
    after it was written. That holds for a train_step of the user's own, too, if the model's
    optimizer applies its gradients. The checks are part of the compiled step, so no Python comes
    back per batch.
    """

    def __init__(self, error: bool = False):
        self.error = error

    def wants_batches(self, kind: str) -> bool:
        """Only without `error`, which checks inside of the step."""
        return kind == "train" and not self.error

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            self.model.stop_training = True

    def get_config(self) -> dict:
        """error, unless it is False, as Keras has no such argument."""
        return {"error": True} if self.error else {}
