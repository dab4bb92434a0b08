import io

from hypothesis import given
from hypothesis import strategies as st

from jaxinterp.data.streams import read_at_most


@given(content=st.binary(max_size=50), size=st.integers(0, 60), most=st.integers(1, 7))
def test_what_is_read_is_the_start(content, size, most):
    stream = io.BytesIO(content)
    read = read_at_most(lambda wanted: stream.read(min(wanted, most)), size)  # a stream may return less than is asked
    assert read == content[:size]
    assert stream.read() == content[size:]


def test_memory_is_asked_for_in_pieces():
    sizes = []
    read_at_most(lambda size: sizes.append(size) or b"\0" * (size if len(sizes) < 3 else 0), 2**40)
    assert sizes == [2**20] * 3
