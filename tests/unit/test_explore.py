"""The explorer as a command and in Python: a file, a server, what a notebook and a terminal show."""

import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
import webbrowser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import convscope as cs
from convscope.cli import run
from convscope.cli.explore import FIRST
from convscope.errors import FieldError, ImageError, MissingExtraError, WriteError
from convscope.explorer import explore, notebook, page
from convscope.explorer.browser import opened
from convscope.explorer.build import to_json
from convscope.explorer.explore import Explorer, hosted
from convscope.explorer.page import one_file
from convscope.training.run import Run

NET = "input 28x28x1, conv 8 3x3 relu, gap, linear 10"
FIVE = Path(__file__).parents[2] / "docs" / "images" / "five.png"


@pytest.fixture(autouse=True)
def _parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a page that need not be built."""
    monkeypatch.setattr(page, "part", "/* {} & \u00a0 */".format)
    monkeypatch.setattr(explore, "part", "/* {} */".format)


def document(path: Path) -> dict[str, object]:
    text = path.read_text(encoding="utf-8")
    (found,) = re.findall(r'id="convscope-document">(.*?)</script>', text, re.DOTALL)
    made = json.loads(found)
    assert isinstance(made, dict)
    return made


def test_a_net_as_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.html"
    assert run(["explore", NET, "-o", str(path)]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{path}\n"
    assert captured.err == "note: The net has no weights.\n"
    assert document(path)["notation"] == NET


def test_a_run_with_an_image_as_a_file(short_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.html"
    assert run(["explore", str(short_run.path), str(FIVE), "-o", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert next(iter(told)) == "schema"
    assert (told["schema"], told["path"], told["bytes"]) == ("convscope/explore/1", str(path), path.stat().st_size)
    made = document(path)
    assert isinstance(made["run"], dict)
    assert isinstance(made["images"], list)
    assert made["images"][0]["name"] == "five.png"
    assert made["run"]["name"] == short_run.path.name


def test_two_runs_are_compared_on_one_page(short_run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(short_run.path, other)
    path = tmp_path / "compared.html"
    assert run(["explore", str(short_run.path), str(other), "-o", str(path)]) == 0
    made = document(path)["against"]
    assert isinstance(made, dict)
    assert '"other"' in json.dumps(made)


def test_an_image_alone_is_seen_by_a_first_net_of_its_size(tmp_path: Path) -> None:
    path = tmp_path / "image.html"
    assert run(["explore", str(FIVE), "-o", str(path)]) == 0
    assert str(document(path)["notation"]).startswith("input 256x217x1, ")
    assert cs.read(FIRST.format(height=1, width=256, channels=3)).output == (10,)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.cnn"], "ModelError: nowhere.cnn: there is no such file"),
        (["nowhere.png"], "ImageError: nowhere.png cannot be read"),
        (["drawing.svg"], "ImageError: drawing.svg cannot be read"),
        (["input 8x8x1, conv 4 9x9"], "ShapeError: conv1: a window of 9 does not fit into 8"),
        (["input 8x8x4, relu", str(FIVE)], "ImageError"),
        ([NET, NET, "-o", "a.html"], "a file shows one net or run, and there are 2"),
        ([NET, "-o", "a.html", "--port", "80"], "--port is about a server"),
        ([NET, "-o", "a.html", "--no-open"], "--no-open is about a server"),
        ([NET, "-o", "a.png"], "WriteError: a.png: this command does not write .png files"),
        ([NET, "--port", "70000"], "is not an integer from 0 to 65535"),
        ([NET, "--port", "x"], "--port"),
    ],
)
def test_what_cannot_be_shown_is_one_error_and_nothing_is_served(
    arguments: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["explore", *arguments]) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.out == ""
    assert not list(tmp_path.iterdir())


def test_without_the_extra_the_error_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("convscope.explorer.server", "convscope.explorer.routes"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert run(["explore", NET]) == 2
    assert "MissingExtraError: uvicorn is not installed" in capsys.readouterr().err
    with pytest.raises(MissingExtraError) as found:
        cs.explore(NET).serve()
    assert "[explore]" in found.value.attempt


def test_without_the_page_the_error_says_how_it_is_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(page, "BUNDLE", tmp_path)
    page.part.cache_clear()
    for ask in (lambda: cs.explore(NET).serve(), lambda: cs.explore(NET).save(tmp_path / "a.html")):
        with pytest.raises(MissingExtraError, match="the explorer's page is not built") as found:
            ask()
        assert "scripts/page" in found.value.attempt
    assert "conv1" in str(cs.explore(NET))


def started(*arguments: str) -> subprocess.Popen[str]:
    code = (
        "from convscope.explorer import explore, page; explore.part = page.part = str\n"
        "import webbrowser; webbrowser.get = str; webbrowser.open = lambda url: print('opened', url, flush=True)\n"
        "from convscope.cli import main; main()"
    )
    command = [sys.executable, "-c", code, "explore", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_serves_until_it_is_interrupted(number: signal.Signals, status: int) -> None:
    pytest.importorskip("uvicorn")
    with started(NET, "--no-open") as process:
        assert process.stdout
        assert process.stderr
        url = process.stdout.readline().strip()
        assert "the page is at this address" in process.stderr.readline()
        with urllib.request.urlopen(url) as answer:  # noqa: S310 -- our own
            assert answer.status == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (status, "", "interrupted\n" if status == 130 else "terminated\n")


def test_the_browser_gets_a_file_and_no_secret() -> None:
    pytest.importorskip("uvicorn")
    with started(NET, "input 8x8x1, relu", "--json") as process:
        assert process.stdout
        told, depth = "", 0
        while not told or depth:  # until its closing brace
            line = process.stdout.readline()
            told, depth = told + line, depth + line.count("{") - line.count("}")
        opened = process.stdout.readline().split()[1]
        answer = json.loads(told)
        assert [one["layers"] for one in answer["pages"]] == [4, 1]
        token = answer["url"].partition("token=")[2]
        assert len(token) == 32
        assert [one["url"] for one in answer["pages"]] == [answer["url"], f"{answer['url']}&document=a-net-of-1-layer"]
        assert token not in opened
        path = Path(opened.removeprefix("file://"))
        assert answer["url"] in path.read_text(encoding="utf-8")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert not path.exists()


def test_a_browser_in_the_terminal_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise webbrowser.Error

    asked: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: not asked.append(url))  # type: ignore[func-returns-value]
    monkeypatch.delenv("BROWSER", raising=False)
    for made, found in ((lambda: webbrowser.GenericBrowser("lynx"), False), (none, False), (webbrowser.Chrome, True)):
        monkeypatch.setattr(webbrowser, "get", made)
        with opened("http://127.0.0.1:1/") as answer:
            assert answer == found
    assert len(asked) == 1
    monkeypatch.setenv("BROWSER", "lynx")
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("lynx"))
    with opened("http://127.0.0.1:1/") as answer:
        assert answer


def test_a_taken_port_is_one_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("uvicorn")
    monkeypatch.setattr(webbrowser, "open", lambda _: pytest.fail("nothing is served"))
    with cs.explore(NET).serve() as serving:
        assert run(["explore", NET, "--port", str(serving.port)]) == 2
        told = capsys.readouterr()
        assert f"MachineError: port {serving.port} of this machine cannot be used: Address already in use" in told.err
        assert "--port 0, which takes a free one" in told.err
        assert told.out == ""


def test_in_python(tmp_path: Path) -> None:
    made = cs.explore(NET, images=[FIVE, np.zeros((1, 28, 28), np.uint8)])
    assert isinstance(made, Explorer)
    assert [one.name for one in made.document.images] == ["five.png", "an image"]
    text = str(made)
    assert repr(made) == text
    for row in cs.read(NET).table().rows:
        assert re.search(rf"^{row.name} +{re.escape(row.op)} .* {row.params:,} +{row.macs:,} ", text, re.MULTILINE)
    assert made.save(tmp_path / "a.html") == tmp_path / "a.html"
    assert document(tmp_path / "a.html")["title"] == made.title
    with pytest.raises(FieldError, match="is not a path"):
        made.save(3)  # type: ignore[arg-type]
    with pytest.raises(ImageError):
        cs.explore(NET, images=["nowhere.png"])
    with pytest.raises(FieldError, match="large cannot be"):
        cs.explore(NET, large="yes")  # type: ignore[arg-type]


def test_a_page_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(explore, "LARGEST", 1000)
    with pytest.raises(WriteError, match="the page would take") as found:
        cs.explore(NET).save(tmp_path / "a.html")
    assert found.value.attempt == "--large; in Python, large=True"
    assert not list(tmp_path.iterdir())
    assert cs.explore(NET).save(tmp_path / "a.html", large=True).is_file()


def test_a_notebook_shows_the_whole_page_in_a_frame_and_a_table() -> None:
    made = cs.explore('input 8x8x1, "a&amp;</iframe><script>alert(1)</script>": relu')
    bundle = made._repr_mimebundle_()
    assert bundle["text/plain"] == str(made)
    html = bundle["text/html"]
    assert made._repr_html_() == html
    assert 'sandbox="allow-scripts allow-downloads"' in html
    assert "allow-same-origin" not in html
    assert html.count("<") == 2  # the frame begins and ends
    (held,) = re.findall(r'srcdoc="([^"]*)"', html)
    for name, char in (("quot", '"'), ("lt", "<"), ("gt", ">"), ("amp", "&")):
        held = held.replace(f"&{name};", char)
    assert held == made.to_html() == one_file(made.title, to_json(made.document))
    assert "\u00a0" in held  # no letter of a script is changed


class Model:
    """What a widget sends."""

    def __init__(self) -> None:
        self.sent: list[object] = []

    def send(self, content: object) -> None:
        self.sent.append(content)


def test_a_widget_answers_as_the_server_does() -> None:
    pytest.importorskip("anywidget")
    from convscope.explorer.widget import answer

    host = hosted([cs.explore(NET)])

    def asked(content: object, *buffers: bytes) -> object:
        model = Model()
        answer(host, model, content, [*buffers])
        return model.sent[-1] if model.sent else None

    assert asked({"call": 1, "method": "write", "args": {"notation": NET}}) == {"answers": 1, "value": {"text": NET}}
    image = asked({"call": 2, "method": "image", "args": {"size": "8x8x1", "name": "five.png"}}, FIVE.read_bytes())
    assert isinstance(image, dict)
    assert image["value"]["shape"] == [8, 8, 1]
    wrong: list[object] = [{"call": 3, "method": "write", "args": []}, {"call": 3, "method": None, "args": {}}]
    for content in (*wrong, {"call": 3}):
        found = asked(content)
        assert isinstance(found, dict)
        assert found["error"]["kind"] in {"FieldError", "UnknownNameError"}
    ignored: list[object] = [None, {"cancels": 1}, {"call": "1"}, [], "call"]
    assert not any(map(asked, ignored))


def test_the_widget_holds_the_document_and_the_selection() -> None:
    pytest.importorskip("anywidget")
    made = cs.explore(NET)
    shown = made.widget()
    assert shown.document.encode() == to_json(made.document)
    assert (shown.state, shown.capabilities) == ("", ["confirm", "upload"])
    shown.close()


def test_without_the_extra_of_widgets_the_frame_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "is_live", lambda: True)
    monkeypatch.setattr(notebook, "find_spec", lambda _: None)
    monkeypatch.delitem(sys.modules, "convscope.explorer.widget", raising=False)
    monkeypatch.delitem(sys.modules, "anywidget", raising=False)
    assert set(cs.explore(NET)._repr_mimebundle_()) == {"text/html", "text/plain"}
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(MissingExtraError) as found:
        cs.explore(NET).widget()
    assert "[notebook]" in found.value.attempt


class Shell:
    """What IPython knows of a kernel."""

    def __init__(self, **facts: object) -> None:
        self.kernel = SimpleNamespace(**facts)


@pytest.mark.parametrize(
    ("shell", "environment", "live"),
    [
        (Shell(_allow_stdin=True), {}, True),
        (Shell(_allow_stdin=False), {}, False),  # run to be exported
        (Shell(_allow_stdin=True), {"VSCODE_PID": "1"}, False),
        (None, {}, False),
    ],
)
def test_the_widget_is_for_a_notebook_that_a_person_sees(
    shell: object, environment: dict[str, str], live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in notebook.CODE:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert notebook.is_live() == live
