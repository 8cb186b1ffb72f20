"""Comparison of voxport with other ways to run the same model: ``python -m benchmarks --help``.

Every peer maps the same waveforms to texts in a process of its own, by the machinery of ``voxport
benchmark``. Each family of peers is a module; ``benchmarks.peers`` lists them all.
"""
