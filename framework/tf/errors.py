"""tf.errors."""

from framework.engine.errors import InvalidArgumentError
