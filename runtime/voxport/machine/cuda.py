"""Usability of an NVIDIA GPU on this machine, asked of the driver itself.

Needs neither onnxruntime nor torch. ``cuInit`` and a count create no context, so a process on the
CPU holds no GPU memory.
"""

import ctypes
from functools import lru_cache

_LIBRARIES = ("libcuda.so.1", "nvcuda.dll")


@lru_cache(maxsize=1)
def unavailable_reason() -> str | None:
    """Return the reason if no GPU is usable, else None."""
    driver = _driver()
    if driver is None:
        return "there is no NVIDIA driver on this machine (libcuda.so.1 is not found)"
    code = int(driver.cuInit(0))
    count = ctypes.c_int(0)
    if code == 0:
        code = int(driver.cuDeviceGetCount(ctypes.byref(count)))
    if code not in (0, 100):  # 100: CUDA_ERROR_NO_DEVICE
        return f"the NVIDIA driver cannot be used (CUDA error {code}); see what nvidia-smi says"
    if count.value < 1:
        return (
            "the NVIDIA driver finds no GPU (in a container, start it with --gpus all; "
            "and CUDA_VISIBLE_DEVICES hides GPUs)"
        )
    return None


def _driver() -> ctypes.CDLL | None:
    """Load the driver's library; None without a driver."""
    for name in _LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None
