"""The GPU benchmark: tests, parity, speed and profiles, in stages that continue where they stopped.

``python -m benchmarks gpu DIR``; ``--dry`` runs every stage small, on the CPU.
"""
