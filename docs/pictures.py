"""Make the pictures of docs/pictures.md with the command as it is: ``make pictures``.

Every script on the page that has a picture under it is run by ``mintaka run``, and what it gives is laid side by side.
The models are the small ones that come with the program, so anybody gets the same. Arguments are passed on.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PAGE = Path(__file__).parent / "pictures.md"
SCRIPT_AND_PICTURE = re.compile(
    r"^```mtk\n(?P<script>.*?)^```\n\n!\[[^]]*\]\((?P<file>[^)]+)\)$", re.MULTILINE | re.DOTALL
)
HEIGHT = 192
GAP = 6


def drawn(script: str, folder: Path) -> list[Image.Image]:
    """The pictures that a script gives, in its order."""
    command = [sys.executable, "-m", "mintaka", "run", "-", "--json", "--out", str(folder), *sys.argv[1:]]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{script}\n{done.stdout}{done.stderr}")
    return [Image.open(each["path"]).convert("RGBA") for each in json.loads(done.stdout)["pictures"]]


def side_by_side(pictures: list[Image.Image]) -> Image.Image:
    """All in one row of one height, on white."""
    row = [
        each.resize((round(each.width * HEIGHT / each.height), HEIGHT), Image.Resampling.LANCZOS) for each in pictures
    ]
    sheet = Image.new("RGB", (sum(each.width + GAP for each in row) - GAP, HEIGHT), "white")
    left = 0
    for each in row:
        sheet.paste(each, (left, 0), each)
        left += each.width + GAP
    return sheet


def main() -> None:
    """Write every picture of the page."""
    for number, found in enumerate(SCRIPT_AND_PICTURE.finditer(PAGE.read_text(encoding="utf-8"))):
        with tempfile.TemporaryDirectory() as folder:
            pictures = drawn(found["script"], Path(folder) / str(number))
            side_by_side(pictures).quantize(128, dither=Image.Dither.NONE).save(
                PAGE.parent / found["file"], optimize=True
            )
        print(f"{found['file']}: {len(pictures)} pictures")


if __name__ == "__main__":
    main()
