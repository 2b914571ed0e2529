"""Every check finds its fault with the right numbers, and is silent on the mended net."""

import json
import re
from pathlib import Path

import pytest

import convscope as cs
from convscope.checks import CHECKS, LIMITS, PAGES, page
from convscope.checks.registry import title
from convscope.cli import run
from convscope.errors import ConvscopeError
from convscope.training import recipe as recipes
from golden.golden import same_as_golden

# code: (net with the fault, layer, words with numbers worked by hand, the mended net)
FAULTS = {
    "CS001": (
        "input 224x224x3, conv 8 3x3 s2",
        "conv1",
        "row 223 of its input (0 to 223) is never read",
        "input 224x224x3, conv 8 3x3 s2 p0:1",
    ),
    "CS002": (
        "input 7x7x4, conv 4 3x3 p1",
        "conv1",
        # 21 taps along an axis, 19 on the map: 1 - 361/441
        "18.1 % of its multiply-adds fall on padding",
        "input 28x28x4, conv 4 3x3 p1",
    ),
    "CS003": (
        "input 9x9x1, 4*( conv 2 3x3 p1 ), conv 3 3x3 p1, conv 2 3x3 p1",
        "conv5",
        "from here on the field is as large as the 9x9 image before the layer adds to it (2 layers: conv5, conv6)",
        "input 32x32x1, 4*( conv 2 3x3 p1 ), conv 3 3x3 p1, conv 2 3x3 p1",
    ),
    "CS004": (
        "input 28x28x1, conv 4 3x3, maxpool 2, conv 4 3x3, gap, linear 10",
        "conv2",
        "sees 8x8 pixels, the object has 20x20",
        "input 28x28x1, conv 4 3x3, maxpool 2, 4*( conv 4 3x3 ), gap, linear 10",
    ),
    "CS005": (
        "input 9x9x1, conv 4 3x3 relu, gap, linear 10 relu, softmax",
        "relu2",
        "cuts the scores of 10 classes off at zero, before the softmax",
        "input 9x9x1, conv 4 3x3 relu, gap, linear 10, softmax",
    ),
    "CS006": (
        "input 28x28x1, conv 32 3x3 s3",
        "conv1",
        "kernel 3x3 with stride 3x3",
        "input 28x28x1, conv 32 4x4 s4",
    ),
    "CS007": (
        "input 9x9x1, conv 16 3x3 bn relu",
        "conv1",
        "its bias of 16 values goes into bn1",
        "input 9x9x1, conv 16 3x3 nobias bn relu",
    ),
    "CS008": (
        "input 32x32x3, conv 256 3x3 relu, maxpool 2, conv 512 3x3",
        "conv2",
        # 3*3*256*512 + 512 of that and 3*3*3*256 + 256
        "1,180,160 params, 99 % of the net, over the 256 channels of maxpool1",
        "input 32x32x3, conv 256 3x3 relu, maxpool 2, conv 64 1x1, conv 512 3x3",
    ),
    "CS009": (
        "input 28x28x1, conv 64 5x5 relu, maxpool 2, flatten, linear 128, linear 10",
        "linear1",
        # 12*12*64*128 + 128
        "1,179,776 params, 100 % of the net: it reads 144 positions of 64 channels",
        "input 28x28x1, conv 64 5x5 relu, maxpool 2, gap, linear 128, linear 10",
    ),
    "CS010": (
        "input 9x9x1, add( conv 1 3x3 | crop 0:2 )",
        "add1",
        "conv1 stride 1, centre 1; crop1 stride 1, centre 0",
        "input 9x9x1, add( conv 1 3x3 | crop 1 )",
    ),
    "CS011": (
        "input 8x8x4, convt 4 3x3 s2",
        "convt1",
        "kernel 3 with stride 2: outputs sum 1 or 2 taps along an axis",
        "input 8x8x4, convt 4 4x4 s2",
    ),
    "CS012": (
        "input 8x8x4, conv 4 1x1 s2",
        "conv1",
        "reads one of every 4 units of its input",
        "input 8x8x4, avgpool 2, conv 4 1x1",
    ),
    "CS013": (
        "input 8x8x4, a: relu, conv 4 3x3, from a, conv 4 1x1",
        "conv1",
        "nothing reads its result",
        "input 8x8x4, a: relu, add( conv 4 3x3 same | from a )",
    ),
    "CS014": (
        "input 8x8x8, conv 8 3x3 g2, relu, conv 8 3x3 g2",
        "conv2",
        "after conv1 each of its channels depends on only 4 of 8 channels",
        "input 8x8x8, conv 8 3x3 g2, relu, shuffle 2, conv 8 3x3 g2",
    ),
    "CS015": (
        "input 32x32x1, 2*( conv 4 3x3 d2 p2 )",
        "conv2",
        "sees 25 of the 81 pixels of its box, one of every 2 along an axis (conv1, conv2)",
        "input 32x32x1, conv 4 3x3 p1, 2*( conv 4 3x3 d2 p2 )",
    ),
}


