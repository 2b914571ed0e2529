"""Opening the page in the user's browser without showing its address to other users of the machine.

The address is a secret, and the arguments of a program can be seen by everyone: the browser gets the name of a file
that only this user can read, and which leads on to the page.
"""

from __future__ import annotations

import os
import webbrowser
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from convscope.inert import in_html

if TYPE_CHECKING:
    from collections.abc import Iterator

LEADS = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
    '<meta http-equiv="refresh" content="0;url={url}"><link rel="icon" href="data:,"><title>Convscope</title></head>'
    '<body><p><a href="{url}">Open the explorer</a></p></body></html>\n'
)


@contextmanager
def opened(url: str) -> Iterator[bool]:
    """Open an address in the browser; the file that leads to it is removed at the end.

    Args:
        url: the address.

    Yields:
        Whether a browser was found.
    """
    with TemporaryDirectory(prefix="convscope-", ignore_cleanup_errors=True) as folder:  # for this user alone
        path = Path(folder, "open.html")
        path.write_text(LEADS.format(url=in_html(url)), encoding="utf-8")
        try:
            found = has_window() and webbrowser.open(path.as_uri())
        except (webbrowser.Error, OSError):
            found = False
        yield found


def has_window() -> bool:
    """Return whether the browser has a window of its own, or the user has chosen it; others would take the terminal.

    Raises:
        webbrowser.Error: there is no browser.
    """
    return type(webbrowser.get()) is not webbrowser.GenericBrowser or bool(os.environ.get("BROWSER"))
