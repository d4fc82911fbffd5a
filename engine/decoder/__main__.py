"""The decoder: ``python -m mintaka.engine.decoder``, started by `mintaka.engine.uploads` and by nobody else.

Its standard input is a socket, over which it is told the folder of the files and then asked. It ends when that closes,
and removes the folder.
"""

import os
import shutil
import socket

LONGEST_PATH = 4096


def main() -> None:
    """Decode pictures until the engine is gone."""
    link = socket.socket(fileno=os.dup(0))
    folder = os.fsdecode(link.recv(LONGEST_PATH))
    try:
        from mintaka.engine.decoder import serving
    except ImportError as error:
        link.sendall(f"pictures cannot be decoded here: {error}".encode())
        return
    serving.serve(link)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
