"""`framework eval`: the figures of a run, computed again from its folder."""

from __future__ import annotations

from pathlib import Path

from framework import distributed
from framework.experiment import build
from framework.experiment.check import check, read_experiment
from framework.experiment.errors import UserError
from framework.experiment.folder import CONFIG, LAST, WEIGHTS
from framework.experiment.registries import keras_catalog


def evaluate(folder: str | Path) -> int:
    """Rebuild the model of a run folder, load its weights, print its figures on the test part."""
    distributed.comm()
    folder = Path(folder)
    config, weights = build.together(lambda: _files(folder))
    plan = build.together(lambda: check(read_experiment(config), keras_catalog()))
    parts = build.together(lambda: build.load_data(plan))
    model = build.together(lambda: build.build_model(plan, parts))
    try:
        model.load_weights(str(weights))
    except (ValueError, OSError) as error:
        raise UserError(f"{weights}: {' '.join(str(error).split())}") from error
    figures = build.evaluate(plan, model, parts)
    if distributed.is_root():
        if weights.name == LAST:
            print(f"the run did not end; its weights after the last finished epoch: {weights}")
        print(build.figures(figures) or "no test part: data.test is 0", flush=True)
    return 0


def _files(folder: Path) -> tuple[Path, Path]:
    """(configuration, weights) of a run folder; UserError if it is none."""
    if not folder.is_dir():
        raise UserError(f"{folder}: expected a run folder, {_what(folder)}")
    config = folder / CONFIG
    if not config.is_file():
        runs = sorted(each.parent.name for each in folder.glob(f"*/{CONFIG}"))
        hint = f"; its runs: {', '.join(runs[-3:])}" if runs else ""
        raise UserError(f"{folder}: not a run folder, {CONFIG} is missing{hint}")
    for name in (WEIGHTS, LAST):
        if (folder / name).is_file():
            return config, folder / name
    raise UserError(f"{folder}: holds no weights, no epoch of this run was finished")


def _what(path: Path) -> str:
    return "this is a file" if path.exists() else "it does not exist"
