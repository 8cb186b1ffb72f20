import sys

from voxport import doctor
from voxport.machine import cuda


def works(report):
    return {provider.name: provider.works for provider in report.providers}


def test_the_cpu_works_and_every_failure_has_a_reason():
    report = doctor.examine()
    assert works(report)["cpu"] is True
    for provider in report.providers:
        assert provider.works == (provider.reason == "")
    assert report.versions["python"] == sys.version.split()[0]
    assert report.versions["libsndfile"]


def test_no_gpu_gives_the_install_command(monkeypatch):
    monkeypatch.setattr(cuda, "unavailable_reason", lambda: "there is no NVIDIA driver")
    found = {provider.name: provider for provider in doctor.examine().providers}
    assert not found["cuda"].works
    assert "no NVIDIA driver" in found["cuda"].reason
    assert 'pip install "voxport[gpu]"' in found["cuda"].reason


def test_tensorrt_has_a_reason_of_its_own(monkeypatch):
    monkeypatch.setattr(cuda, "unavailable_reason", lambda: "there is no NVIDIA driver")
    found = {provider.name: provider.reason for provider in doctor.examine().providers}
    assert 'pip install "tensorrt<11"' in found["tensorrt"]
    assert "tensorrt" not in found["cuda"].lower()


def test_missing_onnxruntime_fails_every_provider(without):
    without("onnxruntime", "openvino")
    report = doctor.examine()
    assert not any(works(report).values())
    assert 'pip install "voxport[cpu]"' in report.providers[0].reason


def test_missing_libsndfile_has_no_version(without):
    without("soundfile")
    assert doctor.examine().versions["libsndfile"] is None
