"""The command ``python -m benchmarks.hostile``: campaigns against what strangers bring.

``differential`` compares whole recordings with ffmpeg; ``recordings`` transcribes mutated ones;
``packages`` verifies, loads and runs mutated packages with right hashes.
"""

from __future__ import annotations

import argparse
import importlib
import sys

_CAMPAIGNS = {  # name: module, how many
    "differential": ("differential", 500),
    "packages": ("mutated_packages", 2000),
    "recordings": ("mutated_recordings", 4000),
}


def main() -> int:
    """Run one campaign; the exit status is 1 where it finds a fault."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__)
    parser.add_argument("campaign", choices=sorted(_CAMPAIGNS))
    parser.add_argument("--count", type=int, help="how many; default: as in SECURITY.md")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="number of the first one")
    options = parser.parse_args()
    module, count = _CAMPAIGNS[options.campaign]
    campaign = importlib.import_module(f"benchmarks.hostile.{module}")
    place = (options.start,) if options.start else ()
    return int(bool(campaign.run(options.count or count, options.seed, *place)))


if __name__ == "__main__":
    sys.exit(main())
