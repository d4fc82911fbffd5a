"""The server's process must start quickly and survive a worker: no deep learning library is imported there."""

import subprocess
import sys

HEAVY = ("torch", "diffusers", "transformers", "spandrel", "numpy")


def test_the_engines_face_imports_no_deep_learning_library() -> None:
    program = (
        "import sys, mintaka.engine.supervisor, mintaka.engine.models, mintaka.engine.schedulers, "
        "mintaka.engine.sizing, mintaka.engine.requests, mintaka.engine.words, mintaka.engine.receipt, "
        "mintaka.engine.headers, mintaka.engine.preparing\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
