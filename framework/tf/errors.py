"""tf.errors."""

from framework.engine import door
from framework.engine.errors import InvalidArgumentError, OutOfRangeError

__getattr__ = door.lacking(__name__, globals())