@pytest.mark.parametrize("code", CHECKS)
def test_a_fault_is_found_and_its_mended_twin_is_not(code: str) -> None:
    faulty, node, words, mended = FAULTS[code]
    found = [f for f in cs.check(cs.read(faulty), object_size=20).findings if f.code == code]
    assert found
    assert any(f.node == node and words in f.what for f in found), [str(f) for f in found]
    assert all(f.why and f.do and f.change for f in found)
    assert not [f for f in cs.check(cs.read(mended), object_size=20).findings if f.code == code]


def test_more_nets_on_which_checks_are_silent() -> None:
    def codes(text: str) -> set[str]:
        return {finding.code for finding in cs.check(cs.read(text)).findings}

    # depthwise, then 1x1 over all channels; a padded stride; a shortcut that agrees to the pixel
    assert (
        codes("input 33x33x8, conv 8 3x3 s2 p1 g8 nobias bn relu, conv 16 1x1 nobias bn relu, gap, linear 10") == set()
    )
    assert "CS010" not in codes("input 32x32x4, add( conv 4 3x3 s2 p1 | conv 4 1x1 s2 )")
    assert "CS010" not in codes("input 32x32x4, cat( id | maxpool 2, conv 4 3x3 p1, up 2 )")
    assert "CS010" not in codes("input 32x32x4, cat( id | avgpool 2, convt 4 4x4 s2 p1 )")
    assert "CS014" not in codes("input 8x8x8, conv 8 3x3 g8, conv 8 3x3 g8, conv 8 1x1")
    shuffled = "conv 60 1x1 g3, shuffle 3, conv 60 3x3 p1 g60, conv 240 1x1 g3"
    assert "CS014" not in codes(f"input 9x9x24, {shuffled}")
    assert "CS014" in codes(f"input 9x9x24, {shuffled.replace('shuffle 3, ', '')}")
    # a transposed convolution counts from its input; a strided 1x1 shortcut reads on with the 3x3 beside it
    assert "CS002" not in codes("input 1x1x100, convt 512 4x4 nobias bn relu")
    assert "CS001" not in codes("input 8x8x4, add( conv 4 3x3 s2 p1 | conv 4 1x1 s2 )")
    # rolls that cancel
    assert "CS010" not in codes("input 14x14x4, add( roll 3, attention 1 w7, roll 11 | id )")
    assert "CS011" in codes("input 8x8x4, convt 4 4x4 s2 d2")
    assert "CS005" not in codes("input 9x9x4, linear 10, leaky_relu")
    assert "CS005" not in codes("input 8x8x8, conv 8 3x3 relu")


# the net of a first course: 32 3x3, 10 1x1, 10 26x26; 26*26*10*10 + 10 of 320 + 330 + that
COURSE = "input 28x28x1, conv 32 3x3 relu, conv 10 1x1 relu, conv 10 26x26, flatten, softmax"


def test_a_kernel_as_large_as_its_map_is_a_dense_layer() -> None:
    (found,) = [f for f in cs.check(COURSE).findings if f.code == "CS009"]
    assert (found.node, found.level) == ("conv3", "warning")
    assert found.what.startswith("67,610 params, 99 % of the net: it reads 676 positions of 10 channels")
    assert found.change == "after gap it would have 110 params"
    for silent in ("conv 10 25x25", "conv 10 26x26 p13x13", "conv 10 1x1, gap"):
        net = COURSE.replace("conv 10 26x26", silent)
        assert "CS009" not in {f.code for f in cs.check(net).findings}
    grouped = "input 26x26x10, conv 20 26x26 g10"  # 26*26*20 + 20; after gap one weight and one bias each
    assert [f.change for f in cs.check(grouped).findings if f.code == "CS009"] == ["after gap it would have 40 params"]


