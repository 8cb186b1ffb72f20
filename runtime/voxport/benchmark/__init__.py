"""``voxport benchmark``: the speed of a package's artifacts on this machine.

Candidates run side by side: each is a process of its own, so its memory is its own and its crash
takes no other along, and they take turns, so other load on the machine hits all of them alike. The
processes know nothing of voxport's packages: the repository's comparison with other runtimes
(``benchmarks/``) uses the same.
"""
