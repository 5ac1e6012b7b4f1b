"""part: every thing belongs to one rank, parts are contiguous and as equal as can be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.distributed import part


@given(st.integers(0, 1000), st.integers(1, 40))
def test_parts_cover_everything_once(n, size):
    parts = [part(n, rank, size) for rank in range(size)]
    assert parts[0][0] == 0 and parts[-1][1] == n
    assert all(stop == start for (_, stop), (start, _) in zip(parts, parts[1:]))
    lengths = [stop - start for start, stop in parts]
    assert max(lengths) - min(lengths) <= 1
    assert lengths == sorted(lengths, reverse=True)


def test_a_rank_may_have_nothing():
    assert part(2, 2, 3) == (2, 2)


@pytest.mark.parametrize("n, rank, size", [(3, 2, 2), (3, -1, 2), (-1, 0, 1)])
def test_nonsense_is_refused(n, rank, size):
    with pytest.raises(ValueError, match="part: "):
        part(n, rank, size)
