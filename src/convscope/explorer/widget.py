"""The explorer as a live widget of a notebook: its model keeps the selection, and the page asks Python through it."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from convscope.errors import ConvscopeError
from convscope.explorer.calls import reported
from convscope.explorer.page import part

if TYPE_CHECKING:
    from convscope.explorer.host import Host


class ExplorerWidget(anywidget.AnyWidget):
    """The page with Python at hand.

    Attributes:
        document: the document, as JSON.
        styles: the styles of the page, which keeps them to itself.
        capabilities: what the page can do with Python at hand.
        state: the selection, as an address of the page has it.
    """

    _esm = part("page.js")
    document = traitlets.Unicode().tag(sync=True)
    styles = traitlets.Unicode(part("page.css")).tag(sync=True)
    capabilities = traitlets.List(traitlets.Unicode()).tag(sync=True)
    state = traitlets.Unicode().tag(sync=True)

    def __init__(self, host: Host) -> None:
        content = host.entries[host.first].content.decode()
        super().__init__(document=content, capabilities=host.capabilities)
        self.on_msg(partial(answer, host))


def answer(host: Host, widget: Any, content: Any, buffers: Any) -> None:
    """Answer a message of the page; one that is not a question is ignored.

    Args:
        host: what is shown.
        widget: the widget that got it.
        content: ``{"call": number, "method": name, "args": {…}}``.
        buffers: bytes of the question, if it has any.
    """
    if not isinstance(content, dict) or not isinstance(number := content.get("call"), int):
        return
    method, arguments = content.get("method"), content.get("args")
    try:
        asked = dict(arguments) if isinstance(arguments, dict) else {}
        if buffers:
            asked["content"] = bytes(buffers[0])
        widget.send({"answers": number, "value": json.loads(host.answered(str(method), asked))})
    except ConvscopeError as error:
        widget.send({"answers": number, "error": reported(error)})
    except Exception as error:
        widget.send({"answers": number, "error": {"what": f"Python failed: {type(error).__name__}"}})
        raise
