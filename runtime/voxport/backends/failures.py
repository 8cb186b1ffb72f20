"""Error texts of the engines, shortened for one line of our own messages."""


def last_line(error: BaseException) -> str:
    """Return an engine's last reason, after its own source locations or code."""
    return str(error).strip().rpartition("\n")[2].strip()


def one_line(error: BaseException) -> str:
    """Return the whole text of an error with its line breaks as spaces."""
    return " ".join(str(error).split())


def memory_advice(error: BaseException) -> str:
    """Return a hint for an error of memory, or nothing."""
    text = str(error).lower()
    ran_out = isinstance(error, MemoryError) or "memory" in text or "alloc" in text
    return " (the longer what runs at once, the more memory it needs)" if ran_out else ""


def run_failure(engine: str, shape: tuple[int, ...], reason: str, error: BaseException) -> str:
    """Describe a failed run of a batch (rows, samples) on ``engine``."""
    return f"{engine} failed on {shape[0]} x {shape[1]} samples{reason}{memory_advice(error)}"
