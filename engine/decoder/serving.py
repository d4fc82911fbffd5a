"""A process for each picture, forked from one that has the libraries loaded already.

For every picture come three descriptors (the encoded bytes, the file for the pixels, a socket for the answer) and the
bounds. So no picture sees another, and what a picture does to its process ends with that.
"""

import io
import json
import os
import signal
import socket
from typing import NoReturn

from PIL import Image, MpoImagePlugin, TiffImagePlugin  # noqa: F401 - the JPEGs of some cameras ask for these two

from mintaka.engine.decoder import reading
from mintaka.engine.decoder.confinement import SENT, Bounds, confine
from mintaka.engine.errors import BadImage

READY = b"ready"


def serve(link: socket.socket) -> None:
    """Have decoded what is asked over ``link``, until it closes."""
    _warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes that decode
    link.sendall(READY)
    while True:
        asked, descriptors, _, _ = socket.recv_fds(link, SENT, 3)
        if len(asked) < SENT:
            return
        if os.fork() == 0:
            link.close()
            _decode(descriptors, Bounds.from_bytes(asked))
        for each in descriptors:
            os.close(each)


def _decode(descriptors: list[int], bounds: Bounds) -> NoReturn:
    """Decode one picture in this process, which ends with it."""
    source, target, answer = descriptors
    status = 1
    try:
        with open(source, "rb") as file:
            data = file.read()
        confine(bounds)
        _write(answer, json.dumps(_written(data, target)).encode())
        status = 0
    finally:
        os._exit(status)


def _written(data: bytes, target: int) -> dict[str, object]:
    """Write the pixels of ``data`` to ``target``; what to answer."""
    try:
        image = reading.decode(data)
        _write(target, image.tobytes())
    except BadImage as error:
        return {"bad": error.message, "hint": error.hint}
    except MemoryError:
        return {"memory": True}
    return {"mode": image.mode, "width": image.width, "height": image.height}


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _warm_up() -> None:
    """Decode a picture of each format, so that nothing is left to be loaded by a process that may open no file."""
    exif = Image.Exif()
    exif[0x0112] = 6
    for format, mode in (("PNG", "RGBA"), ("PNG", "RGB"), ("JPEG", "RGB"), ("WEBP", "RGBA"), ("WEBP", "RGB")):
        out = io.BytesIO()
        Image.new(mode, (16, 8)).save(out, format, exif=exif)
        reading.decode(out.getvalue())
