"""Keras' callbacks."""

from framework.keras.callbacks.callback import Callback
from framework.keras.callbacks.callback_list import CallbackList
from framework.keras.callbacks.csv_logger import CSVLogger
from framework.keras.callbacks.early_stopping import EarlyStopping
from framework.keras.callbacks.history import History
from framework.keras.callbacks.lambda_callback import LambdaCallback
from framework.keras.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from framework.keras.callbacks.model_checkpoint import ModelCheckpoint
from framework.keras.callbacks.progress import ProgressLine
from framework.keras.callbacks.terminate_on_nan import TerminateOnNaN
