"""Small nets that claim much: a question is answered, or refused by the name of a layer, soon and in little memory."""

from __future__ import annotations

import json
import os
import resource
from typing import TYPE_CHECKING, Any

import pytest

import clock
import convscope as cs
from convscope.errors import ConvscopeError, LimitError
from faults.limits import MEGABYTES, SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from convscope.core.net import Net

pytestmark = pytest.mark.faults

SIDE, MANY = 2**20, 2**30

PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103)

ATTACKS = {
    "30,000 taps": "input 1000000x1, conv 1 30000 d3 p45000",
    "dilations of 3": "input 1000000x1, " + ", ".join(f"conv 1 3 d{3**at} p{3**at}" for at in range(12)),
    "prime dilations": f"input {SIDE}x1, " + ", ".join(f"conv 1 3 d{7 * one} p{7 * one}" for one in PRIMES),
    "long transposed": "input 1000x1, convt 1 1000 s999 d7",
    "a stride of 2^31": f"input 1x1, convt 1 {SIDE} s{2**31}",
    "wide transposed": "input 1024x1024x1, convt 1 1024x1024 s1024",
    "transposed 18 times": "input 2x2x1, 18*( convt 1 4 s2 p1 )",
    "up 1024": "input 1024x1024x1, up 1024, conv 1 3x3",
    "up a million": "input 1x1x1, up 1000000, conv 1 3x3 p1, conv 1 3x3 s3",
    "groups of one channel": f"input 1x1x{MANY}, conv {MANY} 1x1 g{MANY}",
    "a norm of 2^30 groups": f"input 1x1x{MANY}, gn {MANY}",
    "groups of two": f"input 8x8x{2 * MANY}, gn {MANY}, conv 2 1x1",
    "every other of 2^31": f"input 4x4x{2 * MANY}, take 0:{2 * MANY}:2, conv 1 1x1",
    "shuffled 2^31": f"input 4x4x{2 * MANY}, conv {2 * MANY} 3x3 g2 p1, shuffle 2, conv {2 * MANY} 3x3 g2 p1",
    "split in three": f"input 8x8x{3 * 2**29}, a: id, cat( take 0:{2**29} | from a, take {2**29}:{2**30} | "
    f"from a, take {2**30}:{3 * 2**29}, conv {2**29} 3x3 p1 g2 ), take 5:100, conv 2 1x1",
    "joined and shuffled": f"input 8x8x{2 * MANY}, a: id, cat( take 0:{MANY} | from a, take {MANY}:{2 * MANY}, "
    f"conv {MANY} 3x3 p1 g{MANY} ), shuffle 2, take 0:64, conv 2 1x1",
    "joined and grouped": f"input 8x8x{MANY}, cat( id | conv {MANY} 3x3 p1 g{MANY} ), conv {2 * MANY} 3x3 g{MANY} p1, "
    "take 3:9",
    "joined again and again": f"input 8x8x{MANY}, 12*( cat( id | conv {MANY} 3x3 p1 g{MANY} ), take 0:{MANY} )",
    "a window over channels": f"input 8x8x{MANY}, 10*( lrn {MANY} ), conv 1 1x1",
    "norms of joined channels": f"input 64x64x{MANY}, cat( id | conv {MANY} 3x3 p1 g{MANY} ), ln g{MANY}, take 0:7",
    "pixels of channels": f"input 8x8x{MANY}, 5*( pixelshuffle 2, pixelunshuffle 2 ), take 1:5",
    "channels of pixels": "input 4096x4096x1, pixelunshuffle 64, conv 4096 1x1 g4096, pixelshuffle 64, conv 1 3x3",
    "attention over 2^20": f"input {SIDE}x8, attention 8, attention 2 w1024, 100*( attention 1 w64 )",
    "windows of attention": "input 1024x1024x8, 50*( attention 2 w8, roll 4x4, ln )",
    "running sums": f"input {SIDE}x4, 3*( cumsum along1 )",
    "a long recurrence": f"input {SIDE}x4, lstm 4, gru 4 both",
    "rolls": f"input {SIDE}x{SIDE}x4, 300*( roll 3x5 )",
    "mirrored": "input 262144x262144x1, pad 131072 reflect, conv 1 3x3",
    "around": "input 262144x262144x1, 50*( pad 1 circular, conv 1 3x3 )",
    "rearranged": f"input {SIDE}x1, rearrange a1xb1048576:b1048576xa1, relu",
    "rearranged to channels": f"input {SIDE}x{SIDE}x1, rearrange a1xb1048576xc1048576:cbxa",
    "flat": f"input {SIDE}x{SIDE}x1, flatten, linear 10",
    "slices of what is flat": "input 4096x4096x4, flatten, take 5:60000000:7, linear 3",
    "turned again and again": "input 1048576x4, pick 0-524287 along1, 9*( pick 524287-0 along1 )",
    "irregular picks": "input 100x4, pick 0.5.3.9.1.7.22.11 along1, " + 200 * "pick 0.5.3.1.2.4 along1, " + "relu",
    "other sizes": "input 1000003x1, resize 999983 bilinear, resize 999979, conv 1 3",
    "shares": "input 999983x1, aavgpool 999979, aavgpool 65537, conv 1 3",
    "coprime strides": f"input {SIDE}x1, conv 1 3 s3 d5 p7, conv 1 4 s5 d3 p1, convt 1 5 s4 d3, conv 1 9 s7 d11 p5, "
    "up 13, conv 1 3 s11",
    "far between": f"input {SIDE}x1, conv 1 1000 s999 d1001 p500000, conv 1 3 p1",
    "dilated branches": f"input {SIDE}x1, add( {' | '.join(f'conv 1 3 d{d} p{d}' for d in range(1, 200))} )",
    "gates over large maps": f"input {SIDE}x{SIDE}x8, 50*( mul( id | gap, conv 8 1x1, sigmoid ) )",
    "norms over large maps": f"input {SIDE}x{SIDE}x8, 50*( conv 8 3x3 p1, instnorm )",
    "norms of many channels": f"input 1024x1024x{MANY}, 50*( gn {MANY // 2}, conv {MANY} 3x3 p1 g{MANY} )",
    "residuals on 2^20": f"input {SIDE}x{SIDE}x1, 100*( add( conv 1 3x3 p1 | id ) )",
    "convolutions on 2^20": f"input {SIDE}x{SIDE}x1, 200*( conv 1 3x3 p1 )",
    "one after the other": "input 512x512x1, 10*( cat along1( id | conv 1 3x3 p1 ) )",
    "volumes": "input 1024x1024x1024x4, 50*( conv 4 3x3x3 p1 ), gap, linear 4",
    "odd volumes": "input 100000x100000x100000x4, conv 4 9x9x9 d2 p8, convt 4 3x3x3 s5, conv 4 11x11x11 d7",
    "products": "input 64x64x8, einsum a8xb64xc64:a8xd64xe64:axbxe( id | id ), conv 3 3x3",
    "no map": f"input {2 * MANY}, linear {2 * MANY}, linear 5",
    "shares of one axis": f"input {SIDE}x{SIDE}x4, aavgpool 1x{SIDE}, aavgpool 7x13",
}

