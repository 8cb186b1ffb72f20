"""The default number of threads: physical cores, affinity and a container's quota."""

import os

import pytest

from voxport.machine import threads

CPU = "/sys/devices/system/cpu/cpu{}/topology/{}"
CGROUP = "/sys/fs/cgroup"
HYPERTHREADS = {CPU.format(n, "core_cpus_list"): f"{n % 4},{n % 4 + 4}\n" for n in range(8)}
OLD_KERNEL = {
    CPU.format(n, "thread_siblings_list"): f"{n // 2 * 2}-{n // 2 * 2 + 1}\n" for n in range(8)
}
NESTED = {"/proc/self/cgroup": "1:name=x:/\n0::/pod/container\n"}


@pytest.mark.parametrize(
    ("files", "allowed", "expected"),
    [
        (HYPERTHREADS, range(8), 4),
        (OLD_KERNEL, range(8), 4),
        (HYPERTHREADS, {0, 4}, 1),
        (HYPERTHREADS, {0, 1, 4}, 2),
        ({}, range(3), 3),
        (HYPERTHREADS | {f"{CGROUP}/cpu.max": "200000 100000\n"}, range(8), 2),
        (HYPERTHREADS | {f"{CGROUP}/cpu.max": "150000 100000\n"}, range(8), 2),
        (HYPERTHREADS | {f"{CGROUP}/cpu.max": "20000 100000\n"}, range(8), 1),
        (HYPERTHREADS | {f"{CGROUP}/cpu.max": "1600000 100000\n"}, range(8), 4),
        (HYPERTHREADS | {f"{CGROUP}/cpu.max": "max 100000\n"}, range(8), 4),
        (HYPERTHREADS | NESTED | {f"{CGROUP}/pod/cpu.max": "300000 100000\n"}, range(8), 3),
        (HYPERTHREADS | NESTED | {f"{CGROUP}/pod/container/cpu.max": "1 1\n"}, range(8), 1),
        (
            {
                f"{CGROUP}/cpu/cpu.cfs_quota_us": "200000",
                f"{CGROUP}/cpu/cpu.cfs_period_us": "100000",
            },
            range(8),
            2,
        ),
        (
            {f"{CGROUP}/cpu/cpu.cfs_quota_us": "-1", f"{CGROUP}/cpu/cpu.cfs_period_us": "100000"},
            range(8),
            8,
        ),
    ],
)
def test_default_thread_count_by_linuxs_files(monkeypatch, system, files, allowed, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(allowed), raising=False)
    system(files)
    assert threads.default_thread_count() == expected


def test_a_system_without_affinity_leaves_the_choice_to_onnxruntime(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert threads.default_thread_count() == 0


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no affinity")
def test_default_thread_count_of_this_machine():
    assert 1 <= threads.default_thread_count() <= len(os.sched_getaffinity(0))
