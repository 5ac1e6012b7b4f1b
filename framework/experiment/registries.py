"""The catalog of everything that framework.keras registers: the one place that joins the two."""

from framework import keras  # its import fills the registries
from framework.experiment.catalog import Catalog
from framework.keras import configurable


def keras_catalog() -> Catalog:
    """A Catalog over Keras' registries; checking an experiment sets Keras' seed."""
    return Catalog(configurable.registry, keras.utils.set_random_seed)
