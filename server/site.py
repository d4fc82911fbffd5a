"""The web page: the files of the built bundle, known by name before anybody asks."""

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

UNBUILT_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Mintaka</title></head>
<body>
<h1>Mintaka is running</h1>
<p>The web page is not built yet. Run <code>make web</code> in the source folder, then start the server again.</p>
<p>Everything else works: try <code>mintaka repl</code>, or <code>mintaka run FILE</code>.</p>
</body></html>
"""
"""What ``GET /`` answers without a bundle."""

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    etag: str
    media_type: str
    cache: str


class Site:
    """The bundle in ``folder`` (Vite's ``dist``); empty if it is not there."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, _File] = {}
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_file():
                name = path.relative_to(folder).as_posix()
                digest = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
                media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
                # Vite names what it puts into assets/ by content.
                cache = IMMUTABLE if name.startswith("assets/") else REVALIDATE
                self._files[name] = _File(path, f'"{digest}"', media_type, cache)

    @property
    def built(self) -> bool:
        """Whether there is a page to serve."""
        return "index.html" in self._files

    def respond(self, request: Request, name: str) -> Response | None:
        """The answer for a file of the bundle (``""`` is the page itself), or ``None`` when there is no such file."""
        if not name and not self.built:
            return HTMLResponse(UNBUILT_PAGE, headers={"cache-control": "no-store"})
        file = self._files.get(name or "index.html")
        if file is None:
            return None
        headers = {"etag": file.etag, "cache-control": file.cache}
        if request.headers.get("if-none-match") == file.etag:
            return Response(status_code=304, headers=headers)
        return FileResponse(file.path, media_type=file.media_type, headers=headers)
