"""The names around the tape against TensorFlow: asserts, devices, printing, checkpoints, aliases.

The record is made by tests/golden/record_names.py.
"""

import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest

import framework as tf
from framework.engine import awaiting
from tests.golden import record_names

RECORD = json.loads((Path(__file__).parent / "names.json").read_text())


@pytest.fixture(autouse=True)
def as_at_first():
    """Nothing waits for Variables of an earlier test."""
    awaiting.WAITING.clear()


def same(ours, theirs, text):
    """Equal values; floats up to rounding."""
    if isinstance(theirs, dict) and "error" in theirs:
        assert isinstance(ours, dict), f"{text}: {ours} for {theirs}"
        assert ours["error"] == theirs["error"], f"{text}: {ours} for {theirs}"
        if not any(words in text for words in record_names.OWN_WORDS):
            assert ours["words"] == theirs["words"]
    elif isinstance(theirs, list):
        assert isinstance(ours, (list, tuple)) and len(ours) == len(theirs), f"{text}: {ours}"
        for a, b in zip(ours, theirs, strict=True):
            same(a, b, text)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=2e-6, nan_ok=True), text
    else:
        assert ours == theirs and type(ours) is type(theirs), f"{text}: {ours} for {theirs}"


@pytest.mark.parametrize(
    ("text", "theirs"), RECORD["values"], ids=[text[:60] for text, _ in RECORD["values"]]
)
def test_is_as_in_tensorflow(text, theirs):
    assert text in record_names.VALUES, "the record is older than the cases"
    same(json.loads(json.dumps(record_names.result(tf, text))), theirs, text)


@pytest.mark.parametrize(
    ("text", "theirs"), RECORD["prints"], ids=[text[:60] for text, _ in RECORD["prints"]]
)
def test_prints_the_same_bytes(text, theirs, monkeypatch):
    import io
    import sys

    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert record_names.printed(tf, text) == theirs


def test_print_goes_where_it_is_told(tmp_path, capsys, caplog):
    tf.print("e", tf.constant(1))
    assert capsys.readouterr() == ("", "e 1\n")
    for _ in range(2):
        tf.print("f", output_stream=f"file://{tmp_path}/out")
    assert (tmp_path / "out").read_text() == "f\nf\n"
    with caplog.at_level(logging.INFO):
        tf.print("i", tf.constant(2), output_stream=logging.info)
        tf.print("w", output_stream=logging.WARNING)
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("INFO", "i 2"),
        ("WARNING", "w"),
    ]


def test_checkpoints_do_as_tensorflows():
    ours = json.loads(json.dumps(record_names.tour(tf)))
    own = ("keys",)  # the same ones
    assert [x for x in ours if x[0] not in own] == [x for x in RECORD["tour"] if x[0] not in own]
    keys = [[sorted(x[1]) for x in tour if x[0] == "keys"] for tour in (ours, RECORD["tour"])]
    assert keys[0] == keys[1]


def test_check_numerics_names_the_op():
    tf.debugging.enable_check_numerics()
    try:
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=r'op "log".*\n.*\n.*\(2,\)\n.*\+NaN'
        ):
            tf.math.log(tf.constant([-1.0, 1.0]))
        x = tf.constant([0.0])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.sqrt(x)
        with pytest.raises(tf.errors.InvalidArgumentError, match="Inf"):
            tape.gradient(y, x)
        assert np.isnan(tf.identity(tf.constant(np.nan)).numpy())
    finally:
        tf.debugging.disable_check_numerics()
    assert np.isnan(tf.math.log(tf.constant(-1.0)).numpy())


def test_hard_placement_refuses_what_is_not_there():
    tf.config.set_soft_device_placement(False)
    try:
        with tf.device("/CPU:0"):
            pass
        with pytest.raises(tf.errors.InvalidArgumentError, match="GPU:0'. enable_soft"):
            with tf.device("/GPU:0"):
                pass
    finally:
        tf.config.set_soft_device_placement(True)


def test_threads_are_set():
    import threadpoolctl

    def in_force():
        return {
            p["num_threads"] for p in threadpoolctl.threadpool_info() if "blas" in p["user_api"]
        }

    before = tf.config.threading.get_intra_op_parallelism_threads()
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        assert tf.config.threading.get_intra_op_parallelism_threads() == 1
        assert in_force() <= {1}
    finally:
        tf.config.threading.set_intra_op_parallelism_threads(before)


def test_functions_run_eagerly():
    ran = []
    double = tf.function(lambda x: ran.append(1) or x * 2.0)
    tf.config.run_functions_eagerly(True)
    try:
        assert tf.config.functions_run_eagerly()
        assert [float(double(tf.constant(2.0))) for _ in range(3)] == [4.0] * 3 and len(ran) == 3
    finally:
        tf.config.run_functions_eagerly(False)


def test_determinism_wants_seeds(monkeypatch):
    from framework.engine import random
    from framework.tf.random import DETERMINISM

    monkeypatch.setitem(DETERMINISM, "is_on", False)
    monkeypatch.setitem(random.STATE, "seed", None)
    tf.config.experimental.enable_op_determinism()
    with pytest.raises(RuntimeError, match="Random ops require a seed to be set"):
        tf.random.normal((2,))
    assert tf.random.normal((2,), seed=1).shape == (2,)


