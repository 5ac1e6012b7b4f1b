"""Errors of the engine. One message form everywhere: what, got, wanted, where."""


class InvalidArgumentError(ValueError):
    """Values that do not fit together: dtypes that differ, labels out of range, indices out of
    bounds."""


class BroadcastWarning(UserWarning):
    """Two shapes meet by broadcasting where the same shape was most likely meant."""


class TraceError(TypeError):
    """A value was asked for while tracing, when only shapes and dtypes are known."""
