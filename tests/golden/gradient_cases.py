"""What the gradient matrix asks of TensorFlow: expressions of its names over a pool of inputs.

An expression is differentiated with respect to each pool input that it names; `C` is tf.constant.
Lines of gradient_cases.txt that begin with "float32:" run with the pool in float32, those with
"zero:" with unconnected_gradients="zero". Those of control_cases.txt run thrice: as they are, as
a tf.function ("function:"), and with all their tapes inside of one ("within:").
"""

from pathlib import Path

import numpy as np

RNG = np.random.default_rng(7)


def drawn(*shape):
    """Normal numbers of two digits."""
    return np.round(RNG.normal(size=shape), 2)


def definite(*shape):
    """Positive definite matrices."""
    x = drawn(*shape)
    return x @ np.swapaxes(x, -1, -2) + np.diag(np.arange(1.0, shape[-1] + 1))


POOL = {
    "S": 1.5,
    "S0": 0.0,
    "V": [0.3, -1.2, 2.1, -0.4],
    "W": [1.1, 0.7, -0.6, 1.9],
    "P": [0.4, 1.3, 2.6, 0.9],  # positive
    "Q": [1.7, 0.5, 2.2, 0.8],
    "U": [0.2, -0.5, 0.7, -0.85],  # within -1 and 1
    "G": [1.2, 1.9, 3.1, 2.4],  # above 1
    "Z": [0.0, 1.0, 0.0, -2.0],
    "Y": [0.0, 0.0, 3.0, 2.0],
    "Z0": [0.0, 0.0, 0.0],
    "Z1": [2.0, 0.0, 3.0],  # one zero
    "T": [2.0, 1.0, 2.0, 1.0],  # ties
    "TT": [[2.0, 1.0, 2.0], [1.0, 1.0, 3.0]],
    "B": [-1.0, 0.0, 1.0, 6.0, 7.0, -3.0],  # bounds
    "X": [-100.0, 100.0, -1000.0, 1000.0, 30.0, -30.0],
    "H": [0.5, 1.5, -0.5, 2.5],  # halves
    "O": [0.7],
    "E": np.zeros((0, 3)),
    "E0": np.zeros(0),
    "M": [[0.31, -1.24, 2.03], [-0.52, 1.11, 0.76]],
    "MZ": [[0.0, 0.3, -0.27], [-0.89, -0.45, -0.99]],
    "N": drawn(2, 3),
    "PM": np.abs(drawn(2, 3)) + 0.3,
    "R": drawn(1, 3),
    "D": drawn(2, 1),
    "V3": drawn(3),
    "V2": drawn(2),
    "M32": drawn(3, 2),
    "M22": drawn(2, 2),
    "M5": drawn(5, 2),
    "K": drawn(2, 3, 2),
    "K2": drawn(2, 2, 2),
    "K1": drawn(1, 2, 2),
    "A": drawn(2, 2) + 3 * np.eye(2),
    "AB": drawn(2, 2, 2) + 3 * np.eye(2),
    "AD": definite(2, 2),
    "ADB": definite(2, 2, 2),
    "AL": np.tril(drawn(2, 2)) + 3 * np.eye(2),
    "AZ": np.array([[1.0, 2.0], [2.0, 4.0]]),  # singular
    "PR": [[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]],  # probabilities
    "LX": [[100.0, -100.0, 0.0], [1000.0, 999.0, -1000.0]],  # extreme logits
    "IM": drawn(1, 3, 3, 1),
    "I2": drawn(1, 4, 4, 2),
    "I4": drawn(1, 2, 2, 4),
    "IT": [[[[1.0], [2.0], [2.0]], [[2.0], [1.0], [0.0]], [[0.0], [0.0], [0.0]]]],  # ties
    "F": drawn(2, 2, 1, 2),
    "FD": drawn(2, 2, 2, 1),
    "FP": drawn(1, 1, 2, 2),
    "F1": drawn(2, 2, 1),
    "L1": drawn(1, 5, 2),
    "NA": [1.0, np.nan, np.inf, -np.inf],
}
POOL = {name: np.asarray(value, np.float64) for name, value in POOL.items()}

