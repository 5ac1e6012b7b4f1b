"""torch.utils."""

from framework.engine import door
from framework.torch import dlpack

__getattr__ = door.lacking(__name__, globals(), with_modules=True)
