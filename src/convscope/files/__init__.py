"""How files are opened, read and put in place; the only layer that a file is opened through when it may be anybody's.

===================  ==================================================================================
:func:`opened`       a regular file, open for reading; pipes, sockets, devices are refused unopened
:func:`read`         the content of one, up to a bound
:func:`require`      refuse whatever is not a regular file, for libraries that open files themselves
:func:`stdin_text`   the text on standard input, up to a bound
:func:`is_run`       whether a folder is that of a run
:func:`put`          a file that a user names is replaced at once, or stays what it was
:class:`Folder`      a run: everything in it is reached from the folder itself, and no link is followed
===================  ==================================================================================

Reading raises an ``OSError``, whose ``strerror`` is a sentence; who knows what the file was for makes it an error of
ours. Writing raises ``WriteError``, in a run ``RunError``: it names the path, the bytes needed and the bytes free.
"""

from __future__ import annotations

from convscope.files.folder import Folder
from convscope.files.place import cannot_write, free_space, room, sha256
from convscope.files.plain import NOFOLLOW, UnfitError, kind_at, opened, read, require, stdin_text
from convscope.files.put import is_run, put

__all__ = [
    "NOFOLLOW",
    "Folder",
    "UnfitError",
    "cannot_write",
    "free_space",
    "is_run",
    "kind_at",
    "opened",
    "put",
    "read",
    "require",
    "room",
    "sha256",
    "stdin_text",
]
