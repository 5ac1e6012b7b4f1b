"""Every rank may save: rank 0 writes."""

import pytest

from framework import keras
from tests.mpi.ranks import run_ranks

pytestmark = pytest.mark.mpi


def test_every_rank_may_save(tmp_path):
    pytest.importorskip("h5py")
    outcome = run_ranks("saving", 3, str(tmp_path), timeout=60)
    assert outcome.code == 0, outcome.text
    assert {p.name for p in tmp_path.iterdir()} == {"w.safetensors", "m.keras", "once.safetensors"}
    keras.saving.load_model(tmp_path / "m.keras").load_weights(tmp_path / "once.safetensors")
