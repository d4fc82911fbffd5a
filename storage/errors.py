"""What storage can fail at. ``kind`` is one of the protocol's closed set; no message names a path of the machine."""

import errno


class StorageFailed(Exception):
    """Data could not be read or written; ``message`` says what to do."""

    kind = "storage_error"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class StorageFull(StorageFailed):
    """There is no room left for what was to be written."""

    kind = "storage_full"


class NoSuchBlob(StorageFailed):
    """No blob of that name is in the folder."""


class BlobDamaged(StorageFailed):
    """A blob's bytes do not hash to its name: the disk or somebody changed them."""


def storage_error(error: OSError, doing: str) -> StorageFailed:
    """The error of ours that tells what the operating system's ``error`` means for ``doing`` ("keep the picture")."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFull(f"could not {doing}: the disk is full", hint="free some space in the data folder's disk")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageFailed(
            f"could not {doing}: the data folder cannot be written to",
            hint="give the server's user the right to write to its data folder",
        )
    reason = errno.errorcode.get(error.errno or 0, "unknown error")
    return StorageFailed(f"could not {doing}: the disk answered {reason}", hint="check the data folder's disk")
