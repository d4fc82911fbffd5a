"""Race processes for an account, and kill them: ``python -m fuzz.ledger [CALLS [KILLS]]``.

Eight processes attempt ``CALLS`` calls each on one account that holds half of that; then a process that admits, settles
and revokes is killed ``KILLS`` times, and every invariant of tests/capabilities/test_races_and_kills.py is checked.
"""

import sys
import tempfile
from pathlib import Path

from tests.capabilities.test_races_and_kills import check_kills, check_race


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    with tempfile.TemporaryDirectory() as folder:
        check_race(Path(folder), processes=8, each=calls)
        print(f"8 processes, {calls:,} calls each: never overdrawn, exact at the end", flush=True)
        check_kills(Path(folder), kills)
        print(f"{kills} kills: nothing leaked, nothing that was told is lost")


if __name__ == "__main__":
    main()
