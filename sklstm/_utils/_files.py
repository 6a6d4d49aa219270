"""Files that appear under their name only when they are complete."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


def in_full(path: Any) -> Path:
    """The path with the home folder in the place of a leading ``~``, as a shell reads it.

    An error where it is none, such as a number, which ``open`` takes.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"The 'path' parameter must be a str or path-like. Got {path!r:.80} instead."
        )
    return Path(os.path.expanduser(path))


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A new file beside ``path`` that takes its name when the block ends without an error.

    Of a link the file that it leads to is replaced. A file that was there before has to be one
    that may be written to. The new one has its permissions and, where the system lets us give them
    away, its owner and group, for whom the permissions are meant.
    """
    path = Path(os.path.realpath(in_full(path)))
    old = _status_of(path)
    # Short, whatever the length of the name: a folder takes no more than 255 bytes.
    temporary = path.with_name(f".sklstm-{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb") as file:
            if old is not None:
                _give(temporary, old)
            yield file
            # Or after a power cut the name may be there and the content not.
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename == str(temporary):
            error.filename = str(path)  # the name that the caller knows
        # Missing where it could not be made; and what removing it says would hide what went wrong.
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _give(path: Path, old: os.stat_result) -> None:
    if hasattr(os, "chown"):
        for owner, group in ((old.st_uid, -1), (-1, old.st_gid)):
            with contextlib.suppress(OSError):
                os.chown(path, owner, group)
    path.chmod(stat.S_IMODE(old.st_mode))


def _status_of(path: Path) -> os.stat_result | None:
    """Of a file that can be replaced; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):  # such as /dev/null
        raise FileExistsError(errno.EEXIST, "Something else than a file is there", str(path))
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return status
