"""Methods that are traced: bound to their object, which they do not keep alive."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable
from typing import Any


def weakly_bound(function: Callable, instance: Any) -> Callable:
    """A method that does not keep its instance alive."""
    reference = weakref.ref(instance)

    def method(*args: Any, **kwargs: Any) -> Any:
        return function(reference(), *args, **kwargs)

    functools.update_wrapper(method, function)
    # without `self`; inspect.signature takes this one
    setattr(method, "__signature__", inspect.signature(function.__get__(instance)))  # noqa: B010
    return method
