"""The learning curves of a run as a picture."""

from __future__ import annotations

from pathlib import Path


def draw(history: dict[str, list[float]], title: str, path: Path) -> str:
    """Loss and metrics over the epochs, training and validation; returns why not, if it cannot.

    One panel per log; a column of the same name with `val_` before it goes into the same panel.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # no pyplot: 0.3 s less
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        return "no learning curves: matplotlib is not installed: pip install matplotlib"
    names = [name for name in history if not name.startswith("val_")]
    figure = Figure(figsize=(4.8 * max(len(names), 1), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    for i, name in enumerate(names):
        axes = figure.add_subplot(1, len(names), i + 1)
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            if key in history:
                axes.plot(range(1, len(history[key]) + 1), history[key], marker=".", label=label)
        axes.set_xlabel("epoch")
        axes.set_ylabel(name.replace("_", " "))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        return f"no learning curves: {error}"
    return ""
