"""What check_same compares, and how it says where two ranks differ (between ranks: tests/mpi)."""

import numpy as np

from framework.distributed.agreement import difference, entries


def where(wanted, got):
    return difference(dict(entries(wanted)), dict(entries(got)), 1, 0)


def test_a_leaf_is_named_by_its_path():
    wanted = {"model": [{"units": 64}], "seed": 1}
    assert where(wanted, {"model": [{"units": 32}], "seed": 1}) == (
        "model[0].units is 32 on rank 1, 64 on rank 0"
    )
    assert where(wanted, {"model": [], "seed": 1}).startswith("model is list of 0 on rank 1")
    assert "seed is nothing on rank 1, 1 on rank 0" in where(wanted, {"model": [{"units": 64}]})
    assert where(3, 4) == "value is 4 on rank 1, 3 on rank 0"


def test_arrays_are_compared_by_content_shape_and_dtype():
    x = np.arange(6.0)
    same = dict(entries(x))
    assert same == dict(entries(np.arange(12.0)[:6]))
    for other in (x.reshape(2, 3), x.astype("float32"), x + 1):
        assert same != dict(entries(other))
