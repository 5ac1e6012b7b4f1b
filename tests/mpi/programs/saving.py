"""Every rank saves again and again; the files lie in the folder argv[1]."""

import sys
from pathlib import Path

from framework import keras

folder = Path(sys.argv[1])
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((50,)), keras.layers.Dense(500)])
for _ in range(10):
    model.save_weights(folder / "w.safetensors")
    model.save(folder / "m.keras")
model.save_weights(folder / "once.safetensors", overwrite=False)
