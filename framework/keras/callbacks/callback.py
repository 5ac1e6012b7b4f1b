"""Callback: hooks that fit, evaluate and predict call; CallbackList: several of them in order."""

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


class CallbackList:
    """The callbacks of a run, called in order; makes a History if there is none and add_history
    says so.
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ):
        from framework.keras.callbacks.history import History
        from framework.keras.callbacks.progress import ProgressLine

        given = (
            callbacks
            if isinstance(callbacks, (list, tuple))
            else []
            if callbacks is None
            else [callbacks]
        )
        self.callbacks: list[Any] = list(given)
        for c in self.callbacks:
            if not isinstance(c, Callback):
                raise ValueError(f"callbacks: got {c!r}, wanted Callback objects")
        if add_progbar and not any(isinstance(c, ProgressLine) for c in self.callbacks):
            self.callbacks.append(ProgressLine())
        if add_history:
            self.history = (
                next((c for c in self.callbacks if isinstance(c, History)), None) or History()
            )
            if self.history not in self.callbacks:
                self.callbacks.append(self.history)
            if model is not None:
                model.history = self.history
        if params:
            self.set_params(params)
        if model is not None:
            self.set_model(model)

    def set_params(self, params: dict) -> None:
        """Tell every callback."""
        for c in self.callbacks:
            c.set_params(params)

    def set_model(self, model: Any) -> None:
        """Tell every callback."""
        for c in self.callbacks:
            c.set_model(model)

    def wants_batches(self, kind: str) -> bool:
        """True if some callback overrides a hook of batches of `kind`."""
        return any(c.wants_batches(kind) for c in self.callbacks)

    def on_progress(self, done: int, total: int) -> None:
        """Now and then within an epoch: for callbacks that show it (a method on_progress of
        theirs).
        """
        for c in self.callbacks:
            if hasattr(c, "on_progress"):
                c.on_progress(done, total)

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Calls the older hook, too."""
        for c in self.callbacks:
            c.on_train_batch_begin(batch, logs or {})
            c.on_batch_begin(batch, logs or {})

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Calls the older hook, too."""
        for c in self.callbacks:
            c.on_train_batch_end(batch, logs or {})
            c.on_batch_end(batch, logs or {})


def pass_on(name: str, takes_number: bool):
    """The hook `name` of CallbackList: calls it on every callback."""

    def with_number(self, number: int, logs: dict | None = None) -> None:
        logs = {} if logs is None else logs  # the same dict for all: a callback may add to it
        for c in self.callbacks:
            getattr(c, name)(number, logs)

    def without(self, logs: dict | None = None) -> None:
        logs = {} if logs is None else logs
        for c in self.callbacks:
            getattr(c, name)(logs)

    hook = with_number if takes_number else without
    hook.__name__, hook.__doc__ = name, getattr(Callback, name).__doc__
    return hook


for phase in ("train", "test", "predict", "epoch", "test_batch", "predict_batch"):
    for end in ("begin", "end"):
        is_numbered = phase not in ("train", "test", "predict")
        setattr(CallbackList, f"on_{phase}_{end}", pass_on(f"on_{phase}_{end}", is_numbered))
