"""Reading and writing the notation."""

from pathlib import Path

import pytest

import convscope as cs
from convscope.errors import ConvscopeError, FieldError, LimitError, ModelError, NotationError
from convscope.frontends.text.tokens import MAX_BYTES

DESIGN_EXAMPLES = [
    "input 28x28x1, conv 16 3x3 bn relu, maxpool 2, conv 10 1x1, conv 16 3x3 bn relu, gap, linear 10",
    "input 32x32x64, add( conv 64 3x3 p1 bn relu, conv 64 3x3 p1 bn | id ), relu",
    "input 9x9x4, cat( conv 16 1x1 | conv 16 3x3 p1 | conv 8 3x1 p1x0, conv 16 1x3 p0x1 | maxpool 3 s1 p1 )",
    "input 9x9x64, mul( id | gap, linear 4, relu, linear 64, sigmoid )",
    "input 8x8x16, cat( id | maxpool 2, conv 32 3x3 same relu, up 2 ), conv 16 3x3 same",
    "input 8x8x64, 3*( conv 64 3x3 same bn relu )",
    "input 8x8x1, name: conv 32 3x3 p1, conv 32 3x3 p1, add( id | from name )",
    "input 16x16x4, conv 64 3x3 s2 p1 d2 g4 nobias",
]


@pytest.mark.parametrize("text", DESIGN_EXAMPLES)
def test_read_after_write(text: str) -> None:
    net = cs.read(text)
    assert cs.read(str(net)) == net


def names(text: str) -> list[str]:
    return [layer.node.name for layer in cs.read(text)]


def test_names_count_by_kind_and_labels_replace_them() -> None:
    assert names("input 9x9x1, conv 2 3x3 relu, stem: conv 2 3x3 relu, conv 2 3x3") == [
        "conv1", "relu1", "conv2", "stem", "conv3"
    ]  # fmt: skip


def test_repetition_is_writing_out() -> None:
    assert cs.read("input 9x9x1, 2*( conv 2 3x3 relu )") == cs.read("input 9x9x1, conv 2 3x3 relu, conv 2 3x3 relu")
    assert len(cs.read("input 9x9x1, 2*( 3*( relu ), 2*( tanh ) )")) == 10


def test_lines_commas_and_comments_separate_alike() -> None:
    text = "# a net\ninput 9x9x1\n\nconv 2 3x3 relu  # first\n, add(\n  id |\n conv 2 3x3 same\n)\n"
    assert cs.read(text) == cs.read("input 9x9x1, conv 2 3x3 relu, add( id | conv 2 3x3 same )")


def test_a_skip_over_a_branch_needs_labels_and_keeps_its_order() -> None:
    text = "input 8x8x2, a: relu, b: conv 2 1x1, add( conv 2 3x3 same | from a ), c: tanh"
    text += ", add( from b | from c | from a )"
    net = cs.read(text)
    assert cs.read(str(net)) == net
    dead = cs.read("input 8x8x2, conv 4 3x3, from input, conv 2 1x1")
    assert dead.layers[1].node.inputs == ("input",)
    assert cs.read(str(dead)) == dead


def test_automatic_names_can_be_mentioned() -> None:
    net = cs.read("input 8x8x2, conv 2 3x3 same, relu, add( id | from conv1 )")
    assert net["add1"].node.inputs == ("relu1", "conv1")


def test_id_alone_in_a_path_adds_no_layer_but_elsewhere_it_does() -> None:
    assert names("input 8x8x2, add( id | relu )") == ["relu1", "add1"]
    assert names("input 8x8x2, add( keep: id | relu ), id") == ["keep", "relu1", "add1", "id2"]
    net = cs.read("input 8x8x2, add( keep: id | relu ), id")
    assert cs.read(str(net)) == net
    plain = cs.read("input 8x8x2, add( id1: id | relu )")
    assert cs.read(str(plain)) == plain


def test_settings_in_any_order_and_per_axis() -> None:
    a = cs.read("input 9x9x4, conv 8 3x5 g2 p1x2 s2 nobias")
    assert a == cs.read("input 9x9x4, conv 8 3x5 nobias s2x2 p1x2 g2")
    assert cs.read("input 9x9x4, conv 8 3 valid") == cs.read("input 9x9x4, conv 8 3x3")
    assert str(cs.read("input 9x9x4, maxpool 3 s3")) == "input 9x9x4, maxpool 3x3"


def test_files_standard_input_and_another_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.cnn"
    path.write_text("input 28x28x1\nconv 4 3x3\n", encoding="utf-8")
    assert cs.read(path).output == cs.read(str(path)).output == (4, 26, 26)
    assert cs.read(path, input="10x12x3").output == (4, 8, 10)
    assert cs.read("conv 4 3x3", input="10x12x3").output == (4, 8, 10)
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("input 8x8x1, relu"))
    assert cs.read("-").output == (1, 8, 8)


