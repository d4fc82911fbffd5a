"""Random histories of capabilities, the kernel beside its model: ``python -m fuzz.histories [COUNT [FIRST SEED]]``."""

import sys

from mintaka.storage.database import Database
from tests.capabilities.test_histories import check_history


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    database = Database("sqlite://")
    for seed in range(first, first + count):
        check_history(database, seed)
    print(f"{count:,} histories: the kernel and its model agree on every answer and every account")


if __name__ == "__main__":
    main()
