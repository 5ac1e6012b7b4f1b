"""Weights and models in files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from framework import keras
from framework.keras.saving import weights

L = keras.layers


def mlp(name=None):
    return keras.Sequential(
        [
            keras.Input((4,)),
            L.Dense(6, activation="relu", name="hidden"),
            L.BatchNormalization(),
            L.Dropout(0.5),
            L.Dense(2),
        ],
        name=name,
    )


def residual():
    x = keras.Input((4,), name="x")
    h = L.Dense(4, activation="relu", name="d1")(x)
    return keras.Model(x, L.Dense(1, name="out")(L.Add(name="add")([h, x])), name="residual")


def nested():
    inner = keras.Sequential([keras.Input((4,)), L.Dense(3, name="i1")], name="inner")
    x = keras.Input((4,))
    return keras.Model(x, L.Dense(1)(inner(x)), name="outer")


BUILDERS = [mlp, residual, nested]
X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def drawn(build):
    model = build()
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in model.get_weights()])
    return model


def ending(name):
    if name == ".weights.h5":
        pytest.importorskip("h5py")
    return name


@pytest.mark.parametrize("suffix", [".safetensors", ".weights.h5"])
@pytest.mark.parametrize("build", BUILDERS)
def test_weights_round_trip(build, suffix, tmp_path):
    model, path = drawn(build), tmp_path / f"w{ending(suffix)}"
    model.save_weights(path)
    keras.utils.clear_session()
    other = build()
    other.load_weights(path)
    np.testing.assert_array_equal(other(X), model(X))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # no temporary file stays


@pytest.mark.parametrize("suffix", [".safetensors", ".weights.h5"])
def test_optimizer_states_travel_too(suffix, tmp_path):
    path, models = tmp_path / f"w{ending(suffix)}", []
    for _ in range(2):
        model = mlp()
        model.compile(keras.optimizers.Adam(0.1), "mse", run_eagerly=True)
        models.append(model)
    y = np.ones((3, 2), np.float32)
    models[0].fit(X, y, epochs=2, verbose=0, shuffle=False)
    models[0].save_weights(path)
    models[1].optimizer.build(models[1].trainable_variables)
    models[1].load_weights(path)
    assert int(models[1].optimizer.iterations) == 2
    for a, b in zip(models[0].optimizer.variables, models[1].optimizer.variables):
        np.testing.assert_array_equal(a, b)
    plain = mlp()
    plain.load_weights(path)  # a model without optimizer leaves them
    np.testing.assert_array_equal(plain(X), models[0](X))


def test_h5_has_the_layout_of_keras(tmp_path):
    h5py = pytest.importorskip("h5py")
    drawn(nested).save_weights(tmp_path / "w.weights.h5")
    found = {}
    with h5py.File(tmp_path / "w.weights.h5") as file:
        file.visititems(lambda name, item: found.update({name: getattr(item, "shape", None)}))
    assert {k: v for k, v in found.items() if v is not None} == {
        "layers/dense/vars/0": (3, 1),
        "layers/dense/vars/1": (1,),
        "layers/sequential/layers/dense/vars/0": (4, 3),
        "layers/sequential/layers/dense/vars/1": (3,),
    }
    assert "layers/input_layer/vars" in found


def test_own_layers_are_named_after_their_attribute():
    class Pair(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = L.Dense(2)
            self.rest = [L.Dense(2), L.Dense(1)]

        def call(self, x):
            for layer in [self.first, *self.rest]:
                x = layer(x)
            return x

    model = Pair()
    model(X)
    places = [place for place, variables in weights.groups(model) if variables]
    assert places == ["first", "layers/dense", "layers/dense_1"]


@pytest.mark.parametrize("build", BUILDERS)
def test_whole_model_round_trip(build, tmp_path):
    pytest.importorskip("h5py")
    model, path = drawn(build), tmp_path / "m.keras"
    model.save(path)
    keras.utils.clear_session()
    other = keras.models.load_model(path)
    np.testing.assert_array_equal(other(X), model(X))
    assert other.to_json() == model.to_json()
    with pytest.raises(FileExistsError):
        model.save(path, overwrite=False)


def test_compiled_model_goes_on_training(tmp_path):
    pytest.importorskip("h5py")
    model, y = mlp(), np.ones((3, 2), np.float32)
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"], run_eagerly=True)
    model.fit(X, y, verbose=0)
    model.save(tmp_path / "m.keras")
    other = keras.models.load_model(tmp_path / "m.keras")
    assert int(other.optimizer.iterations) == 1
    a, b = model.evaluate(X, y, verbose=0), other.evaluate(X, y, verbose=0)
    assert a == b and len(a) == 2


@pytest.mark.parametrize("build", BUILDERS)
def test_json_round_trip(build):
    model = build()
    text = model.to_json()
    keras.utils.clear_session()
    again = keras.models.model_from_json(text)
    assert again.to_json() == text
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone(X), model(X))


def test_registered_class_comes_back_and_others_do_not():
    @keras.saving.register_keras_serializable(package="tests")
    class Twice(L.Layer):
        def __init__(self, factor=2.0, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, x):
            return x * self.factor

    class Unknown(Twice):
        pass

    saved = json.loads(json.dumps(keras.saving.serialize_keras_object(Twice(3.0, name="t"))))
    assert saved["registered_name"] == "tests>Twice"
    again = keras.saving.deserialize_keras_object(saved)
    assert type(again) is Twice and again.factor == 3.0 and again.name == "t"
    saved = keras.saving.serialize_keras_object(Unknown())
    with pytest.raises(ValueError, match="register_keras_serializable"):
        keras.saving.deserialize_keras_object(saved)
    found = keras.saving.deserialize_keras_object(saved, custom_objects={"Unknown": Unknown})
    assert type(found) is Unknown


def test_errors_name_file_and_remedy(tmp_path):
    model = drawn(mlp)
    with pytest.raises(ValueError, match=r"must end in \.safetensors or \.weights\.h5"):
        model.save_weights(tmp_path / "w.bin")
    with pytest.raises(FileNotFoundError, match=r"no file .*w\.safetensors"):
        model.load_weights(tmp_path / "w.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        model.load_weights(tmp_path / "broken.safetensors")
    path = tmp_path / "other.safetensors"
    keras.Sequential([keras.Input((4,)), L.Dense(5)]).save_weights(path)
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"shape \(4, 5\) for .*hidden/kernel, wanted \(4, 6\)"):
        model.load_weights(path)
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="not built"):
        keras.Sequential([L.Dense(1)]).save_weights(path)
