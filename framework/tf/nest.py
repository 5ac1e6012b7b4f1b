"""tf.nest: structures of lists, tuples and dicts."""

from framework.engine.nest import flatten, is_nested, map_structure, pack_sequence_as
