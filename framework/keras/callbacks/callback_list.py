"""CallbackList: several callbacks, called in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framework.keras.callbacks.callback import Callback
from framework.keras.callbacks.history import History
from framework.keras.callbacks.progress import ProgressLine


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
        self.callbacks = as_list(callbacks)
        if add_progbar and first_of(ProgressLine, self.callbacks) is None:
            self.callbacks.append(ProgressLine())
        if add_history:
            self.history = first_of(History, self.callbacks) or History()
            if self.history not in self.callbacks:
                self.callbacks.append(self.history)
        if params:
            self.set_params(params)
        if model is not None:
            self.set_model(model)
            if add_history:
                model.history = self.history

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

    def on_progress(self, done: int, total: int | None) -> None:
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


def as_list(callbacks: Any) -> list[Any]:
    """None, a callback or several as a list; other things are refused."""
    if callbacks is None:
        return []
    found = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
    for c in found:
        if not isinstance(c, Callback):
            raise ValueError(f"callbacks: got {c!r}, wanted Callback objects")
    return found


def first_of(kind: type, callbacks: list) -> Any:
    """The first callback of a class, None if there is none."""
    return next((c for c in callbacks if isinstance(c, kind)), None)


def pass_on(name: str, takes_number: bool) -> Callable:
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
