"""tf.errors."""

from framework.engine import door
from framework.engine.errors import InvalidArgumentError

__getattr__ = door.lacking(__name__, globals())
