"""``python -m voxport`` is the ``voxport`` command."""

from voxport.cli import main

main()
