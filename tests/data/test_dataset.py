"""tf.data.Dataset beside its goldens: order and seeds, threads, caches, what it lacks."""

import gc
import threading
import time

import numpy as np
import pytest

import framework as tf

Dataset = tf.data.Dataset


def numbers(dataset) -> list:
    """The elements, scalars, as Python numbers."""
    return [element.item() for element in dataset.as_numpy_iterator()]


def ends(name: str) -> bool:
    """Whether the threads of that name end within two seconds."""
    until = time.monotonic() + 2
    while any(t.name.startswith(name) for t in threading.enumerate()):
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def test_shuffle_gives_every_element_once_and_another_order_each_time():
    data = Dataset.range(100).shuffle(100, seed=1)
    first, second = numbers(data), numbers(data)
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second != list(range(100))


@pytest.mark.parametrize("size", [1, 3, 10])
def test_shuffle_draws_from_a_buffer_of_the_next_elements(size):
    order = numbers(Dataset.range(50).shuffle(size, seed=2))
    assert sorted(order) == list(range(50))
    assert all(value < place + size for place, value in enumerate(order))
    assert (order == list(range(50))) == (size == 1)


def test_shuffle_is_uniform():
    data = Dataset.range(4).shuffle(4, seed=3)
    counts = np.zeros((4, 4))
    for _ in range(2000):
        counts[np.arange(4), numbers(data)] += 1
    assert (abs(counts / 2000 - 0.25) < 0.05).all()


def test_shuffle_of_elements_is_shuffle_of_rows():
    """Rows in memory are shuffled by position, others by value: the same draws."""
    tf.random.set_seed(5)
    rows = Dataset.from_tensor_slices(np.arange(30)).shuffle(7, seed=1)
    values = Dataset.range(30).shuffle(7, seed=1)
    assert numbers(rows) == numbers(values)
    assert numbers(rows.batch(4).unbatch()) == numbers(values.batch(4).unbatch())


@pytest.mark.parametrize("seed", [None, 7])
def test_seeds_repeat_the_order(seed):
    def orders(global_seed):
        tf.random.set_seed(global_seed)
        data = Dataset.range(20).shuffle(20, seed=seed)
        return [numbers(data), numbers(data)]

    assert orders(1) == orders(1)
    assert orders(1) != orders(2)


def test_the_order_can_be_the_same_in_every_iteration():
    data = Dataset.range(20).shuffle(20, reshuffle_each_iteration=False)
    assert numbers(data) == numbers(data)
    twice = numbers(data.repeat(2))
    assert twice[:20] == twice[20:]


def test_repetitions_of_a_shuffle_differ():
    twice = numbers(Dataset.range(20).shuffle(20, seed=1).repeat(2))
    assert sorted(twice[:20]) == sorted(twice[20:])
    assert twice[:20] != twice[20:]


def test_a_data_set_more_does_not_change_the_weights_of_a_model():
    tf.keras.utils.set_random_seed(1)
    first = tf.keras.layers.Dense(3)
    first.build((None, 2))
    tf.keras.utils.set_random_seed(1)
    Dataset.range(3).shuffle(3).map(lambda x: x)
    second = tf.keras.layers.Dense(3)
    second.build((None, 2))
    np.testing.assert_array_equal(first.kernel.numpy(), second.kernel.numpy())


def test_random_numbers_of_a_map_are_the_same_in_every_iteration():
    """As in TensorFlow, where the function is a graph with a seed."""
    data = Dataset.range(3).map(lambda x: tf.random.uniform([]))
    first = numbers(data)
    tf.random.uniform([])
    assert numbers(data) == numbers(data.prefetch(1)) == first
    assert len(set(first)) == 3


def test_elements_do_not_change_with_the_array_that_they_were_made_of():
    array = np.arange(4)
    data = Dataset.from_tensor_slices(array)
    array[:] = 9
    assert numbers(data) == [0, 1, 2, 3]


def test_a_function_that_looks_at_values_runs_and_has_a_spec():
    data = Dataset.range(4).map(lambda x: x * 10 if int(x) > 1 else x)
    assert numbers(data) == [0, 1, 20, 30]
    assert data.element_spec == tf.TensorSpec(None, tf.int64)