def readme_nets() -> list[str]:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    return re.findall(r'"(input [^"…]+)"', text)


@pytest.mark.parametrize("name", ["fast", "blink", "strong"])
def test_recipes_pass_the_gate(name: str) -> None:
    report = cs.check(recipes.find(name).net)
    assert report.passed, str(report)


def test_the_notation_that_is_taught_passes_the_gate() -> None:
    broken = {net for net in readme_nets() if not _passes(net)}
    assert broken <= {
        "input 28x28x1, conv 16 3x3 g5",  # shows an error
        "input 32x32x1, 2*( conv 8 3x3 d2 p2 )",  # shows holes
        "input 28x28x1, conv 16 3x3 bn relu, maxpool 2, gap, linear 10 relu",  # shows what check finds
    }
    assert len(readme_nets()) >= 4


def _passes(net: str) -> bool:
    try:
        return cs.check(net).passed
    except ConvscopeError:
        return False


@pytest.mark.parametrize("code", PAGES)
def test_every_check_has_a_page_in_the_docs(code: str) -> None:
    text = page(code)
    assert text.startswith(f"# {code}: {title(code)}\n\n")
    assert len(text) > 200
    same_as_golden(f"../../docs/reference/checks/{code}.md", text)


def test_limits_by_hand() -> None:
    net = cs.read("input 28x28x1, conv 16 3x3 relu, gap, linear 10")
    # 160 + 170 params; 26*26*16*9 + 160 MACs
    assert (net.table().params.value, net.table().macs.value) == (330, 97_504)
    assert cs.check(net, max_params=330, max_macs=97_504, min_rf=3).passed
    broken = cs.check(
        net, max_params=329, max_macs=97_503, max_memory=1000, min_rf=4, max_weights=1319, max_activations="10k"
    )
    assert {f.code for f in broken.findings} == set(LIMITS)
    assert not broken.passed
    assert "330 params, the limit is 329" in broken.findings[0].what
    assert cs.memory(net).inference > 1000


def test_memory_says_what_is_more() -> None:
    # 330 weights of 4 bytes; 28*28 + 26*26*16 + 16 activations: the caller has the image, gap reads and writes
    def found(net: str, limit: int) -> str:
        (one,) = [f for f in cs.check(net, max_memory=limit, ignore=["CS009"]).findings if f.level == "error"]
        return f"{one.change}; {one.do}"

    wide = found("input 28x28x1, conv 16 3x3 relu, gap, linear 10", 1024)
    assert "1.29 KiB of weights and 45.4 KiB of activations at their peak (gap1); the activations are more" in wide
    assert "which reads 26x26x16 and writes 1x1x16" in wide
    deep = found("input 8x8x1, flatten, linear 100, linear 10", 4096)
    # 6500 + 1010 weights
    assert "29.3 KiB of weights and" in deep
    assert "the weights are more" in deep
    assert "linear1 6,500 params (87 %), linear2 1,010 params (13 %)" in deep
    assert "in int8 it needs" in found("input 8x8x1, flatten, linear 100, linear 10", 8000)


def test_bytes_are_those_of_the_dtype() -> None:
    net = "input 28x28x1, conv 16 3x3 relu, gap, linear 10"
    assert cs.check(net, dtype="int8", max_weights=330, max_activations=28 * 28 + 26 * 26 * 16 + 16).passed
    broken = cs.check(net, dtype="bf16", max_weights=330, max_activations=28 * 28 + 26 * 26 * 16 + 16)
    assert [f.code for f in broken.findings] == ["CS105", "CS106"]
    with pytest.raises(ConvscopeError, match="dtype"):
        cs.check(net, dtype="int3")


def test_margins_are_printed_when_limits_are_kept() -> None:
    net = "input 28x28x1, conv 16 3x3 relu, gap, linear 10"
    text = str(cs.check(net, max_params="20,000", max_memory="62.5KiB", min_rf=3))
    assert "within the limits: params 330 of 20,000; memory 46.7 of 62.5 KiB; RF 3x3, at least 3" in text
    assert text.endswith("passed: nothing found (15 checks)")


