"""The tape: what it records, for whom, for how long; and why a gradient is None."""

import gc
import threading
import weakref

import numpy as np
import pytest

from framework.engine import ops
from framework.engine.active import ACTIVE
from framework.engine.backward import pullback
from framework.engine.tape import GradientTape
from framework.engine.tensor import Spec, Tensor, as_tensor
from framework.engine.variable import Variable


def value(x):
    """A Python number or list."""
    return x.numpy().tolist()


def test_nothing_is_recorded_without_a_watched_input():
    x = as_tensor([1.0, 2.0])
    with GradientTape(persistent=True) as tape:
        ops.exp(x)
    assert tape._lines == []


def test_a_line_keeps_only_what_its_rule_reads():
    x = Variable([1.0, 2.0])
    with GradientTape() as tape:
        ops.exp(x + 1.0)
    add, exp = tape._lines
    assert all([type(v) is Spec for v in add.values])
    assert [type(v) is Spec for v in exp.values] == [True, False]


def test_a_spent_tape_keeps_nothing():
    x = Variable(np.ones(4, np.float32))
    with GradientTape() as tape:
        y = ops.exp(x)
        held = weakref.ref(y.array)
        y = ops.sum(y * 2.0)
    tape.gradient(y, x)
    gc.collect()
    assert held() is None


def test_a_tape_that_is_dropped_is_freed():
    tape = GradientTape()
    with tape:
        ops.exp(Variable(1.0))
    gone = weakref.ref(tape)
    del tape
    assert gone() is None and ACTIVE.tapes == ()


def test_leaving_by_an_exception_stops_the_tape():
    tape = GradientTape()
    with pytest.raises(KeyError), tape:
        raise KeyError
    assert ACTIVE.tapes == ()


def test_each_thread_has_its_own_tapes():
    results = {}

    def work(number):
        v = Variable(float(number))
        with GradientTape() as tape:
            y = v
            for _ in range(50):
                y = y * 1.0 + v
            results[number] = value(tape.gradient(y * v, v))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: 102.0 * n for n in range(8)}  # y = 51 v


def test_an_outer_tape_does_not_see_other_threads():
    v = Variable(2.0)
    with GradientTape() as tape:
        thread = threading.Thread(target=lambda: ops.exp(v))
        thread.start()
        thread.join()
    assert tape._lines == []


def test_three_orders():
    x = Variable(2.0)
    with GradientTape() as third, GradientTape() as second:
        with GradientTape() as first:
            y = x * x * x * x
        d1 = first.gradient(y, x)
        d2 = second.gradient(d1, x)
    assert [value(d1), value(d2), value(third.gradient(d2, x))] == [32.0, 48.0, 48.0]


def test_a_persistent_tape_differentiates_its_own_gradient():
    x = Variable(3.0)
    with GradientTape(persistent=True) as tape:
        y = x * x * x
        dy = tape.gradient(y, x)
    assert value(tape.gradient(dy, x)) == 18.0


def test_the_gradient_call_of_a_plain_tape_is_not_recorded_by_it():
    x = Variable(3.0)
    with GradientTape() as tape:
        y = x * x
        count = len(tape._lines)
        tape.gradient(y, x)
        assert tape._lines == [] and count == 1
        assert ACTIVE.tapes == (tape,)  # and goes on recording


def test_assignments_do_not_change_history():
    v = Variable([1.0, 2.0])
    with GradientTape(persistent=True) as tape:
        y = ops.sum(v * v)
        v.assign([10.0, 20.0])
        z = ops.sum(v * v)
        v.assign_add([1.0, 1.0])
    assert value(tape.gradient(y, v)) == [2.0, 4.0]
    assert value(tape.gradient(z, v)) == [20.0, 40.0]
    assert value(tape.gradient([y, z], v)) == [22.0, 44.0]


def test_a_variable_used_twice_is_summed():
    v = Variable([[1.0, 2.0], [3.0, 4.0]])
    with GradientTape() as tape:
        y = ops.sum(v @ v)
    assert value(tape.gradient(y, v)) == [[7.0, 11.0], [9.0, 13.0]]


def test_a_source_that_is_on_the_way():
    """The gradient with respect to a tensor in the middle, and through it to the start."""
    x = Variable(3.0)
    with GradientTape(persistent=True) as tape:
        y = x * x
        z = y * y
    assert [value(g) for g in tape.gradient(z, [y, x])] == [18.0, 108.0]


def test_targets_named_twice_and_structures():
    x = Variable(2.0)
    with GradientTape() as tape:
        y = x * x
    found = tape.gradient((y, [y]), {"b": x, "a": (x,)})
    assert value(found["b"]) == 8.0 and value(found["a"][0]) == 8.0 and list(found) == ["b", "a"]


def test_untrainable_variables_want_a_watch():
    v = Variable(2.0, trainable=False)
    with GradientTape(persistent=True) as tape:
        y = v * v
    assert tape.gradient(y, v) is None and "not trainable" in tape.explain(y, v)
    with GradientTape() as tape:
        tape.watch(v)
        y = v * v
    assert value(tape.gradient(y, v)) == 4.0