def test_the_element_is_the_functions_argument_as_in_tensorflow():
    seen = []
    nested = Dataset.zip({"a": Dataset.range(1)}, Dataset.range(1))
    list(nested.map(lambda *args: seen.append([type(a).__name__ for a in args]) or args[1]))
    assert seen[-1] == ["dict", "Tensor"]


def test_prefetch_works_ahead_on_a_thread_that_ends_with_the_iterator():
    made = []

    def source():
        for i in range(100):
            made.append(threading.current_thread().name)
            yield i

    data = Dataset.from_generator(source, output_signature=tf.TensorSpec((), tf.int32))
    iterator = iter(data.prefetch(3))
    assert not made  # nothing runs before the first element is asked for
    assert int(next(iterator)) == 0
    until = time.monotonic() + 2
    while len(made) < 4 and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(0.02)
    assert 4 <= len(made) <= 5  # one taken, three ready, one in hand
    assert set(made) == {"framework-prefetch"}
    del iterator
    gc.collect()
    assert ends("framework-prefetch")


def test_errors_pass_through_prefetch_after_the_elements_before_them():
    def source():
        yield 1
        raise KeyError("mine")

    data = Dataset.from_generator(source, output_signature=tf.TensorSpec((), tf.int32)).prefetch(2)
    iterator = iter(data)
    assert int(next(iterator)) == 1
    with pytest.raises(KeyError, match="mine"):
        next(iterator)
    assert ends("framework-prefetch")


@pytest.mark.parametrize("deterministic", [True, False])
def test_parallel_calls_run_at_the_same_time(deterministic):
    meeting = threading.Barrier(3)

    def meet(x):
        if not x.is_abstract:
            meeting.wait(5)  # passed by three calls at once only
        return x

    data = Dataset.range(9).map(meet, num_parallel_calls=3, deterministic=deterministic)
    found = numbers(data)
    assert sorted(found) == list(range(9))
    assert found == list(range(9)) or not deterministic
    assert ends("framework-map")


def test_calls_that_may_come_in_any_order_do_not_wait_for_a_slow_one():
    def slow(x):
        if not x.is_abstract:
            time.sleep(0.2 if int(x) == 0 else 0)
        return x

    options = tf.data.Options()
    options.deterministic = False
    data = Dataset.range(6).with_options(options).map(slow, num_parallel_calls=2)
    found = numbers(data)
    assert sorted(found) == list(range(6))
    assert found[0] != 0


def test_an_error_of_a_parallel_call_comes_through():
    def bad(x):
        if not x.is_abstract and int(x) == 3:
            raise KeyError("mine")
        return x

    with pytest.raises(KeyError, match="mine"):
        list(Dataset.range(9).map(bad, num_parallel_calls=2))
    assert ends("framework-map")


def test_cache_keeps_complete_iterations_only():
    calls = []

    def source():
        for i in range(3):
            calls.append(i)
            yield i

    data = Dataset.from_generator(source, output_signature=tf.TensorSpec((), tf.int32)).cache()
    next(iter(data))
    assert calls == [0]
    assert numbers(data) == [0, 1, 2]
    assert numbers(data) == [0, 1, 2]
    assert calls == [0, 0, 1, 2]


def test_cache_keeps_the_order_of_a_shuffle_before_it():
    data = Dataset.from_tensor_slices(np.arange(9)).shuffle(9).cache()
    assert numbers(data) == numbers(data) == numbers(data.batch(2).unbatch())


def test_a_cache_file_is_refused():
    with pytest.raises(NotImplementedError, match="cache: filename='x'"):
        Dataset.range(3).cache("x")


def test_what_a_data_set_lacks_is_told():
    with pytest.raises(AttributeError, match="tf.data.Dataset has no 'list_files'"):
        Dataset.list_files("*")
    with pytest.raises(AttributeError, match="nearest name it has is 'unbatch'"):
        Dataset.range(3).unbach()
    with pytest.raises(AttributeError, match="nearest name it has is 'Options'"):
        tf.data.Option  # noqa: B018


def test_iterations_are_independent():
    data = Dataset.range(3)
    first, second = iter(data), iter(data)
    assert [int(next(first)), int(next(first)), int(next(second))] == [0, 1, 0]


def test_namedtuples_and_variables():
    data = Dataset.from_tensor_slices((tf.Variable([1.0, 2.0]), {"a": [1, 2]}))
    assert [float(x) for x, _ in data] == [1.0, 2.0]
    assert [int(d["a"]) for _, d in data] == [1, 2]
