"""Callback: hooks that fit, evaluate and predict call."""

from __future__ import annotations

from typing import Any

from framework.keras.configurable import Configurable


class Callback(Configurable, kind="callback"):
    """Base: override the hooks you need. `logs` is a dict of floats; `self.model` and `self.params`
    are set.

    Hooks of batches bring Python back into every step of a compiled epoch, so fit calls them only
    if one of the callbacks overrides one. On several ranks all callbacks run everywhere; write
    files on rank 0 only.
    """

    model: Any = None
    params: dict = {}

    def set_params(self, params: dict) -> None:
        """What the caller says: epochs, steps, verbose."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """The model that is trained."""
        self.model = model

    def on_train_begin(self, logs: dict | None = None) -> None:
        """At the start of fit."""

    def on_train_end(self, logs: dict | None = None) -> None:
        """At the end of fit."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Before an epoch, the first has number 0."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """After an epoch and its validation."""

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before a training step."""

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """After a training step."""

    def on_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Older name of on_train_batch_begin."""

    def on_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Older name of on_train_batch_end."""

    def on_test_begin(self, logs: dict | None = None) -> None:
        """At the start of evaluate or a validation."""

    def on_test_end(self, logs: dict | None = None) -> None:
        """At the end of evaluate or a validation."""

    def on_test_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before a step of evaluate."""

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """After a step of evaluate."""

    def on_predict_begin(self, logs: dict | None = None) -> None:
        """At the start of predict."""

    def on_predict_end(self, logs: dict | None = None) -> None:
        """At the end of predict."""

    def on_predict_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before a step of predict."""

    def on_predict_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """After a step of predict."""

    def wants_batches(self, kind: str) -> bool:
        """True if a hook of batches of `kind` ("train", "test", "predict") is overridden."""
        names = [f"on_{kind}_batch_begin", f"on_{kind}_batch_end"]
        names += ["on_batch_begin", "on_batch_end"] if kind == "train" else []
        return any(
            getattr(type(self), n) is not getattr(Callback, n) or n in vars(self) for n in names
        )