def test_an_error_in_a_file_names_file_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "net.cnn"
    path.write_text("input 28x28x1\n  conv 4 3x3 g3\n", encoding="utf-8")
    with pytest.raises(ConvscopeError) as caught:
        cs.read(path)
    assert f'{path}:2:3  "conv 4 3x3 g3"' in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   # nothing",
        "input 28x28x1",
        "relu",
        "input 0x3x1, relu",
        "input 1x2x3x4x5, relu",
        "input 3x3x1 relu",
        "input, relu",
        "input 8x8x1, ,relu",
        "input 8x8x1, conv",
        "input 8x8x1, conv 3",
        "input 8x8x1, conv 3x3 3",
        "input 8x8x1, conv 8 3x3 s0",
        "input 8x8x1, conv 8 0x3",
        "input 8x8x1, conv 8 3x3 d1099511627776",
        "input 8x8x1, conv 8 3x3 s2 s3",
        "input 8x8x1, conv 8 3x3 p1:2:3",
        "input 8x8x1, conv 8 3x3x3",
        "input 8x8x1, conv 8 3x3 relu 5",
        "input 8x8x1, dropout 1.5",
        "input 8x8x1, dropout 0.5.5",
        "input 8x8x1, add( relu )",
        "input 8x8x1, add( relu | )",
        "input 8x8x1, add relu",
        "input 8x8x1, add( relu | tanh",
        "input 8x8x1, relu )",
        "input 8x8x1, relu | tanh",
        "input 8x8x1, 0*( relu )",
        "input 8x8x1, 3*( )",
        "input 8x8x1, 3* relu",
        "input 8x8x1, relu*( tanh )",
        "input 8x8x1, from nowhere",
        "input 8x8x1, from",
        "input 8x8x1, a: add( id | from a )",
        "input 8x8x1, a: relu, a: tanh",
        "input 8x8x1, 2*( a: relu )",
        "input 8x8x1, relu2: relu, relu",
        "input 8x8x1, a: from input",
        "input 8x8x1, (3)x4",
        "input 8x8x1, (3x3x1)x0",
        "input 8x8x1, input 8x8x1",
        "input 8x8x1, conv 8 3x3; relu",
        "input 8x8x1, relu\0",
        "input 8x8x1, relu # \u202e evil",
        "input 8x8x1, \ud800",
        "(" * 100_000,
        "input 8x8x1, " + "add(" * 100 + "relu",
        "input 8x8x1, 1000000000*( relu )",
        "input 8x8x1, 300*( 300*( relu ) )",
        "input 8x8x1, " + "9" * 10_000 + "*( relu )",
        "input 8x8x1, conv " + "9" * 10_000 + " 3x3",
        "input 8x8x1 as",
        "input 8x8x1, relu, output as",
        "input 8x8x1, relu, output id named",
        "input 8x8x1, relu, output named (",
    ],
    ids=range(55),
)
def test_bad_text_gives_one_of_our_errors(text: str) -> None:
    with pytest.raises((NotationError, FieldError, cs.ConvscopeError)) as caught:
        cs.read(text)
    assert len(str(caught.value)) < 1500
    assert "\0" not in str(caught.value)
    assert "\u202e" not in str(caught.value)


def test_bounds() -> None:
    assert len(cs.read("input 8x8x1, 20000*( relu )")) == 20_000
    with pytest.raises(LimitError, match="this needs") as caught:
        cs.read("input 8x8x1, 50000*( relu )")
    assert caught.value.excerpt.startswith("input 8x8x1, 50000*( relu )")
    with cs.raise_limits(2):
        assert len(cs.read("input 8x8x1, 50000*( relu )")) == 50_000
    with pytest.raises(NotationError, match="1 MiB"):
        cs.read("input 8x8x1, relu" + " " * MAX_BYTES)


def test_unreadable_files_are_our_errors(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such file"):
        cs.read("missing.cnn")
    with pytest.raises(ModelError, match=r"runs/missing: there is no such file or folder"):
        cs.read("runs/missing")
    (tmp_path / "bad.cnn").write_bytes(b"input 8x8x1, \xff\xfe")
    with pytest.raises(NotationError, match="not UTF-8"):
        cs.read(tmp_path / "bad.cnn")
    (tmp_path / "big.cnn").write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(NotationError, match="at most 1,048,576 are read"):
        cs.read(tmp_path / "big.cnn")


def test_a_layer_is_found_by_name_and_a_wrong_name_says_which_was_meant() -> None:
    net = cs.read("input 8x8x1, conv 2 3x3, relu")
    assert net["conv1"].output == (2, 6, 6)
    with pytest.raises(ConvscopeError, match="no layer is called") as caught:
        net["conv11"]
    assert caught.value.attempt == "conv1"
