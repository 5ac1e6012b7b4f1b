"""An experiment file -> a Plan in which nothing is wrong, or one error that tells all that is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.data import DATA_SETS
from framework.engine.spelling import suggest
from framework.experiment import overrides, schema, yaml_reader
from framework.experiment.catalog import Catalog
from framework.experiment.errors import UserError
from framework.experiment.source import Problem, Source

# Arguments of callbacks that name files: relative ones are meant inside the run folder.
_FILE_ARGUMENTS = ("filepath", "filename", "log_dir", "backup_dir")


@dataclass
class Plan:
    """A checked experiment and the objects it names (weights are not made yet)."""

    source: Source
    experiment: schema.Experiment
    catalog: Catalog
    layers: list
    loss: Any
    metrics: list
    optimizer: Any

    def callbacks(self, folder: Path) -> list:
        """The callbacks, made anew, with their files inside the run folder."""
        inside = [_inside(each, folder) for each in self.experiment.callbacks]
        return self.catalog.make_list("callback", inside, ("callbacks",))

    def resolved(self) -> dict[str, Any]:
        """The whole configuration with all defaults: what the run folder keeps."""
        return self.experiment.model_dump()


def read_experiment(path: str | Path, settings: Iterable[str] = ()) -> Source:
    """The file with `--set` values put over it; UserError if it cannot be read."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file{_near(path)}") from None
    except IsADirectoryError:
        raise UserError(f"{path}: expected an experiment file, this is a folder") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not text in UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    source = yaml_reader.read(text, str(path))
    if isinstance(source.data, dict) or source.data is None:
        overrides.apply(source, settings)
    return source


def check(source: Source, catalog: Catalog) -> Plan:
    """Everything in `source` against the schema and the registries; raises all problems at once."""
    data = source.data if isinstance(source.data, dict) else {}
    experiment, problems = schema.validate(source.data)
    problems += _check_data(data.get("data"))
    seed = data.get("seed", 0)
    catalog.set_seed(seed if experiment else 0)  # before the layers: they draw from it
    catalog.problems = problems
    layers = catalog.make_list("layer", data.get("model"), ("model",))
    loss = catalog.make("loss", data["loss"], ("loss",)) if "loss" in data else None
    metrics = catalog.make_list("metric", data.get("metrics"), ("metrics",))
    optimizer = _optimizer(data["optimizer"], catalog) if "optimizer" in data else None
    callbacks = catalog.make_list("callback", data.get("callbacks"), ("callbacks",))
    problems += _check_monitors(callbacks, data, metrics)
    if problems or experiment is None:
        raise source.error(problems)
    if experiment.name is None:
        experiment.name = Path(source.name).stem
    if experiment.data.file is not None:
        experiment.data.file = str(Path(source.name).resolve().parent / experiment.data.file)
    return Plan(source, experiment, catalog, layers, loss, metrics, optimizer)


def _check_data(data: Any) -> list[Problem]:
    """What the schema cannot say: one of name and file, a known name, samples left to train on."""
    if not isinstance(data, dict):
        return []
    problems, name = [], data.get("name")
    if (name is None) == (data.get("file") is None):
        wanted = f"a data set (name: one of {', '.join(sorted(DATA_SETS))}) or a file: X.npz"
        problems.append(Problem(("data",), f"expected either {wanted}"))
    elif isinstance(name, str) and name not in DATA_SETS:
        told = f"unknown data set '{name}'{suggest(name, DATA_SETS)}"
        problems.append(Problem(("data", "name"), told))
    shares = {part: data.get(part) for part in ("validation", "test")}
    given = [share for share in shares.values() if isinstance(share, float) and share < 1]
    if sum(given) >= 1:
        told = "validation {validation} and test {test} leave no samples for training"
        problems.append(Problem(("data",), told.format(**shares)))
    return problems


def _check_monitors(callbacks: list, data: dict, metrics: list) -> list[Problem]:
    """Callbacks that watch a number must watch one that there will be."""
    if None in metrics or not isinstance(data.get("data"), dict):
        return []  # what the logs will hold is not known
    logs, problems = _logs(callbacks, data["data"], metrics), []
    for i, callback in enumerate(callbacks):
        watched = getattr(callback, "monitor", None)
        if watched is None or watched in logs or not getattr(callback, "save_best_only", True):
            continue
        path = ("callbacks", i, type(callback).__name__, "monitor")
        hint = suggest(watched, logs)
        if watched == f"val_{watched.removeprefix('val_')}" and "val_loss" not in logs:
            hint = " (data.validation is 0, so there are no val_ numbers)"
        problems.append(Problem(path, f"there is no '{watched}' to watch{hint}"))
    return problems


def _logs(callbacks: list, data: dict, metrics: list) -> list[str]:
    """The names of the numbers that an epoch reports."""
    logs = ["loss", *(m if isinstance(m, str) else m.name for m in metrics)]
    if data.get("validation"):
        logs += [f"val_{name}" for name in logs]
    if any(type(each).__name__ == "ReduceLROnPlateau" for each in callbacks):
        logs.append("learning_rate")
    return logs


def _optimizer(value: Any, catalog: Catalog) -> Any:
    """`adam`, or `{name: Adam, learning_rate: ...}`: one form, so that --set always fits."""
    path = ("optimizer",)
    if not isinstance(value, dict):
        return catalog.make("optimizer", value, path)
    if "name" not in value:
        first = next(iter(value), "Adam")
        hint = "" if first not in catalog.names("optimizer") else f" (write name: {first})"
        catalog.problems.append(Problem((*path, "name"), f"required key is missing{hint}"))
        return None
    arguments = {key: each for key, each in value.items() if key != "name"}
    name = value["name"]
    if not isinstance(name, str):
        return catalog.make("optimizer", name, (*path, "name"))
    if not catalog.known("optimizer", name, (*path, "name")):
        return None
    return catalog.build(name, catalog.registry("optimizer")[name], arguments, path)


def _inside(callback: Any, folder: Path) -> Any:
    """A callback as written, with relative file names moved into `folder`."""
    if not isinstance(callback, dict):
        return callback
    return {
        name: {
            key: str(folder / each) if key in _FILE_ARGUMENTS and isinstance(each, str) else each
            for key, each in (arguments or {}).items()
        }
        for name, arguments in callback.items()
    }


def _near(path: Path) -> str:
    """A hint at a file of nearly that name beside it."""
    try:
        names = [each.name for each in path.parent.iterdir() if each.suffix in (".yaml", ".yml")]
    except OSError:
        return ""
    hint = suggest(path.name, names)
    return hint if "did you mean" in hint else ""
