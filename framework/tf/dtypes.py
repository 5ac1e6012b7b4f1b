"""tf.dtypes."""

from framework.engine import door
from framework.engine.dtypes import DTYPES, DType
from framework.tf.arithmetic import saturate_cast
from framework.tf.arrays import cast
from framework.tf.types import as_dtype

globals().update(DTYPES)
double, half = DTYPES["float64"], DTYPES["float16"]

__getattr__ = door.lacking(__name__, globals())
