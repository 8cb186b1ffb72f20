"""Chunks of wav files (RIFF). Knows bytes and lengths, decodes nothing."""

# Lengths that writers to a pipe leave in a header, as they cannot go back: 0x7FFFFFFF, 0x80000000
# and 0xFFFFFFFF, less a header or rounded to blocks (sox: 0x7FFFF000 rounded down), and 0. Half of
# a 2.4 GB file is none of them.
_PIPE_LENGTHS = (range(0x7FFFE000, 0x80001000), range(0xFFFFE000, 1 << 32))


def is_unknown_length(size: int) -> bool:
    """Return whether `size` is what is left by a writer that could not know the length."""
    return size == 0 or any(size in lengths for lengths in _PIPE_LENGTHS)
