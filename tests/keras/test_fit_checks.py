"""What does not fit is told before a weight changes: every kind of model, eager and compiled."""

import warnings

import numpy as np
import pytest

import framework as tf
from framework import keras
from framework.engine.errors import BroadcastWarning
from framework.keras import layers


class Stack(keras.Model):
    """A subclass that does not tell its outputs before it is called."""

    def __init__(self, parts):
        super().__init__()
        self.parts = parts

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x


def functional(parts):
    x = start = keras.Input((4,))
    for part in parts:
        x = part(x)
    return keras.Model(start, x)


KINDS = {
    "lazy": keras.Sequential,
    "built": lambda parts: keras.Sequential([keras.Input((4,)), *parts]),
    "functional": functional,
    "subclass": Stack,
}
CROSSENTROPY = keras.losses.SparseCategoricalCrossentropy


def three_classes(kind, eager, from_logits=True):
    model = KINDS[kind]([layers.Dense(3, activation=None if from_logits else "softmax")])
    model.compile("sgd", CROSSENTROPY(from_logits=from_logits), run_eagerly=eager)
    return model


def labelled(bad):
    x, y = np.ones((20, 4), np.float32), np.arange(20) % 3
    y[13] = bad
    return x, y


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [-1, 3])
def test_labels_out_of_range(kind, eager, bad):
    model = three_classes(kind, eager)
    with pytest.raises(ValueError, match=rf"labels out of range: y\[13\] is {bad}, .* 3 classes"):
        model.fit(*labelled(bad), batch_size=8, shuffle=False, verbose=0)
    assert int(model.optimizer.iterations.numpy()) == 0


@pytest.mark.parametrize("call", ["evaluate", "train_on_batch", "test_on_batch"])
def test_labels_out_of_range_in_other_calls(call):
    model = three_classes("subclass", False, from_logits=False)
    getattr(model, call)(*labelled(0))
    with pytest.raises(ValueError, match=r"labels out of range: y\[13\] is 9"):
        getattr(model, call)(*labelled(9))


def test_labels_of_the_validation_data():
    model = three_classes("lazy", False)
    with pytest.raises(ValueError, match="labels out of range"):
        model.fit(*labelled(0), validation_data=labelled(5), verbose=0)


def test_an_ignored_label_is_no_mistake():
    model = KINDS["lazy"]([layers.Dense(3)])
    model.compile("sgd", CROSSENTROPY(from_logits=True, ignore_class=-1))
    history = model.fit(*labelled(-1), verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_a_step_that_cannot_be_traced_raises_in_the_op():
    class Looks(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x * float(tf.reduce_max(x)))

    model = Looks()
    model.compile("sgd", CROSSENTROPY(from_logits=True))
    with pytest.raises(ValueError, match="label value of 7 which is outside .* \\[0, 3\\)"):
        model.fit(*labelled(7), verbose=0)


WRONG = {
    "mean_squared_error: .*\\(batch, 2\\), .*\\(batch, 3\\): axis 1 is 2 against 3": (
        "mse", (20, 2)),
    "mean_absolute_error: .* \\(batch\\), .* \\(batch, 3\\): 1 axes against 2": ("mae", (20,)),
    "axis 1 is 3 against 4": ("huber", (20, 3, 4)),
    "integer labels want sparse_categorical_crossentropy": ("categorical_crossentropy", (20, 1)),
}  # fmt: skip


@pytest.mark.parametrize("message", WRONG)
@pytest.mark.parametrize("eager", [False, True])
def test_targets_of_another_shape(message, eager):
    loss, shape = WRONG[message]
    x = np.ones((20, 5, 4) if len(shape) == 3 else (20, 4), np.float32)
    message = "axis 1 is 3 against 5" if len(shape) == 3 else message
    model = KINDS["lazy"]([layers.Dense(3 if len(shape) < 3 else 4)])
    model.compile("sgd", loss, run_eagerly=eager)
    with pytest.raises(ValueError, match=message):
        model.fit(x, np.ones(shape, np.float32), verbose=0)


def test_targets_that_broadcast_train_with_a_warning():
    model = KINDS["lazy"]([layers.Dense(3)])
    model.compile("sgd", "mse")
    with pytest.warns(BroadcastWarning, match="axis 1 is 1 against 3"):
        model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)


