import pytest

from voxport.backends.failures import last_line, memory_advice, one_line, run_failure


def test_an_engines_error_is_shortened_to_one_line():
    error = RuntimeError("Check failed at src/core.cpp:12:\n\nthe shapes  do not fit\n")
    assert last_line(error) == "the shapes  do not fit"
    assert one_line(error) == "Check failed at src/core.cpp:12: the shapes do not fit"


@pytest.mark.parametrize(
    ("error", "is_given"),
    [
        (MemoryError(), True),
        (RuntimeError("Failed to allocate 8 bytes"), True),
        (RuntimeError("the shapes do not fit"), False),
    ],
)
def test_advice_is_given_where_memory_ran_out(error, is_given):
    assert ("more memory" in memory_advice(error)) == is_given
    message = run_failure("engine", (2, 400), f": {one_line(error)}", error)
    assert message.startswith("engine failed on 2 x 400 samples: ")
