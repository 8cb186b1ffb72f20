"""``voxport benchmark``: how fast what a package holds is on this machine.

What is compared runs side by side: each candidate is a process of its own, so that memory is its
own and one that crashes takes no other along, and they take turns, so that whatever else the
machine does hits all of them alike. The processes know nothing of voxport's packages: the
repository's comparison with other runtimes (``benchmarks/``) uses the same.
"""
