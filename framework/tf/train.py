"""tf.train: checkpoints. Their files are our own (safetensors), see Checkpoint."""

from framework.engine import door
from framework.keras.saving.checkpoint import Checkpoint, list_variables, load_variable
from framework.keras.saving.keeper import CheckpointManager
from framework.keras.saving.record import CheckpointState, get_checkpoint_state
from framework.keras.saving.record import latest as latest_checkpoint

__getattr__ = door.lacking(__name__, globals())
