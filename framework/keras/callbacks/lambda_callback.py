"""LambdaCallback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from framework.keras.callbacks.callback import Callback


class LambdaCallback(Callback):
    """Hooks given as functions: LambdaCallback(on_epoch_end=lambda epoch, logs: ...); any hook by
    its name.
    """

    def __init__(
        self,
        on_epoch_begin: Callable | None = None,
        on_epoch_end: Callable | None = None,
        on_train_begin: Callable | None = None,
        on_train_end: Callable | None = None,
        on_train_batch_begin: Callable | None = None,
        on_train_batch_end: Callable | None = None,
        **others: Any,
    ):
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
        }
        hooks |= {"on_train_end": on_train_end, "on_train_batch_begin": on_train_batch_begin}
        for name, function in (hooks | {"on_train_batch_end": on_train_batch_end} | others).items():
            if not name.startswith("on_") or not hasattr(Callback, name):
                raise TypeError(f"LambdaCallback: {name!r} is no hook")
            if function is not None:
                setattr(self, name, function)  # an attribute of the object: wants_batches sees it
