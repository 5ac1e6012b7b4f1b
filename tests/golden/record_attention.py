"""Writes tests/golden/attention.json: what real Keras gives for tests/keras/attention_cases.py.

Run it with a Python that has keras and tensorflow, from the root of the repository:
    PYTHONPATH=. python tests/golden/record_attention.py
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

from tests.keras.attention_cases import CASES, REFUSED, refusal, run


def plain(a: np.ndarray) -> list:
    """The elements, floats as short as float32 can be written."""
    return [float(f"{x:.8g}") if a.dtype.kind == "f" else x for x in a.ravel().tolist()]


def main() -> None:
    """Run all cases with Keras and write what they give."""
    found = []
    for case in CASES:
        arrays = run(keras, tf, case)
        found.append({k: [list(a.shape), plain(a)] for k, a in arrays.items()})
    refused = [refusal(keras, tf, case) for case in REFUSED]
    text = json.dumps({"cases": found, "refused": refused}, separators=(",", ":"))
    path = Path(__file__).with_name("attention.json")
    path.write_text(text.replace('{"', '\n{"') + "\n", encoding="utf-8")
    print(f"{len(found)} cases of Keras {keras.__version__}")


if __name__ == "__main__":
    main()
