"""Recurrent layers, by this package and by real Keras: each case takes the modules `keras` and `tf`
of either and gives named arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
X = (np.random.default_rng(0).normal(size=(3, 5, 2)) * 1.5).astype(np.float32)
MASK = np.array([[1, 1, 1, 1, 1], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0]], bool)
STATES = [np.random.default_rng(i).normal(size=(3, 4)).astype(np.float32) for i in (1, 2)]


def small(seed: int, shape: tuple) -> np.ndarray:
    """Values at which no function is saturated."""
    return (np.random.default_rng(seed).normal(size=shape) * 0.4).astype(np.float32)


def fill(layer: Any) -> None:
    """Weights of fixed values."""
    layer.set_weights([small(10 + i, w.shape) for i, w in enumerate(layer.get_weights())])


def gradients(tf: Any, layer: Any, states: list | None = None, **options: Any) -> Arrays:
    """Outputs, the gradients of inputs, states and weights, and their second derivatives along a
    direction."""
    inputs = [tf.constant(a) for a in [X, *(states or [])]]
    kwargs = options | ({"initial_state": inputs[1:]} if states else {})
    layer(inputs[0], **kwargs)
    fill(layer)
    compute = COMPILED[0](tf, lambda *xs: derivatives(tf, layer, list(xs), options))
    ys, found, second = compute(*inputs)
    result = {f"y{i}": y.numpy() for i, y in enumerate(ys)}
    result |= {f"g{i}": g.numpy() for i, g in enumerate(found)}
    result |= {
        f"second{i}": np.zeros(found[i].shape, "f") if g is None else g.numpy()
        for i, g in enumerate(second)
    }
    names = [f"{v.path} {tuple(v.shape)}" for v in layer.weights]
    return result | {"weights": np.array(names, str)}


# (tf, function of tensors) -> the function as it is called: a test puts in tf.function
COMPILED: list[Callable] = [lambda tf, function: function]


def derivatives(tf: Any, layer: Any, inputs: list, options: dict) -> tuple:
    """(outputs, gradients, second derivatives) of a layer with weights."""
    kwargs = options | ({"initial_state": inputs[1:]} if inputs[1:] else {})
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(inputs)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            ys = tf.nest.flatten(layer(inputs[0], **kwargs))
            loss = 0.0
            for i, y in enumerate(ys):
                loss = loss + tf.reduce_sum(y * y * tf.constant(small(30 + i, tuple(y.shape))))
            for extra in layer.losses:
                loss = loss + extra
        sources = inputs + [v.value for v in layer.trainable_weights]
        found = tape.gradient(loss, sources)
        along = 0.0
        for i, g in enumerate(found):
            along = along + tf.reduce_sum(g * tf.constant(small(50 + i, tuple(g.shape))))
    return ys, found, outer.gradient(along, sources)


def layer_case(name: str, states: int = 0, **options: Any) -> Callable:
    """A layer of 4 units."""

    def run(keras: Any, tf: Any) -> Arrays:
        layer = getattr(keras.layers, name)(4, name="layer", **options)
        return gradients(tf, layer, STATES[:states])

    return run


def masked(name: str, states: int = 0, **options: Any) -> Callable:
    """A layer of 4 units, or one of that kind both ways, that passes over steps."""

    def run(keras: Any, tf: Any) -> Arrays:
        layer = getattr(keras.layers, name.removeprefix("both "))(4, name="inner", **options)
        if name.startswith("both "):
            layer = keras.layers.Bidirectional(layer, name="layer")
        return gradients(tf, layer, STATES[:states], mask=tf.constant(MASK))

    return run


def masked_stack(keras: Any, tf: Any) -> Arrays:
    """RNN over a list of cells that passes over steps."""
    cells = [keras.layers.LSTMCell(3), keras.layers.GRUCell(4, reset_after=False)]
    layer = keras.layers.RNN(cells, return_state=True, name="layer")
    return gradients(tf, layer, mask=tf.constant(MASK))


def stacked(keras: Any, tf: Any) -> Arrays:
    """RNN over a list of cells."""
    cells = [keras.layers.LSTMCell(3), keras.layers.GRUCell(4), keras.layers.SimpleRNNCell(2)]
    return gradients(tf, keras.layers.RNN(cells, return_sequences=True, name="layer"))


def own_cell(keras: Any, tf: Any) -> Arrays:
    """RNN over a cell that the user wrote."""

    class Minimal(keras.layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = self.state_size = units

        def build(self, input_shape):
            self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")
            self.recurrent = self.add_weight((self.units, self.units), name="recurrent")

        def call(self, inputs, states):
            y = tf.matmul(inputs, self.kernel) + tf.matmul(states[0], self.recurrent)
            return y, [y]

    return gradients(tf, keras.layers.RNN(Minimal(3, name="own"), return_state=True, name="layer"))


def two_ways(merge_mode: str | None, states: bool = False, **options: Any) -> Callable:
    """Bidirectional LSTM."""

    def run(keras: Any, tf: Any) -> Arrays:
        inner = keras.layers.LSTM(4, name="inner", **options)
        layer = keras.layers.Bidirectional(inner, merge_mode=merge_mode, name="layer")
        return gradients(tf, layer, STATES + STATES if states else None)

    return run


def each_step(inner: str, **options: Any) -> Callable:
    """TimeDistributed."""

    def run(keras: Any, tf: Any) -> Arrays:
        layer = getattr(keras.layers, inner)(**options, name="inner")
        return gradients(tf, keras.layers.TimeDistributed(layer, name="layer"))

    return run


def stateful(name: str) -> Callable:
    """Two calls, the second one from where the first one ended; then from zeros again."""

    def run(keras: Any, tf: Any) -> Arrays:
        layer = getattr(keras.layers, name)(4, stateful=True)
        layer(tf.constant(X))
        fill(layer)
        layer.reset_state()
        found = {f"y{i}": layer(tf.constant(X)).numpy() for i in range(2)}
        layer.reset_state()
        return found | {"again": layer(tf.constant(X)).numpy()}

    return run


def trained(name: str) -> Callable:
    """Three epochs of `fit`, then predictions."""

    def run(keras: Any, tf: Any) -> Arrays:
        inner = getattr(keras.layers, name)
        model = keras.Sequential(
            [
                keras.Input((None, 2)),
                inner(4, return_sequences=True),
                inner(3, go_backwards=True),
                keras.layers.Dense(1),
            ]
        )
        fill(model)
        model.compile(keras.optimizers.Adam(0.05), "mse")
        history = model.fit(X, X[:, :1, 0], batch_size=2, epochs=3, shuffle=False, verbose=0)
        found = {f"w{i}": w for i, w in enumerate(model.get_weights())}
        loss = np.array(history.history["loss"], np.float32)
        return found | {"loss": loss, "y": model.predict(X, verbose=0)}

    return run


GATED = {"recurrent_regularizer": "l2", "bias_regularizer": "l1", "kernel_regularizer": "l2"}
CASES: dict[str, Callable] = {
    "lstm": layer_case("LSTM"),
    "lstm sequences": layer_case("LSTM", return_sequences=True, return_state=True),
    "lstm states": layer_case("LSTM", 2, return_state=True, go_backwards=True),
    "lstm all": layer_case("LSTM", 2, return_sequences=True, use_bias=False, **GATED),
    "lstm other": layer_case("LSTM", activation="elu", recurrent_activation="hard_sigmoid"),
    "lstm bias": layer_case("LSTM", unit_forget_bias=False, implementation=1, unroll=True),
    "gru": layer_case("GRU"),
    "gru sequences": layer_case("GRU", 1, return_sequences=True, return_state=True, **GATED),
    "gru before": layer_case("GRU", 1, reset_after=False, return_sequences=True),
    "gru before plain": layer_case("GRU", reset_after=False, use_bias=False, go_backwards=True),
    "gru plain": layer_case("GRU", use_bias=False, go_backwards=True),
    "gru other": layer_case("GRU", activation="elu", recurrent_activation="softplus"),
    "simple": layer_case("SimpleRNN"),
    "simple sequences": layer_case("SimpleRNN", 1, return_sequences=True, return_state=True),
    "simple linear": layer_case("SimpleRNN", 1, activation=None, use_bias=False, **GATED),
    "masked lstm": masked("LSTM", 2, return_state=True),
    "masked lstm backwards": masked("LSTM", go_backwards=True),
    "masked gru": masked("GRU", 1),
    "masked simple": masked("SimpleRNN", 1, return_state=True, activation="sigmoid"),
    "masked both": masked("both GRU"),
    "masked stack": masked_stack,
    "stacked": stacked,
    "own cell": own_cell,
    "both": two_ways("concat", return_sequences=True),
    "both sum": two_ways("sum"),
    "both ave": two_ways("ave", return_sequences=True, return_state=True),
    "both mul": two_ways("mul", states=True),
    "both apart": two_ways(None, return_state=True),
    "each dense": each_step("Dense", units=3, activation="tanh"),
    "stateful lstm": stateful("LSTM"),
    "stateful gru": stateful("GRU"),
    "stateful simple": stateful("SimpleRNN"),
    "trained lstm": trained("LSTM"),
    "trained gru": trained("GRU"),
    "trained simple": trained("SimpleRNN"),
}


def configs(keras: Any) -> dict[str, Any]:
    """What Keras writes for the layers that no sample has."""
    layers = keras.layers
    made = {
        "lstm cell": layers.LSTMCell(3, dropout=0.2, seed=1),
        "gru cell": layers.GRUCell(3, reset_after=False),
        "simple cell": layers.SimpleRNNCell(3, recurrent_dropout=0.5),
        "rnn": layers.RNN(layers.GRUCell(3, name="a"), stateful=True, name="b"),
        "stacked": layers.RNN(
            [layers.GRUCell(3, name="a"), layers.LSTMCell(2, name="c")], name="b"
        ),
        "both": layers.Bidirectional(layers.GRU(3, name="a"), merge_mode="sum", name="b"),
        "each": layers.TimeDistributed(layers.Dense(3, name="a"), name="b"),
    }
    for name, layer in made.items():
        if name.endswith("cell"):
            layer.name = name.replace(" ", "_")
    return {name: keras.saving.serialize_keras_object(layer) for name, layer in made.items()}


# What is refused: (class, arguments, shape of an input or None).
REFUSED: list[tuple[str, dict, tuple | None]] = [
    ("LSTM", {"units": 0}, None),
    ("GRU", {"units": -1}, None),
    ("LSTM", {"units": 2, "use_cudnn": "no"}, None),
    ("Bidirectional", {"layer": 3}, None),
    ("TimeDistributed", {"layer": 3}, None),
]


def refusal(keras: Any, number: int) -> list[str]:
    """The class and the text of the error that a case of REFUSED raises."""
    name, options, shape = REFUSED[number]
    try:
        layer = getattr(keras.layers, name)(**options)
        layer(np.zeros(shape or (), np.float32))
    except Exception as error:
        return [type(error).__name__, str(error)]
    raise AssertionError(f"{name}({options}) takes an input of shape {shape}")