VERBS: dict[str, Callable[[cs.Net], object]] = {
    "table": lambda net: str(net.table()),
    "field": lambda net: str(net.field()),
    "check": lambda net: str(cs.check(net)),
    "memory": lambda net: str(cs.memory(net)),
    "compare": lambda net: str(cs.compare(net, net)),
    "support": lambda net: cs.support(net).pixels,
}


def asked(text: str, verb: str) -> dict[str, Any]:
    """What a question costs in a process of its own: seconds, megabytes, and the error that it ended in."""
    try:
        net = cs.read(text)
    except LimitError as over:  # the text itself asks for too much
        return {"error": f"LimitError: the text: {over.what}", "seconds": 0.0, "megabytes": 0.0}
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        try:
            os.write(send, json.dumps(_in_child(net, verb)).encode()[:4000])
        finally:
            os._exit(0)  # whatever happens, no second process goes on with the tests
    os.close(send)
    with os.fdopen(receive, "rb") as told:
        data = told.read()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    usage = os.wait4(child, 0)[2]
    assert data, "it did not end by itself"
    return {**json.loads(data), "megabytes": (usage.ru_maxrss - min(before, usage.ru_maxrss)) / 1024}


def _in_child(net: Net, verb: str) -> dict[str, Any]:
    start, error = clock.now(), ""
    try:
        VERBS[verb](net)
    except ConvscopeError as one:
        error = f"{type(one).__name__}: {one.what}"
    except BaseException as one:  # noqa: BLE001 -- it is told, and found
        error = f"raw {type(one).__name__}"
    return {"error": error, "seconds": clock.since(start)}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", ATTACKS)
def test_what_a_net_claims_costs_little(name: str, verb: str) -> None:
    found = asked(ATTACKS[name], verb)
    for _ in range(clock.TRIES - 1):
        if found["seconds"] >= SECONDS:
            found = asked(ATTACKS[name], verb)
    assert not found["error"].startswith("raw"), found
    assert found["seconds"] < SECONDS, found
    assert found["megabytes"] < MEGABYTES, found
    if found["error"].startswith("LimitError") and "the text" not in found["error"]:
        layers = [layer.node.name for layer in cs.read(ATTACKS[name])]
        assert any(f"LimitError: {layer}: " in found["error"] for layer in layers), found


def test_channels_that_are_split_and_joined_are_told_apart() -> None:
    rows = {row.name: row for row in cs.read(ATTACKS["split in three"]).table().rows}
    assert [axis.size for axis in rows["conv2"].field] == [1, 1]
    last = cs.read(ATTACKS["split in three"].replace("take 5:100", f"take {2**30 + 5}:{2**30 + 9}"))
    assert [axis.size for axis in last.table().rows[-1].field] == [3, 3]


def test_the_user_raises_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convscope.budget.BYTES", 2**23)
    net = cs.read("input 64x1, up 4096, 40*( conv 1 3 p1 )")
    with pytest.raises(LimitError, match=r"conv\d+: this needs"):
        net.table()
    with cs.raise_limits(10):
        assert net.table().rows[-1].field[0].phases == 4096


HONEST = {
    "5,000 layers": "input 64x64x3, 5000*( conv 4 3x3 p1 )",
    "2,000 residuals": "input 64x64x4, 2000*( add( conv 4 3x3 p1, relu | id ) )",
    "dense 250": "input 64x64x4, 250*( cat( id | conv 4 3x3 p1 ) )",
    "5,000 branches": f"input 64x64x4, add( {' | '.join(['conv 4 3x3 p1'] * 5000)} )",
    "dilated on 2^20 samples": f"input {SIDE}x1, conv 16 1, 3*( "
    + ", ".join(f"add( conv 16 2 d{2**at} p{2**at}:0 tanh, conv 16 1 | id )" for at in range(10))
    + " ), conv 1 1",
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", HONEST)
def test_honest_nets_are_answered(name: str, verb: str) -> None:
    found = asked(HONEST[name], verb)
    assert not found["error"], found
    assert found["megabytes"] < MEGABYTES, found