def test_the_object_has_two_names() -> None:
    net = "input 28x28x1, conv 4 3x3, gap, linear 10"
    sizes = [cs.check(net, object=20), cs.check(net, object_size=(20, 20)), cs.check(net, object="20x20")]
    assert len({str(one) for one in sizes}) == 1
    assert "CS004" in str(sizes[0])
    with pytest.raises(ConvscopeError, match="given twice"):
        cs.check(net, object=20, object_size=20)
    assert cs.depth(28, object=20) == cs.depth(28, object_size=20)
    with pytest.raises(ConvscopeError, match="given twice"):
        cs.depth(28, object=20, object_size=20)


def test_what_is_little_is_a_note() -> None:
    def levels(net: str, code: str) -> set[str]:
        return {f.level for f in cs.check(net).findings if f.code == code}

    assert levels("input 28x28x1, conv 8 3x3 s2", "CS001") == {"note"}  # 1 of 28 rows is 3.6 %
    assert levels("input 20x20x1, conv 8 3x3 s2", "CS001") == {"warning"}  # 1 of 20 is 5 %
    for size, level in ((4, "note"), (5, "warning")):
        net = f"input {size}x{size}x64, linear 128"
        assert levels(net, "CS009") == {level}
    assert "also     column 27 of its input" in str(cs.check("input 28x28x1, conv 8 3x3 s2"))


def test_findings_of_one_kind_are_told_once() -> None:
    report = cs.check("input 28x28x1, 3*( conv 16 3x3 bn relu ), gap, linear 10")
    assert len(report.findings) == 3
    assert str(report).count("CS007") == 1
    assert "also     conv2, conv3" in str(report)
    assert report.passed


def test_an_unknown_amount_does_not_pass_a_limit() -> None:
    net = cs.read("input 8x8x1, conv 2 3x3, opaque 4x4x8")
    found = cs.check(net, max_params=10**9, max_macs=10**9, max_memory=10**9, min_rf=1).findings
    assert [f.code for f in found] == ["CS101", "CS102", "CS103"]
    assert all("unknown: opaque1" in f.what for f in found)
    assert {f.do for f in found} == {"replace the layers that cannot be inspected: opaque1"}
    bound = cs.read("input 8x8x4, pixelunshuffle 2, take 0:1")
    assert [f.code for f in cs.check(bound, min_rf=1).findings] == ["CS104"]
    compared = cs.compare(net, cs.read("input 8x8x1, conv 2 3x3"))
    assert compared.to_json()["total"]["params"] == {"a": 20, "b": 20, "delta": None, "missing": ["opaque1"]}
    assert "params       ≥ 20 → 20" in str(compared)


def test_ignored_checks_do_not_run() -> None:
    net = cs.read(FAULTS["CS007"][0])
    report = cs.check(net, ignore=["CS007"])
    assert "CS007" not in report.ran
    assert not report.findings
    with pytest.raises(ConvscopeError, match="no check"):
        cs.check(net, ignore=["CS999"])
    with pytest.raises(ConvscopeError, match="2 axes"):
        cs.check(net, object_size=(1, 2, 3))


