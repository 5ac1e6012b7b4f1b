"""Writes tests/golden/recurrent.npz and recurrent.json: what real Keras gives for
tests/keras/recurrent_cases.py.

Run it with a Python that has keras and tensorflow, from the root of the repository:
    PYTHONPATH=. python tests/golden/record_recurrent.py
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

from tests.keras.recurrent_cases import CASES, REFUSED, configs, refusal


def main() -> None:
    """Run all cases with Keras and write what they give."""
    arrays = {}
    for name, run in CASES.items():
        keras.utils.clear_session()
        arrays |= {f"{name}/{key}": np.asarray(v) for key, v in run(keras, tf).items()}
    found = configs(keras) | {f"refused/{i}": refusal(keras, i) for i in range(len(REFUSED))}
    np.savez_compressed(Path(__file__).with_name("recurrent.npz"), **arrays)
    text = json.dumps(found, indent=0, separators=(",", ":"))
    Path(__file__).with_name("recurrent.json").write_text(text + "\n", encoding="utf-8")
    print(f"{len(arrays)} arrays of Keras {keras.__version__}")


if __name__ == "__main__":
    main()
