"""Opening, reading and replacing files; every file that may be untrusted is opened through this layer.

===================  ==================================================================================
:func:`opened`       a regular file, open for reading; pipes, sockets, devices are refused unopened
:func:`read`         its content, up to a limit
:func:`require`      refuse anything but a regular file, for libraries that open files themselves
:func:`stdin_text`   the text on standard input, up to a limit
:func:`is_run`       whether a folder is a run folder
:func:`put`          replace a file that a user names atomically, or not at all
:class:`Folder`      a run folder: everything is opened relative to it, and no link is followed
===================  ==================================================================================

Reading raises an ``OSError`` whose ``strerror`` is a sentence; callers that know the purpose of the file turn it into
an error of ours. Writing raises ``WriteError``, or ``RunError`` in a run, which names the path, the bytes needed and
the bytes free.
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
