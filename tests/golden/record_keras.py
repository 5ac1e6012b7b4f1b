"""Writes tests/golden/keras.npz and keras.json: what real Keras gives for tests/keras/cases.py.

Run it with a Python that has keras and tensorflow, from the root of the repository:
    PYTHONPATH=. python tests/golden/record_keras.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # type: ignore[import-not-found]
import numpy as np
import tensorflow as tf  # type: ignore[import-not-found]

from tests.keras.cases import REFUSED, RUNS, config_of, refusal


def main() -> None:
    """Run all cases with Keras and write what they give."""
    arrays, configs = {}, {}
    for kind, (run, cases) in RUNS.items():
        for name, number in cases():
            configs[f"{kind}/{name}/{number}"] = config_of(keras, kind, name, number)
            keras.utils.clear_session()
            for key, value in run(keras, tf, name, number).items():
                arrays[f"{kind}/{name}/{number}/{key}"] = np.asarray(value)
    configs |= {f"refused/{i}": refusal(keras, i) for i in range(len(REFUSED))}
    np.savez_compressed(Path(__file__).with_name("keras.npz"), **arrays)
    text = json.dumps(configs, indent=0, separators=(",", ":"))
    Path(__file__).with_name("keras.json").write_text(text + "\n", encoding="utf-8")
    print(f"{len(arrays)} arrays of Keras {keras.__version__}")


if __name__ == "__main__":
    main()
