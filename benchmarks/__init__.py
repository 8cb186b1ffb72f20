"""voxport beside the other ways to run the same model: ``python -m benchmarks --help``.

Every peer gets the same waveforms and gives back texts, in a process of its own; the machinery is
that of ``voxport benchmark``. One module a family of peers, all listed in ``benchmarks.peers``.
"""
