"""A checked plan -> arrays and a compiled model, with mistakes told as mistakes of the user."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from framework import distributed, keras
from framework.data import DataError, Parts, load, load_file, prepare
from framework.engine.errors import BroadcastWarning
from framework.experiment.check import Plan
from framework.experiment.errors import UserError
from framework.experiment.source import Problem

T = TypeVar("T")


def together(action: Callable[[], T]) -> T:
    """`action()` on every rank; a UserError on any of them is raised on all of them."""
    world = distributed.comm()
    result, error = None, None
    try:
        result = action()
    except UserError as raised:
        error = (str(raised), raised.code)
        if world.size == 1:
            raise
    errors = world.gather_object(error)
    first = next((each for each in errors if each), None) if errors is not None else None
    first = world.broadcast_object(first)
    if first:
        raise UserError(*first, shared=True)
    return result  # type: ignore[return-value]


@contextmanager
def users_mistake(plan: Plan, key: str) -> Iterator[None]:
    """Reports a ValueError (shapes, labels, options that do not fit) at `key` of the experiment;
    targets that fit by broadcasting only are a mistake here, too.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", BroadcastWarning)
            yield
    except (ValueError, BroadcastWarning, MemoryError) as error:
        message = " ".join(str(error).split())
        raise plan.source.error([Problem((key,), message)]) from error


def check_world(plan: Plan) -> None:
    """Hold `distributed.backend` against the ranks that there are; set the watchdog's timeout."""
    settings, world = plan.experiment.distributed, distributed.comm()
    distributed.set_timeout(settings.timeout_seconds)
    path = ("distributed", "backend")
    if settings.backend == "none" and world.size > 1:
        told = f"none means one process, but a launcher started {world.size} ranks"
        raise plan.source.error([Problem(path, told)])
    if settings.backend == "mpi" and world.size == 1:
        told = "mpi needs several ranks, start it with `mpirun -n 2 ...` or `launch/train -n 2 ...`"
        raise plan.source.error([Problem(path, told)])


def load_data(plan: Plan) -> Parts:
    """The three parts of the experiment's data, prepared as it says."""
    options = plan.experiment.data.model_dump()
    name, file = options.pop("name"), options.pop("file")
    try:
        return prepare(load(name) if name is not None else load_file(file), **options)
    except DataError as error:
        raise plan.source.error([Problem(("data",), str(error))]) from error


def build_model(plan: Plan, parts: Parts) -> keras.Sequential:
    """The model of the experiment, built for the data's shape and compiled."""
    with users_mistake(plan, "model"):
        model = keras.Sequential(plan.layers, name=plan.experiment.name)
        model.build((None, *parts.train[0].shape[1:]))
        model.compile(
            optimizer=plan.optimizer,
            loss=plan.loss,
            metrics=plan.metrics,
            run_eagerly=plan.experiment.run_eagerly,
        )
    return model


def evaluate(plan: Plan, model: keras.Sequential, parts: Parts) -> dict[str, float]:
    """Loss and metrics on the test part, each with `test_` before its name; {} without one."""
    x, y = parts.test
    if not len(x):
        return {}
    with users_mistake(plan, "model"):
        logs = model.evaluate(
            x, y, batch_size=plan.experiment.batch_size, verbose=0, return_dict=True
        )
    return {f"test_{name}": float(value) for name, value in logs.items()}


def figures(values: dict[str, float]) -> str:
    """`test_loss 0.1234   test_accuracy 0.9560`."""
    return "   ".join(f"{name} {value:.4f}" for name, value in values.items())
