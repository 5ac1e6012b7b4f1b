"""tf.experimental."""

from framework.engine import door
from framework.tf.experimental import dlpack

__getattr__ = door.lacking(__name__, globals(), with_modules=True)
