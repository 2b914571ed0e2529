"""The wire format of protobuf, written by hand: what no library would write."""


def varint(number: int) -> bytes:
    """An integer in groups of seven bits, the lowest first."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def field(number: int, content: bytes) -> bytes:
    """A field that holds bytes or a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content
