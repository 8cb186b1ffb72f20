"""Mean of several checkpoints, with fewer errors than any of them.

    python models/commands/average.py A.safetensors B.safetensors -o C.safetensors

All must come from later parts of one training: otherwise the weights between them recognise nothing
(Wortsman et al. 2022, model soups).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    models = [load_file(path) for path in options.weights]
    mean = {name: torch.stack([model[name] for model in models]).mean(0) for name in models[0]}
    save_file(mean, options.output)


if __name__ == "__main__":
    main()
