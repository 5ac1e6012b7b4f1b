"""What loading leaves alone, and what files and disks that fail are called."""

from __future__ import annotations

import json
import resource
import zipfile

import numpy as np
import pytest

from framework import keras

L, O = keras.layers, keras.optimizers
FORMATS = pytest.mark.parametrize("name", ["w.safetensors", "w.weights.h5"])


@pytest.fixture(autouse=True)
def _needs_h5py():
    pytest.importorskip("h5py")


def model_with(optimizer, is_built=True):
    model = keras.Sequential([keras.Input((3,)), L.Dense(2)])
    model.compile(optimizer, "mse")
    if is_built:
        optimizer.build(model.trainable_variables)
    return model


def states(model):
    return [np.array(v) for v in model.optimizer.variables]


@FORMATS
@pytest.mark.parametrize("saved", [O.SGD, O.Adam])
def test_an_optimizer_that_is_not_built_is_left_alone(saved, name, tmp_path):
    model_with(saved(0.5)).save_weights(tmp_path / name)
    model = model_with(O.Adam(0.25), is_built=False)
    model.load_weights(tmp_path / name)
    assert not model.optimizer.built
    assert float(model.optimizer.learning_rate) == 0.25


@FORMATS
def test_states_of_another_class_are_left_alone(name, tmp_path):
    """RMSprop and Adagrad have as many states, of the same shapes."""
    source = model_with(O.RMSprop(0.5))
    source.save_weights(tmp_path / name)
    model = model_with(O.Adagrad(0.25))
    before = states(model)
    with pytest.warns(UserWarning, match=r"Adagrad with 4 variables, .* those of RMSprop with 4"):
        model.load_weights(tmp_path / name)
    for a, b in zip(before, states(model), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(model.get_weights()[0], source.get_weights()[0])


@FORMATS
def test_a_built_optimizer_of_the_class_takes_its_states(name, tmp_path):
    model_with(O.RMSprop(0.5)).save_weights(tmp_path / name)
    model = model_with(O.RMSprop(0.25))
    model.load_weights(tmp_path / name)
    assert float(model.optimizer.learning_rate) == 0.5


def test_a_whole_model_brings_its_optimizer(tmp_path):
    model = model_with(O.Adam(0.5))
    model.optimizer.iterations.assign(7)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert (again.optimizer.built, int(again.optimizer.iterations)) == (True, 7)


@pytest.mark.parametrize("config", [[], [{"class_name": "Dense"}], "text", {"config": {}}])
def test_a_config_that_is_no_model(config, tmp_path):
    path = tmp_path / "m.keras"
    model_with(O.SGD()).save(path)
    with zipfile.ZipFile(path) as file:
        parts = {n: file.read(n) for n in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for n, data in (parts | {"config.json": json.dumps(config)}).items():
            file.writestr(n, data)
    with pytest.raises(ValueError, match=r"m\.keras is no \.keras file of a model: .*config\.json"):
        keras.saving.load_model(path)


def test_broken_json_and_broken_h5(tmp_path):
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", "{")
        file.writestr("model.weights.h5", b"")
    with pytest.raises(ValueError, match=r"m\.keras is no whole \.keras file"):
        keras.saving.load_model(path)
    (tmp_path / "w.weights.h5").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"w\.weights\.h5 is not a whole HDF5 file"):
        model_with(O.SGD()).load_weights(tmp_path / "w.weights.h5")


@pytest.fixture
def short_disk():
    """Files cannot become larger than 64 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", ["w.safetensors", "w.weights.h5", "m.keras"])
def test_a_full_disk_is_named(name, short_disk, tmp_path):
    model = keras.Sequential([keras.Input((100,)), L.Dense(1000)])
    with pytest.raises(OSError, match=f"File too large.*{name}"):
        (model.save if name == "m.keras" else model.save_weights)(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["w.safetensors", "w.weights.h5"])
def test_a_disk_without_room_is_an_oserror_that_names_the_file(name, tmp_path):
    import resource

    model = keras.Sequential([keras.Input((50,)), keras.layers.Dense(400)])
    model.save_weights(tmp_path / name)
    before, kept = (tmp_path / name).read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, kept[1]))
    try:
        with pytest.raises(OSError, match=name):
            model.save_weights(tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
    assert (tmp_path / name).read_bytes() == before and len(list(tmp_path.iterdir())) == 1