def test_the_gate_on_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "net.cnn"
    path.write_text("input 28x28x1\nconv 16 3x3 bn relu\ngap\nlinear 10\n", encoding="utf-8")
    assert run(["check", str(path)]) == 0
    assert "CS007 note: conv1" in capsys.readouterr().out
    assert run(["check", str(path), "--ignore", "CS007"]) == 0
    assert "nothing found (14 checks)" in capsys.readouterr().out
    gate = ["--ignore", "CS007", "--max-params", "0.1k", "--max-macs", "2M", "--max-memory", "64k", "--object", "20x20"]
    assert run(["check", str(path), *gate, "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "convscope/check/2"
    assert [finding["code"] for finding in data["findings"]] == ["CS101", "CS103", "CS004"]
    assert run(["check", "--explain", "CS011"]) == 0
    assert capsys.readouterr().out.startswith("# CS011: Checkerboards")
    for code in PAGES:
        assert run(["check", "--explain", code]) == 0
        assert capsys.readouterr().out.startswith(f"# {code}: ")
    for wrong in (["check"], ["check", str(path), "--max-params", "many"], ["check", "--explain", "CS9"]):
        assert run(wrong) == 2
        capsys.readouterr()


def test_sarif_says_where(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "net.cnn"
    path.write_text("input 28x28x1\n  conv 16 3x3 bn relu\n", encoding="utf-8")
    assert run(["check", str(path), "--sarif"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["version"] == "2.1.0"
    (one,) = data["runs"]
    assert {rule["id"] for rule in one["tool"]["driver"]["rules"]} == set(PAGES)
    assert all(
        rule["helpUri"].endswith(f"docs/reference/checks/{rule['id']}.md") for rule in one["tool"]["driver"]["rules"]
    )
    (result,) = one["results"]
    assert (result["ruleId"], result["level"]) == ("CS007", "note")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == str(path)
    assert place["region"] == {"startLine": 2, "startColumn": 3}


def test_several_nets_are_one_gate(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    good, bad = tmp_path / "good.cnn", tmp_path / "bad.cnn"
    good.write_text("input 28x28x1, conv 4 3x3 relu, gap, linear 10\n", encoding="utf-8")
    bad.write_text("input 28x28x1\nconv 4 3x3 relu\ngap\nlinear 10\nrelu\n", encoding="utf-8")
    assert run(["check", str(good), str(good)]) == 0
    assert capsys.readouterr().out.endswith("2 nets: all passed\n")
    assert run(["check", str(good), str(bad)]) == 1
    out = capsys.readouterr().out
    assert out.endswith("2 nets: 1 failed\n")
    assert out.index(str(good)) < out.index(str(bad)) < out.index("CS005")
    assert run(["check", str(good), str(bad), "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "convscope/checks/1"
    assert [(one["net"], one["passed"]) for one in data["nets"]] == [(str(good), True), (str(bad), False)]
    assert run(["check", str(good), str(bad), "--sarif", "--max-params", "1"]) == 1
    (one,) = json.loads(capsys.readouterr().out)["runs"]
    places = [result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in one["results"]]
    assert places == [str(good), str(bad), str(bad)]
    assert run(["check", str(good), str(tmp_path / "nix.cnn")]) == 2


def test_limits_stand_in_pyproject(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = "input 28x28x1, conv 16 3x3 bn relu, gap, linear 10"  # 362 params
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")  # has no section
    settings = tmp_path / "pyproject.toml"
    monkeypatch.chdir(tmp_path / "deep/er")

    def outcome(text: str, *more: str, status: int) -> str:
        settings.write_text(text, encoding="utf-8")
        assert run(["check", net, *more]) == status
        return "".join(capsys.readouterr())

    section = '[tool.convscope]\nmax-params = "0.3k"\nmax-weights = 4096\nignore = ["CS007"]\nobject = "3x3"\n'
    found = outcome(section, status=1)
    assert "CS101 error" in found
    assert "weights 1.54 of 4.00 KiB" in found
    assert str(settings) in found
    assert "14 checks" in found
    assert "params 362 of 400" in outcome(section, "--max-params", "400", status=0)  # what is typed goes before
    assert "15 checks" in outcome(section, "--no-config", status=0)
    assert "try      max-params" in outcome("[tool.convscope]\nmax-parms = 3\n", status=2)
    for wrong in ("max-params = -1", "max-params = true", "max-params = 1.5", "ignore = 'CS007'", "dtype = 'int3'"):
        assert outcome(f"[tool.convscope]\n{wrong}\n", status=2)
    assert "--no-config" in outcome("[tool.convscope\n", status=2)
    assert outcome("tool = 3\n", status=0)


def test_compare_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    old, new = "input 9x9x1, conv 4 5x5 relu, gap", "input 9x9x1, conv 4 3x3, conv 4 3x3 relu, gap"
    found = cs.compare(cs.read(old), cs.read(new))
    # 4*25 + 4; 4*9 + 4 and 4*4*9 + 4
    assert [total.value for total in found.totals()["params"]] == [104, 40 + 148]
    # 25*4*25; 49*4*9 and 25*4*36
    assert [total.value for total in found.totals()["macs"]] == [2500, 1764 + 3600]
    names = [(a.name if a else None, b.name if b else None) for a, b in found.pairs]
    assert names == [("conv1", "conv1"), (None, "conv2"), ("relu1", "relu1"), ("gap1", "gap1")]
    assert run(["compare", old, new, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "convscope/compare/3"
    assert [row["change"] for row in data["rows"]] == ["changed", "added", "", ""]
    assert data["total"]["params"] == {"a": 104, "b": 188, "delta": 84, "missing": []}
    same_as_golden("tables/compare.txt", str(found))
    again = cs.compare(cs.read(old), cs.read(old))
    assert {row["change"] for row in again.to_json()["rows"]} == {""}


ROOMY = (
    "input 64x64x3, conv 32 3x3 s2 p1 bn relu, 3*( add( conv 32 3x3 p1 bn relu, conv 32 3x3 p1 bn | id ), relu ), "
    "maxpool 2, conv 64 3x3 p1 bn relu, gap, linear 10"
)
GATED = (
    "input 64x64x3, conv 16 3x3 s2 p1 nobias bn relu, 2*( conv 16 3x3 p1 g16 nobias bn relu, "
    "mul( id | gap, linear 4, relu, linear 16, sigmoid ), conv 16 1x1 nobias bn ), conv 48 3x3 s2 p1 relu, "
    "conv 64 3x3 s2 p1 relu, gap, linear 10"
)


def test_two_designs_are_compared_by_stages(capsys: pytest.CaptureFixture[str]) -> None:
    found = cs.compare(ROOMY, GATED)
    assert found.by == "stages"
    stages = {one.size: (a, b) for a, b in found.stages if (one := a or b)}
    assert list(stages) == [(32, 32), (16, 16), (8, 8), ()]
    both = [list(one) for one in zip(*found.stages, strict=True)]
    for side, table in zip(both, (found.first, found.second), strict=True):  # every layer is in one stage
        assert sum(one.layers for one in side if one) == len(table.rows)
        assert sum(one.params.value for one in side if one) == table.params.value
        assert sum(one.macs.value for one in side if one) == table.macs.value
    first, second = stages[32, 32]
    assert first is not None
    assert second is not None
    assert (first.channels, first.layers, second.channels) == (32, 3 + 3 * 7, 16)
    # 16*27 + 32; twice 16*9 + 32, 16*4 + 4 + 4*16 + 16 of the gate, which is no head, 16*16 + 32
    assert second.params.value == 464 + 2 * (176 + 148 + 288)
    assert stages[8, 8][0] is None
    assert stages[16, 16] != (None, None)
    head = stages[()]
    assert [one.params.value for one in head if one] == [650, 650]
    text = str(found)
    assert text.index("params") < text.index("by stages") < text.index("32x32")
    same_as_golden("tables/compare-stages.txt", text)
    assert run(["compare", ROOMY, GATED, "--by", "layers"]) == 0
    assert "add1" in capsys.readouterr().out
    assert run(["compare", ROOMY, GATED, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["by"], len(data["stages"])) == ("stages", 4)
    assert cs.compare(ROOMY, ROOMY.replace("conv 64", "conv 48")).by == "layers"
    with pytest.raises(ConvscopeError, match="by="):
        cs.compare(ROOMY, GATED, by="width")


def test_numbers_where_axes_differ() -> None:
    def only(text: str, code: str, object_size: int | None = None) -> str:
        (found,) = [f for f in cs.check(cs.read(text), object_size=object_size).findings if f.code == code]
        return f"{found.what}. {found.change}"

    # 9 columns padded after only: the middle of the path lies 4 columns off
    text = "input 32x32x3, conv 8 3x3 p1, add( conv 8 4x9 p2:1x0:8 | id )"
    assert "along axis 1" in only(text, "CS010")
    assert "4 pixels apart" in only(text, "CS010")
    # a field of 3x3 with strides 2 and 1 needs 17 more columns, 2 for each 3x3: 9 of them give 39x21
    assert "grow to 39x21" in only("input 60x60x1, conv 4 3x3 s2x1", "CS004", object_size=20)
    # kernel 3 to 4 along one axis of a line
    assert "1.33 times the weights" in only("input 8x4, convt 4 3 s2", "CS011")
