"""The memory of this process: the machine's, its control groups', its own limit."""

import resource
import subprocess
import sys

import pytest

from voxport.machine import memory


def test_available_memory_of_this_machine():
    free = memory.available()
    assert free is None or 10**7 < free < 10**14


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({"/proc/meminfo": "MemTotal: 9 kB\nMemAvailable: 5 kB\nSwapFree: 1 kB\n"}, 6144),
        ({"/proc/meminfo": "MemTotal: 9 kB\n"}, None),
        ({"/sys/fs/cgroup/memory.max": "max\n"}, None),
        ({"/sys/fs/cgroup/memory.max": "4096\n", "/proc/meminfo": "MemAvailable: 5 kB"}, 4096),
        (
            {
                "/sys/fs/cgroup/memory.max": "1024",
                "/proc/meminfo": "MemAvailable: 5 kB\nSwapFree: 1 kB",
            },
            2048,  # what a group holds can be swapped out
        ),
        ({}, None),
    ],
)
def test_available_memory_by_the_systems_files(monkeypatch, system, files, free):
    system(files)
    monkeypatch.setattr(memory, "_process_limit", lambda: None)
    assert memory.available() == free


def test_a_shells_limit_is_respected():
    code = "from voxport.machine import memory; print(memory.available())"
    limit = 4 * 10**9
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert int(done.stdout) <= limit