# Of these only shapes, dtypes and None, zeros or values are compared: they are random.
RANDOM = ("tf.random.", "tf.nn.dropout")

UNARY = {
    "V Z S E": "tf.abs tf.negative tf.sign tf.square tf.exp tf.sin tf.cos tf.sinh tf.cosh tf.tanh "
    "tf.atan tf.asinh tf.sigmoid tf.tan tf.math.erf tf.math.erfc tf.math.expm1 tf.math.softplus "
    "tf.math.log_sigmoid tf.nn.relu tf.nn.relu6 tf.nn.leaky_relu tf.nn.elu tf.nn.selu tf.nn.gelu "
    "tf.nn.silu tf.nn.swish tf.nn.softsign tf.nn.sigmoid tf.nn.softplus tf.nn.tanh tf.identity "
    "tf.stop_gradient tf.nn.l2_loss tf.zeros_like tf.ones_like",
    "V H": "tf.floor tf.round tf.math.ceil tf.math.rint",
    "P Z S": "tf.sqrt tf.math.rsqrt tf.math.log tf.math.log1p tf.math.reciprocal tf.math.lgamma "
    "tf.math.digamma",
    "U Z": "tf.asin tf.acos tf.atanh tf.math.erfinv",
    "G": "tf.acosh",
    "X": "tf.sigmoid tf.math.softplus tf.math.log_sigmoid tf.tanh tf.nn.elu tf.nn.selu tf.nn.gelu "
    "tf.nn.silu tf.nn.softsign tf.math.erf tf.math.erfc tf.nn.relu6 tf.math.expm1 tf.exp",
    "B": "tf.nn.relu tf.nn.relu6 tf.nn.leaky_relu tf.nn.elu tf.nn.selu tf.abs tf.sign",
    "NA": "tf.sigmoid tf.math.softplus tf.math.log_sigmoid tf.tanh tf.nn.relu tf.nn.relu6 "
    "tf.nn.elu tf.nn.selu tf.nn.leaky_relu tf.abs tf.sign tf.sqrt tf.math.log tf.exp tf.square "
    "tf.nn.softsign tf.nn.softmax tf.nn.log_softmax tf.reduce_max tf.reduce_logsumexp "
    "tf.reduce_prod tf.cumsum tf.math.cumprod",
}
BINARY = {
    "tf.add tf.subtract tf.multiply tf.maximum tf.minimum tf.math.squared_difference "
    "tf.math.multiply_no_nan": "V,W S,M R,D M,V3 T,Y V,2.0 2.0,V E,R Z,Y",
    "tf.divide tf.truediv tf.math.divide_no_nan tf.math.floormod tf.math.xdivy": "V,P S,PM R,D "
    "M,V3 V,2.0 2.0,P E,R Z,Y V,Z Z,P",
    "tf.pow tf.math.xlogy": "P,V S,PM PM,V3 Z,Y Z,Z V,2.0 V,3.0 2.0,P Z,0.0 Z,1.0 Z,2.0 P,0.5 E,R "
    "Y,P Y,Z",
    "tf.math.atan2": "V,W S,M R,D Z,Y V,Z",
}
LINES = Path(__file__).with_suffix(".txt").read_text().splitlines()
CONTROL = Path(__file__).with_name("control_cases.txt").read_text().splitlines()


def expressions():
    """All of them."""
    found = [f"{name}({x})" for xs, names in UNARY.items() for name in names.split()
             for x in xs.split()]  # fmt: skip
    found += [f"{name}({pair.replace(',', ', ')})" for names, pairs in BINARY.items()
              for name in names.split() for pair in pairs.split()]  # fmt: skip
    found += [kind + text for text in CONTROL for kind in ("", "function: ", "within: ")]
    return list(dict.fromkeys([*found, *LINES]))
