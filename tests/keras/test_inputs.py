"""Inputs by key, and models from their configuration."""

from __future__ import annotations

import numpy as np
import pytest

from framework import keras

L = keras.layers
ONE, TWO = np.ones((4, 2), np.float32), np.full((4, 2), 2.0, np.float32)


def difference(form):
    """x - y, with the inputs x and y in another structure."""
    x, y = keras.Input((2,), name="x"), keras.Input((2,), name="y")
    return keras.Model(form(x, y), L.Subtract()([x, y]), name="m")


FORMS = {
    "dict": lambda x, y: {"x": x, "y": y},
    "unsorted dict": lambda x, y: {"y": y, "x": x},
    "list": lambda x, y: [x, y],
}


@pytest.mark.parametrize("form", FORMS)
def test_keys_decide(form):
    model = difference(FORMS[form])
    data = {"z": TWO, "y": TWO, "x": ONE, "a": TWO}  # z and a: not of the model
    assert model(data).numpy().tolist() == [[-1.0, -1.0]] * 4
    assert model.predict(data, verbose=0).tolist() == [[-1.0, -1.0]] * 4


@pytest.mark.parametrize("form", FORMS)
def test_a_missing_key_is_named(form):
    model = difference(FORMS[form])
    for wrong in ({"x": ONE}, {"x": ONE, "z": TWO}):
        with pytest.raises(ValueError, match=r"model 'm': input 'y' is missing among \['x'"):
            model(wrong)


def test_fit_takes_dicts_in_any_order():
    model = difference(FORMS["unsorted dict"])
    model.compile("sgd", "mse")
    assert model.evaluate({"x": ONE, "y": TWO, "z": TWO}, -ONE, verbose=0) == 0.0


def test_a_list_for_a_dict_goes_by_sorted_keys_or_not_at_all():
    assert difference(FORMS["dict"])([ONE, TWO]).numpy()[0, 0] == -1.0
    with pytest.raises(ValueError, match=r"inputs \['y', 'x'\]: pass a dict"):
        difference(FORMS["unsorted dict"])([ONE, TWO])


def test_a_dict_inside_a_list():
    model = difference(lambda x, y: [{"first": x}, y])
    assert model([{"first": ONE, "other": TWO}, TWO]).numpy()[0, 0] == -1.0
    with pytest.raises(ValueError, match="input 'first' is missing"):
        model([{"other": TWO}, TWO])


class Named(keras.Model):
    """A class of its own that leaves the constructor to Model."""


class Fixed(keras.Model):
    """A class that makes its own inputs."""

    def __init__(self):
        x = keras.Input((2,))
        super().__init__(x, L.Dense(1)(x))


def test_model_from_config():
    x = keras.Input((2,))
    model = keras.Model(x, L.Dense(3)(x))
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again(ONE), model(ONE))
    assert type(again) is type(model)


def test_a_class_of_ones_own_from_config():
    x = keras.Input((2,))
    model = Named(x, L.Dense(3)(x))
    for maker in (Named, type(model)):
        again = maker.from_config(model.get_config())
        assert isinstance(again, Named)
        assert again(ONE).shape == (4, 3)
        assert isinstance(type(again).from_config(again.get_config()), Named)
    fixed = Fixed()
    assert type(fixed).from_config(fixed.get_config())(ONE).shape == (4, 1)


def test_a_config_of_another_kind_is_refused():
    config = keras.Sequential([L.Dense(1)]).get_config()
    with pytest.raises((TypeError, ValueError), match="layers"):
        keras.Model.from_config(config)
