"""tf.version: the TensorFlow whose behaviour this package follows, not the package's own version.

Scripts compare it: `tf.version.VERSION >= "2"`. `framework.__version__` is the same, as
`tf.__version__` is that; the package's own version is `framework.RELEASE`.
"""

from framework.engine import door

VERSION = "2.21.0"
__getattr__ = door.lacking(__name__, globals())
