"""Pushing and fetching with huggingface_hub itself, against a local server that answers as the hub does."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import ModelCard

import convscope as cs
from convscope.errors import ModelError, RunError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMIT = "a" * 40


class Server(ThreadingHTTPServer):
    """The repositories of a hub: their files by name."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.files: dict[str, dict[str, bytes]] = {}
        self.address = f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    """What the hub answers to a push and to a download."""

    server: Server

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def answer(self, content: Any, status: int = 200, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def asked(self) -> bytes:
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        found = b""
        while size := int(self.rfile.readline() or b"0", 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def do_POST(self) -> None:
        words, body = self.path.split("/"), self.asked()
        name = "/".join(words[3:5])
        if self.path == "/api/repos/create":
            made = json.loads(body)
            name = f"{made['organization']}/{made['name']}"
            self.server.files.setdefault(name, {})
            self.answer({"url": f"{self.server.address}/{name}", "name": name})
        elif "preupload" in words:
            kinds = {"uploadMode": "regular", "shouldIgnore": False}
            self.answer({"files": [{"path": one["path"], **kinds} for one in json.loads(body)["files"]]})
        elif "commit" in words:
            lines = [json.loads(line)["value"] for line in body.splitlines()[1:]]
            self.server.files[name] |= {one["path"]: base64.b64decode(one["content"]) for one in lines}
            where = {"commitOid": COMMIT, "commitUrl": f"{self.server.address}/{name}/commit/{COMMIT}"}
            self.answer({"success": True, **where})
        else:
            self.answer({"warnings": [], "errors": []})  # the check of the head of the card

    def do_GET(self) -> None:
        words = self.path.partition("?")[0].strip("/").split("/")
        name = "/".join(words[2:4] if words[0] == "api" else words[:2])
        files = self.server.files.get(name)
        if files is None:
            self.answer({"error": "Repository not found"}, 404, x_error_code="RepoNotFound")
        elif "tree" in words:
            sizes = {path: len(content) for path, content in files.items()}
            self.answer([{"type": "file", "path": path, "size": size, "oid": "0"} for path, size in sizes.items()])
        elif words[0] == "api":
            self.answer({"id": name, "sha": COMMIT, "siblings": [{"rfilename": path} for path in files]})
        else:
            content = files["/".join(words[4:])]
            self.answer(content, etag=f'"{hashlib.sha1(content).hexdigest()}"', x_repo_commit=COMMIT)  # noqa: S324

    do_HEAD = do_GET  # noqa: N815 -- the name that the server asks for


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.address)
    template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_" + "x" * 20)
    monkeypatch.setenv("CONVSCOPE_CACHE", str(tmp_path / "cache"))
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_run_goes_to_a_hub_and_comes_back(there: Server, tmp_path: Path) -> None:
    random, y = np.random.default_rng(0), np.arange(60) % 2
    x = (random.integers(0, 60, (60, 8, 8)) + 150 * y[:, None, None]).astype(np.uint8)
    run = cs.train("input 8x8x1, conv 4 3x3, gap, linear 2", data=(x, y), epochs=2, out=tmp_path / "runs")
    pushed = cs.push(run, "hf:me/mine", private=True)
    assert pushed.address == f"{there.address}/me/mine"
    assert {name: len(content) for name, content in there.files["me/mine"].items()} == dict(pushed.files)
    back = cs.load_run("hf:me/mine")
    assert back.result.sha256["model.safetensors"] == run.result.sha256["model.safetensors"]
    assert back.path.is_relative_to(tmp_path / "home")
    with pytest.raises(ModelError, match="hf:me/other cannot be fetched: RepositoryNotFoundError"):
        cs.load_run("hf:me/other")
    there.shutdown()
    there.server_close()
    assert cs.load_run("hf:me/mine").result == back.result, "what was fetched is used offline"
    with pytest.raises(RunError, match="hf:me/mine cannot be written"):
        cs.push(run, "hf:me/mine")


def test_the_card_is_one_that_the_library_reads(short_run: cs.Run) -> None:
    card = ModelCard.load(short_run.path / "README.md")
    assert isinstance(card.data, huggingface_hub.ModelCardData)
    assert (card.data.library_name, card.data.pipeline_tag) == ("convscope", "image-classification")
    found = {one.metric_type: one.metric_value for one in card.data.eval_results or ()}
    assert found["accuracy"] == pytest.approx(short_run.result.accuracy, abs=1e-6)
    again = huggingface_hub.ModelCardData(model_name=card.data.model_name, eval_results=card.data.eval_results)
    assert str(again).removeprefix("model-index:") in str(card.data)
