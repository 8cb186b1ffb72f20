"""Limits of control groups anywhere between a process's own group and the root."""

import pytest

from voxport.machine import cgroups, memory

ROOT = "/sys/fs/cgroup"
SERVICE = {"/proc/self/cgroup": "0::/voxport.slice/worker.service\n"}
SLICE = f"{ROOT}/voxport.slice"
OLD = {"/proc/self/cgroup": "5:cpu,cpuacct:/pod/a\n4:memory:/pod/a\n1:name=systemd:/x\n"}


def test_the_memory_limit_of_a_systemd_slice_is_respected(monkeypatch, system):
    """The slice around the service has the limit; neither the service nor the root has one."""
    system(
        SERVICE
        | {
            "/proc/meminfo": "MemAvailable: 16000000 kB\nSwapFree: 0 kB\n",
            f"{SLICE}/worker.service/memory.max": "max\n",
            f"{SLICE}/memory.max": "2000000000\n",
        }
    )
    monkeypatch.setattr(memory, "_process_limit", lambda: None)
    assert memory.available() == 2_000_000_000


@pytest.mark.parametrize(
    ("files", "left"),
    [
        ({}, None),
        ({f"{SLICE}/memory.max": "max"}, None),
        ({f"{SLICE}/memory.max": "900", f"{SLICE}/worker.service/memory.max": "500"}, 500),
        ({f"{SLICE}/memory.max": "900", f"{SLICE}/memory.current": "300"}, 600),
        (
            {
                f"{SLICE}/memory.max": "900",
                f"{SLICE}/memory.current": "300",
                f"{SLICE}/memory.stat": "anon 90\ninactive_file 100\nactive_file 20\nfile 999\n",
            },
            720,
        ),
        ({f"{SLICE}/memory.max": "900", f"{SLICE}/memory.current": "1000"}, 0),
    ],
)
def test_memory_left_by_version_2(system, files, left):
    system(SERVICE | files)
    assert cgroups.memory_left() == left


@pytest.mark.parametrize(
    ("files", "left"),
    [
        ({f"{ROOT}/memory/pod/memory.limit_in_bytes": "4096"}, 4096),
        ({f"{ROOT}/memory/memory.limit_in_bytes": "4096"}, 4096),  # as within a container
        (
            {
                f"{ROOT}/memory/pod/memory.limit_in_bytes": "4096",
                f"{ROOT}/memory/pod/memory.usage_in_bytes": "1096",
                f"{ROOT}/memory/pod/memory.stat": "total_inactive_file 96\ninactive_file 5\n",
            },
            3096,
        ),
    ],
)
def test_memory_left_by_version_1(system, files, left):
    system(OLD | files)
    assert cgroups.memory_left() == left


def test_the_cpu_quota_of_a_group_around_by_version_1(system):
    folder = f"{ROOT}/cpu/pod"
    system(OLD | {f"{folder}/cpu.cfs_quota_us": "150000", f"{folder}/cpu.cfs_period_us": "100000"})
    assert cgroups.cpu_quota() == 1.5


def test_a_process_outside_of_its_groups_root_has_the_roots_limit(system):
    system({"/proc/self/cgroup": "0::/../../x\n", f"{ROOT}/memory.max": "77"})
    assert cgroups.memory_left() == 77
