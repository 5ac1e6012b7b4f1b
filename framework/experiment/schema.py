"""What an experiment file may say; the fixed keys, as pydantic models.

The parts that name layers, losses and the like are checked by catalog.py against the registries.
Nothing here is optional and ignored: every key is used by run.py or data.prepare.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from framework.engine.spelling import suggest
from framework.experiment.source import Problem, shown


class Section(BaseModel):
    """A mapping of which every key is known; no value is converted from another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _amount(value: Any) -> int | float:
    """A number of samples, or a share of them."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, float) and 0 <= value < 1:
        return value
    wanted = "a number of samples (0 or more) or a share (at least 0.0, less than 1.0)"
    raise PydanticCustomError("wanted", "{wanted}", {"wanted": wanted})


def _folder_name(value: str) -> str:
    if re.fullmatch(r"[\w+-][\w.+-]*", value):
        return value
    wanted = "letters, digits and . _ + - only, no dot first (it names a folder)"
    raise PydanticCustomError("wanted", "{wanted}", {"wanted": wanted})


Amount = Annotated[Any, BeforeValidator(_amount)]
FolderName = Annotated[str, AfterValidator(_folder_name)]


class Data(Section):
    """Which samples to learn from, and how they are split and prepared."""

    name: str | None = None  # a data set that ships in a package
    file: str | None = None  # or an .npz file with x and y, relative to the experiment file
    validation: Amount = 0
    test: Amount = 0
    normalize: Literal["none", "unit", "standardize"] = "none"
    flatten: bool = False
    one_hot: bool = False


class Distributed(Section):
    """What to expect of the world of ranks."""

    backend: Literal["auto", "none", "mpi"] = "auto"
    timeout_seconds: float = Field(300.0, gt=0, allow_inf_nan=False)


class Output(Section):
    """Where the run folder goes and what is in it."""

    folder: str = "runs"
    curves: bool = True


class Experiment(Section):
    """A whole experiment file."""

    name: FolderName | None = None
    seed: int = Field(0, ge=0, lt=2**32)
    data: Data
    model: list[Any] = Field(min_length=1)
    loss: Any
    metrics: list[Any] = []
    optimizer: Any
    callbacks: list[Any] = []
    epochs: int = Field(ge=1)
    batch_size: int = Field(32, ge=1)
    nan: Literal["raise", "ignore"] = "raise"
    run_eagerly: bool = False
    distributed: Distributed = Distributed()
    output: Output = Output()


def validate(data: Any) -> tuple[Experiment | None, list[Problem]]:
    """The experiment, or None, and everything that is wrong with its fixed keys."""
    if not isinstance(data, dict):
        return None, [Problem((), f"expected a mapping of keys, got {shown(data)}")]
    try:
        return Experiment.model_validate(data), []
    except ValidationError as error:
        return None, [_problem(each) for each in error.errors(include_url=False)]


_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "model_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
    "finite_number": "a finite number",
}
_LIMITS = {"greater_than": ("gt", "more than"), "greater_than_equal": ("ge", "at least")}
_LIMITS |= {"less_than": ("lt", "less than"), "less_than_equal": ("le", "at most")}


def _problem(error: Any) -> Problem:
    """One of pydantic's errors in our words."""
    path, kind, context = tuple(error["loc"]), error["type"], error.get("ctx", {})
    got = f", got {shown(error['input'])}"
    if kind == "missing":
        return Problem(path, "required key is missing")
    if kind == "extra_forbidden":
        return Problem(path, f"unknown key{suggest(path[-1], _keys_beside(path))}")
    if kind == "literal_error":
        options = re.findall(r"'([^']+)'", context["expected"])
        return Problem(path, f"expected {_listed(options)}{got}{_close(error['input'], options)}")
    if kind == "wanted":
        return Problem(path, f"expected {context['wanted']}{got}")
    if kind in _LIMITS:
        key, words = _LIMITS[kind]
        return Problem(path, f"expected {words} {context[key]}{got}")
    if kind == "too_short":
        return Problem(path, "expected at least one entry, got none")
    if kind in _EXPECTED:
        return Problem(path, f"expected {_EXPECTED[kind]}{got}")
    return Problem(path, f"{error['msg']}{got}")


def _keys_beside(path: tuple) -> list[str]:
    """The keys that are known where `path` ends."""
    model: Any = Experiment
    for part in path[:-1]:
        model = model.model_fields[part].annotation
    return list(model.model_fields)


def _listed(options: list[str]) -> str:
    return f"one of {', '.join(options)}"


def _close(value: Any, options: list[str]) -> str:
    hint = suggest(value, options)
    return hint if "did you mean" in hint else ""
