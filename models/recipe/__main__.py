"""``python -m models.recipe``: make the starter model, stage by stage.

A stage that is done leaves a stamp in the work folder and is skipped the next time; one that was killed goes on from
its last checkpoint. ``--only`` runs the stages it names, whether they are stamped or not.
"""

import argparse
import time
from pathlib import Path

import torch

from models.recipe.budgets import FULL, QUICK
from models.recipe.stages import STAGES, Workshop


def main() -> None:
    """Parse the command line and run the stages."""
    parser = argparse.ArgumentParser(prog="python -m models.recipe", description="Make the starter model.")
    parser.add_argument("--out", type=Path, default=Path("models/starter"), help="folder of the finished model")
    parser.add_argument("--work", type=Path, default=Path(".starter"), help="folder for checkpoints and stamps")
    parser.add_argument("--only", nargs="+", choices=STAGES, help="run these stages alone, stamped or not")
    parser.add_argument("--quick", action="store_true", help="toy budgets: every stage once, within two minutes")
    arguments = parser.parse_args()
    if arguments.quick and arguments.out == parser.get_default("out"):
        parser.error("--quick makes a model that draws nothing; name another folder with --out")
    # Numbers too small for the normal range make convolutions on CPUs many times slower.
    torch.set_flush_denormal(True)
    shop = Workshop(arguments.work, arguments.out, QUICK if arguments.quick else FULL)
    shop.work.mkdir(parents=True, exist_ok=True)
    for name, stage in STAGES.items():
        stamp = shop.work / f"{name}.done"
        if name not in arguments.only if arguments.only else stamp.exists():
            continue
        began = time.monotonic()
        stage(shop)
        seconds = time.monotonic() - began
        stamp.write_text(f"{seconds:.0f} s\n", encoding="utf-8")
        print(f"{name}: done in {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