def test_a_vector_meets_a_column_without_a_warning():
    model = KINDS["lazy"]([layers.Dense(1)])
    model.compile("sgd", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(np.ones((8, 4)), np.ones(8), verbose=0)


def two_outputs(*args, **options):
    start = keras.Input((4,))
    model = keras.Model(start, [layers.Dense(1, name="a")(start), layers.Dense(1, name="b")(start)])
    model.compile("sgd", *args, **options)
    return model


X, Y = np.ones((8, 4), np.float32), np.ones((8, 1), np.float32)
MATCHING = {
    r"loss: the model has no output 'bb' \(did you mean 'b'\?\)": ({"a": "mse", "bb": "mse"}, {}),
    "compile: 2 losses and 1 loss_weights": (["mse", "mse"], {"loss_weights": [1.0]}),
    "metrics has 1 entries for a model with 2 outputs": ("mse", {"metrics": ["mae"]}),
}


@pytest.mark.parametrize("message", MATCHING)
def test_losses_and_metrics_that_fit_no_output(message):
    loss, options = MATCHING[message]
    with pytest.raises(ValueError, match=message):
        two_outputs(loss, **options).fit(X, [Y, Y], verbose=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation_data": (X,)}, "validation_data is a tuple of 1, wanted"),
        ({"validation_data": X}, "validation_data is a ndarray, wanted"),
        ({"validation_data": (X, Y), "validation_freq": 0}, "validation_freq is 0, wanted"),
        ({"class_weight": [1, 2]}, r"class_weight is \[1, 2\], wanted {class: weight}"),
    ],
)
def test_options_of_fit_that_cannot_be_meant(options, message):
    model = KINDS["lazy"]([layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y, verbose=0, **options)


COUNTS = (
    *("batch_size", "epochs", "initial_epoch", "steps_per_epoch", "validation_steps"),
    *("validation_batch_size", "validation_freq"),
)


@pytest.mark.parametrize("name", COUNTS)
def test_counts_that_no_program_can_count_to(name):
    model = KINDS["built"]([layers.Dense(1)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    too_large = [] if name == "validation_freq" else [2**63, 2**70]
    for wrong in (-1, 2.5, "x", *too_large):
        with pytest.raises(ValueError, match=f"fit: {name} is {wrong!r}, wanted a"):
            model.fit(X, Y, verbose=0, validation_data=(X, Y), **{name: wrong})
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    model.fit(X, Y, verbose=0, validation_data=(X, Y), **{name: np.int64(1)})


@pytest.mark.parametrize("caller", ["evaluate", "predict"])
@pytest.mark.parametrize("name", ["batch_size", "steps"])
def test_counts_of_evaluate_and_predict(caller, name):
    model = KINDS["built"]([layers.Dense(1)])
    model.compile("sgd", "mse")
    for wrong in (0, -1, 2.5, "x", 2**70):
        with pytest.raises(ValueError, match=f"{caller}: {name} is {wrong!r}, wanted a whole"):
            getattr(model, caller)(X, verbose=0, **{name: wrong})


def test_fit_without_targets_says_so():
    model = KINDS["lazy"]([layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="targets y are missing"):
        model.fit(X, verbose=0)


@pytest.mark.parametrize("eager", [False, True])
def test_a_step_with_nan_leaves_moving_statistics_alone(eager):
    model = KINDS["lazy"]([layers.BatchNormalization(), layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=eager)
    x = np.ones((32, 4), np.float32)
    x[20] = np.nan
    stop = keras.callbacks.TerminateOnNaN(error=True)
    with pytest.raises(FloatingPointError, match="step 3 of 4"):
        model.fit(x, np.ones(32), batch_size=8, shuffle=False, verbose=0, callbacks=[stop])
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_evaluate_after_an_early_stop_sees_all_batches():
    class Stops(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    class Watches(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            pass

    x, y = np.arange(40, dtype="f4").reshape(10, 4), np.zeros(10)
    model = KINDS["lazy"]([layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e-5), "mse")
    model.fit(x, y, epochs=2, callbacks=[Stops()], verbose=0)
    whole = model.evaluate(x, y, batch_size=2, verbose=0)
    assert model.evaluate(x, y, batch_size=2, verbose=0, callbacks=[Watches()]) == whole


def test_a_layer_made_in_call_is_told(caplog):
    class Forgets(keras.Model):
        def __init__(self):
            super().__init__()
            self.kept = layers.Dense(3)

        def call(self, x):
            return layers.Dense(1, name="lost")(self.kept(x))

    Forgets()(X)
    assert "layer 'lost' is called in 'forgets' but is not among the attributes" in caplog.text
    assert caplog.text.count("is not among") == 1


@pytest.mark.parametrize(("verbose", "said"), [(1, "predicted 2 of 2 batches\n"), ("auto", "")])
def test_predict_says_what_it_did_if_asked(verbose, said, capsys):
    KINDS["built"]([layers.Dense(1)]).predict(X, batch_size=4, verbose=verbose)
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(("given", "batches"), [("auto", [0, 1, 2]), (2, [1, 3])])
def test_batch_hooks_are_called_as_often_as_wished(given, batches):
    seen = []
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", steps_per_execution=given)
    hook = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    model.fit(np.ones((6, 2)), np.ones((6, 1)), batch_size=2, callbacks=[hook], verbose=0)
    assert seen == batches


@pytest.mark.parametrize("given", [0, -1, 1.5, "often"])
def test_other_steps_per_execution_are_refused(given):
    with pytest.raises(ValueError, match="steps_per_execution must be 1 or more, or 'auto'"):
        keras.Sequential([keras.layers.Dense(1)]).compile("sgd", "mse", steps_per_execution=given)