def test_output_gradients_of_a_wrong_shape_are_refused():
    x = Variable([1.0, 2.0])
    with GradientTape(persistent=True) as tape:
        y = x * x
    with pytest.raises(ValueError, match=r"number 0 has shape \(3,\), its target \(2,\)"):
        tape.gradient(y, x, output_gradients=as_tensor([1.0, 2.0, 3.0]))
    assert value(tape.gradient(y, x, output_gradients=as_tensor(2.0))) == [4.0, 8.0]


@pytest.mark.parametrize("bad", ["x", 3.0, None])
def test_sources_must_be_tensors(bad):
    x = Variable(2.0)
    with GradientTape() as tape:
        y = x * x
    kind = TypeError if bad is None else ValueError
    with pytest.raises(kind, match="must be a tensor or variable"):
        tape.gradient(y, bad)


def test_a_tape_that_was_never_entered():
    with pytest.raises(RuntimeError, match="never entered"):
        GradientTape().gradient(Variable(1.0), Variable(1.0))


def test_stop_recording_wants_a_recording_tape():
    with pytest.raises(RuntimeError, match="not recording"), GradientTape().stop_recording():
        pass


def test_explain_each_reason():
    x, w, other = as_tensor(2.0), Variable(3.0, name="w"), Variable(1.0, name="other")
    idle = Variable(0.0, name="idle")
    with GradientTape(persistent=True) as tape:
        y = w * x
        ops.exp(other)
        tape.watch(late := as_tensor(5.0))
    reasons = {
        "tape.watch on it inside": (y, x),
        "used, but nothing": (y, other),
        "nothing inside the tape's block read it": (y, idle),
        "was made after the target": (y, Variable(0.0, name="later")),
        "no op between": (y, late),
        "not computed inside": (x, w),
        "dtype int32": (y, as_tensor(1)),
        "not None: the target was": (y, w),
        "the target is the source": (x, x),
    }
    for words, (target, source) in reasons.items():
        assert words in tape.explain(target, source), words


def test_explain_takes_structures_as_gradient_does():
    v, w, other = Variable(1.0), Variable(2.0), Variable(3.0)
    with GradientTape(persistent=True) as tape:
        y, z = v * v, w * w
    said = tape.explain([y, z], {"v": v, "rest": (w, other)})
    assert "not None" in said["v"] and "not None" in said["rest"][0]
    assert "nothing inside" in said["rest"][1]
    assert [text.startswith("The gradient is not") for text in tape.explain(y, [v, v])] == [
        True
    ] * 2
    assert "no sources" in tape.explain(y, []) and "no target" in tape.explain([], v)
    with pytest.raises(TypeError, match="None"):
        tape.explain(None, v)
    with pytest.raises(ValueError, match="float 3.0"):
        tape.explain(y, [3.0])


def test_explain_of_a_spent_tape():
    x = Variable(1.0)
    with GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)
    assert "spent" in tape.explain(y, x)


def test_pullback_is_the_whole_engine():
    """Lines read backward, with no tape around them."""
    x = Variable(3.0)
    with GradientTape() as tape:
        y = x * x + x
    found = pullback(tape._lines, {y.id: Tensor(np.float32(1.0))}, {x.id})
    assert float(found[x.id]) == 7.0


def test_a_tape_that_is_entered_again_goes_on():
    x = as_tensor(3.0)
    tape = GradientTape()
    with tape:
        tape.watch(x)
        y = x * x
    with tape:
        z = y * y
    assert value(tape.gradient(z, x)) == 108.0


def test_a_spent_tape_that_is_entered_again_is_a_new_one():
    x = as_tensor(3.0)
    tape = GradientTape()
    with tape:
        tape.watch(x)
        y = x * x
    assert value(tape.gradient(y, x)) == 6.0
    with tape:
        z = y * y
    assert tape.gradient(z, x) is None
    with tape:
        tape.watch(x)
        z = x * x * x
    assert value(tape.gradient(z, x)) == 27.0


@pytest.mark.parametrize("given", [[None, 2.0], [2.0, None], [None, None]])
def test_output_gradients_are_given_for_all_targets_or_none(given):
    x = Variable(3.0)
    with GradientTape() as tape:
        y = x * x
        z = y * y
    with pytest.raises(ValueError, match="Attempt to convert a value .None. with an unsupported"):
        tape.gradient([y, z], x, output_gradients=given)


def test_output_gradients_may_be_too_few_or_too_many():
    x = Variable(3.0)
    for given, wanted in (([], 114.0), ([2.0], 120.0), ([2.0, 2.0, 2.0], 228.0), (None, 114.0)):
        with GradientTape() as tape:
            y = x * x
            z = y * y
        assert value(tape.gradient([y, z], x, output_gradients=given)) == wanted
