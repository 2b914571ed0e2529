"""Archives as torch writes them, good and hostile, put together by hand."""

from __future__ import annotations

import io
import struct
import zipfile

MAKER = b"ctorch._utils\n_rebuild_tensor_v2\n"

STORAGE = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06tQ"
"""The code for a storage of six numbers."""

TENSOR = MAKER + b"(" + STORAGE + b"K\0K\x02K\x03\x86K\x03K\x01\x86\x89ccollections\nOrderedDict\n)RtR"
"""The code for a tensor of 2x3 in it."""


def text(word: str) -> bytes:
    """The code for a text."""
    data = word.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def program(*pairs: bytes) -> bytes:
    """The pickle of a dictionary: keys and values in turn."""
    return b"\x80\x02}(" + b"".join(pairs) + b"u."


GOOD = program(text("fc.weight"), TENSOR)


def archive(
    pickle: bytes = GOOD, *more: tuple[str, bytes], method: int = zipfile.ZIP_STORED, top: str = "net"
) -> bytes:
    """An archive with a description and one storage of six numbers."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for name, data in ((f"{top}/data.pkl", pickle), (f"{top}/data/0", bytes(24)), *more):
            made.writestr(name, data)
    return file.getvalue()


def crowded() -> bytes:
    """An archive with a directory of 300,000 names."""
    one = b"PK\x01\x02" + struct.pack("<6H3I5H2I", 20, 20, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0) + b"aaaaaaaa"
    directory = one * 300_000
    end = b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 0xFFFF, 0xFFFF, len(directory), 4, 0)
    return b"PK\x03\x04" + directory + end


def patched(data: bytes, mark: bytes, place: int, form: str, value: int) -> bytes:
    """A number in the first record that begins with a mark is another one."""
    found = bytearray(data)
    struct.pack_into(form, found, found.index(mark) + place, value)
    return bytes(found)


def on_each_other() -> bytes:
    """Two files of the archive begin at the same place."""
    data = bytearray(archive())
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    struct.pack_into("<I", data, second + 42, 0)
    return bytes(data)