def test_generators_repeat_and_differ():
    one, two = [tf.random.Generator.from_seed(5) for _ in range(2)]
    first, second = one.normal((100,)).numpy(), one.normal((100,)).numpy()
    assert (two.normal((100,)).numpy() == first).all() and not (first == second).any()
    other = tf.random.Generator.from_seed(6).normal((100,)).numpy()
    assert not np.isin(other, np.concatenate([first, second])).any()
    parts = one.split(2)
    assert not (parts[0].uniform((50,)).numpy() == parts[1].uniform((50,)).numpy()).any()
    state = one.state.numpy()
    drawn = one.uniform((3,), 5, 9, tf.int32).numpy()
    assert ((drawn >= 5) & (drawn < 9)).all()
    one.reset(state)
    assert (one.uniform((3,), 5, 9, tf.int32).numpy() == drawn).all()
    tf.random.set_global_generator(two)
    assert tf.random.get_global_generator() is two


def test_stateless_numbers_depend_on_the_seed_alone():
    draws = [tf.random.stateless_uniform((1000,), [1, 2]).numpy() for _ in range(2)]
    assert (draws[0] == draws[1]).all() and 0.45 < draws[0].mean() < 0.55
    assert not (tf.random.stateless_uniform((1000,), [1, 3]).numpy() == draws[0]).any()
    seeds = tf.random.split([1, 2], 50).numpy()
    assert len({tuple(s) for s in seeds}) == 50
    z = tf.random.stateless_normal((4000,), tf.random.fold_in([1, 2], 7), 3.0, 2.0).numpy()
    assert abs(z.mean() - 3.0) < 0.15 and abs(z.std() - 2.0) < 0.1


def test_categorical_has_the_probabilities():
    tf.random.set_seed(3)
    drawn = tf.random.categorical(tf.math.log([[0.2, 0.5, 0.3], [0.9, 0.05, 0.05]]), 20000).numpy()
    parts = [np.bincount(row, minlength=3) / 20000 for row in drawn]
    np.testing.assert_allclose(parts, [[0.2, 0.5, 0.3], [0.9, 0.05, 0.05]], atol=0.015)


def test_a_generator_goes_into_a_checkpoint(tmp_path):
    generator = tf.random.Generator.from_seed(1)
    path = tf.train.Checkpoint(g=generator).write(tmp_path / "g")
    wanted = generator.uniform((3,)).numpy()
    again = tf.random.Generator.from_seed(2)
    tf.train.Checkpoint(g=again).read(path).assert_consumed()
    assert (again.uniform((3,)).numpy() == wanted).all()


@pytest.mark.parametrize("kept", [0, 7, 60, -1])
def test_a_damaged_checkpoint_is_refused_and_loses_nothing(tmp_path, kept):
    checkpoint = tf.train.Checkpoint(a=tf.Variable([1.0, 2.0]), b=tf.Variable(3.0))
    path = Path(checkpoint.save(tmp_path / "ck") + ".safetensors")
    path.write_bytes(path.read_bytes()[:kept])
    checkpoint.a.assign([8.0, 9.0])
    with pytest.raises(tf.errors.DataLossError, match="ck-1.safetensors is no whole checkpoint"):
        checkpoint.restore(str(tmp_path / "ck-1"))
    assert checkpoint.a.numpy().tolist() == [8.0, 9.0]


def test_nothing_is_assigned_unless_all_fits(tmp_path):
    path = tf.train.Checkpoint(a=tf.Variable(1.0), b=tf.Variable([1.0])).write(tmp_path / "x")
    a = tf.Variable(5.0)
    with pytest.raises(ValueError, match=r"incompatible tensor with shape \(1,\)"):
        tf.train.Checkpoint(a=a, b=tf.Variable([1.0, 2.0])).read(path)
    assert float(a) == 5.0


def test_a_full_disk_leaves_the_older_checkpoint(tmp_path, monkeypatch):
    checkpoint = tf.train.Checkpoint(a=tf.Variable(1.0))
    manager = tf.train.CheckpointManager(checkpoint, tmp_path, 1)
    first = manager.save()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        manager.save()
    monkeypatch.undo()
    assert manager.latest_checkpoint == tf.train.latest_checkpoint(tmp_path) == first
    checkpoint.a.assign(7.0)
    checkpoint.restore(first)
    assert float(checkpoint.a) == 1.0
    assert sorted(os.listdir(tmp_path)) == ["checkpoint", "ckpt-1.safetensors"]


def test_a_checkpoint_of_tensorflow_is_told_apart(tmp_path):
    (tmp_path / "ck-1.index").write_bytes(b"x")
    with pytest.raises(tf.errors.NotFoundError, match="a checkpoint of TensorFlow"):
        tf.train.Checkpoint().restore(tmp_path / "ck-1")


def test_waiting_values_do_not_keep_objects(tmp_path):
    import gc
    import weakref

    path = tf.train.Checkpoint(a=tf.Variable(1.0), b=tf.Variable(2.0)).write(tmp_path / "x")
    late = tf.train.Checkpoint(a=tf.Variable(0.0))
    late.read(path)
    watched = weakref.ref(late)
    assert awaiting.WAITING
    del late
    gc.collect()
    awaiting.settle()
    assert watched() is None and not awaiting.WAITING


def test_what_is_not_there_names_the_nearest():
    for owner, name, near in (
        (tf.debugging, "assert_eqal", "assert_equal"),
        (tf.train, "CheckpointManger", "CheckpointManager"),
        (tf.config, "list_physical_device", "list_physical_devices"),
        (tf.random, "stateles_normal", "stateless_normal"),
        (tf.bitwise, "bitwise_nand", "bitwise_and"),
    ):
        with pytest.raises(AttributeError, match=f"the nearest name it has is '{near}'"):
            getattr(owner, name)
    with pytest.raises(AttributeError, match="has no 'summary'"):
        tf.summary  # noqa: B018


def test_the_version_is_tensorflows_and_the_release_ours():
    import tomllib

    import framework

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert framework.__version__ == tf.version.VERSION == "2.21.0"
    assert project["version"] == framework.RELEASE
