"""Ways to spoil an annotation file: bytes, text, JSON trees, XML, PNG chunks, pickles, archives."""

import base64
import io
import json
import math
import pickle
import random
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

Mutation = Callable[[bytes, random.Random], bytes]

OUTSIDE = "outside"  # the folder beside the source that nobody may touch; see fuzzer.py
NUMBERS = [
    0, -1, 1, 2, 3, 255, 256, 65535, 65536, 1 << 20, 1 << 31, -(1 << 31), 1 << 32, 1 << 63, -(1 << 63),
    1 << 64, 10**30, 10**400, 0.5, -0.5, 1e-320, 1e9, 1e18, 1e308, -1e308, math.inf, -math.inf, math.nan,
]  # fmt: skip
PATHS = [
    "../x.png", "../../outside/secret.png", f"../{OUTSIDE}/secret.json", "/etc/passwd", "C:\\x.png", "..",
    ".", "", "/", "a\0b.png", "x" * 5000, "a/" * 2000 + "b.png", "\udcff.png", "Ünï🦠.png", "\u202egnp.a",
    "con", "nul.png", "~/x", "file:///etc/passwd", "http://[::1", "%00", "{0.__class__}", "$HOME/x",
    "a.png/..",
]  # fmt: skip


def png(width: int, height: int, bits: int, kind: int, data: bytes, extra: bytes = b"") -> bytes:
    """A PNG of these header fields and this image data, compressed or not, with right check sums."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def text_chunk(kind: bytes, content: bytes) -> bytes:
    """A zTXt or iCCP chunk that holds a bomb."""
    body = b"key\0\0" + zlib.compress(content, 9)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


_ZEROS = zlib.compress(bytes(1 << 24), 9)  # 16 MB in 16 kB
PNG_BOMBS = [
    png(1 << 16, 1 << 16, 1, 0, _ZEROS),
    png(30000, 30000, 8, 0, _ZEROS),
    png(0x7FFFFFFF, 0x7FFFFFFF, 16, 6, b""),
    png(8, 6, 8, 0, _ZEROS),
    png(8, 6, 8, 0, zlib.compress(bytes(54)), text_chunk(b"zTXt", bytes(1 << 24))),
    png(8, 6, 8, 0, zlib.compress(bytes(54)), text_chunk(b"iCCP", bytes(1 << 24))),
    png(0, 0, 8, 3, b""),
    png(8, 6, 8, 3, zlib.compress(bytes(54))),  # a palette picture without a palette
]
HELD = [
    *(base64.b64encode(bomb).decode() for bomb in PNG_BOMBS),
    base64.b64encode(zlib.compress(PNG_BOMBS[1])).decode(),
    base64.b64encode(_ZEROS).decode(),
    base64.b64encode(zlib.compress(_ZEROS)).decode(),
    "=" * 9, "AAAA", "§", "PYV0n9RVKVCd0" * 40, ";32NO0128N", "o" * 4000, "\x00", "0 " * 3000, "1e308 " * 9,
]  # fmt: skip


class _Evil:
    """What a pickle would run: it writes a file that the fuzzer would see, and touches the system."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._what = function, arguments

    def __reduce__(self) -> Any:
        return self._what


def _pickles() -> list[bytes]:
    import builtins
    import os

    bombs = [
        pickle.dumps(_Evil(os.system, f"echo x > ../{OUTSIDE}/run")),
        pickle.dumps(_Evil(builtins.eval, f"open('../{OUTSIDE}/run', 'w')")),
        pickle.dumps(_Evil(builtins.exec, "import os; os.mkdir('../run')"), protocol=0),
        pickle.dumps(_Evil(getattr, 3, "real")),
        b"\x80\x04" + b"(" * 20000 + b".",
        b"\x80\x04]" + b"]a" * 20000 + b".",
        b"\x80\x04" + b"]" * 30 + b"\x94h\x00h\x00\x86" * 40 + b".",
        b"\x80\x04\x8b\xff\xff\xff\x7f" + b"\x01" * 9 + b".",
        b"cos\nsystem\n(S'true'\ntR.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
    ]
    return [_npy(bomb) for bomb in bombs]


def _npy(content: bytes) -> bytes:
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }"
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


PICKLES = _pickles()
YAML_BOMBS = [
    b"label: &a [*a]\n", b"a: &a [x]\nb: &b [*a,*a,*a]\nlabel: &c [*b,*b,*b]\nnames: *c\n",
    b"!!python/object/apply:os.system ['true']\n", b"names: " + b"[" * 4000, b"\t",
    b"names: {0: " + b"x" * 50000 + b"}", b"names: !!binary AAAA\n", b"? [a]\n: b\n", b"names:\n- - - a\n",
    b"names: [2001-01-01, 1e400, .nan, ~]\n",
]  # fmt: skip
XML_HEADS = [
    b'<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z "&x;&x;&x;&x;&x;&x;">]>',
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd">',
    b"<?xml-stylesheet href='x'?>",
    b"<a>" * 3000,
]


# -- bytes ------------------------------------------------------------------------------------------------


def flip(data: bytes, choose: random.Random) -> bytes:
    """A few other bytes."""
    spoiled = bytearray(data or b"\0")
    for _ in range(choose.choice((1, 1, 2, 8, 40))):
        spoiled[choose.randrange(len(spoiled))] = choose.randrange(256)
    return bytes(spoiled)


def cut(data: bytes, choose: random.Random) -> bytes:
    """The beginning alone, or the end alone."""
    place = choose.randrange(len(data) + 1)
    return choose.choice((data[:place], data[place:]))


def repeat(data: bytes, choose: random.Random) -> bytes:
    """A part of it twice or many times, or missing."""
    first, last = sorted(choose.randrange(len(data) + 1) for _ in range(2))
    return data[:first] + data[first:last] * choose.choice((0, 2, 2, 30)) + data[last:]


def insert(data: bytes, choose: random.Random) -> bytes:
    """Something else in the midst of it."""
    place = choose.randrange(len(data) + 1)
    odd = choose.choice(
        (b"\0" * 16, b"\xef\xbb\xbf", b"\xff\xfe", b'"', b"}", b"]", b"\n", b"\\u0000", b"<", b"-")
    )
    return data[:place] + odd + data[place:]


def recode(data: bytes, choose: random.Random) -> bytes:
    """The same text in another encoding."""
    text = data.decode("utf-8", errors="replace")
    return text.encode(choose.choice(("utf-16", "utf-32", "utf-8-sig", "latin-1", "utf-7")), errors="replace")


def numbers(data: bytes, choose: random.Random) -> bytes:
    """Some numbers of a text are others."""
    rate = choose.choice((0.02, 0.2, 1.0))

    def other(found: re.Match[bytes]) -> bytes:
        return str(choose.choice(NUMBERS)).encode() if choose.random() < rate else found.group()

    return re.sub(rb"-?\d+(\.\d+)?", other, data)


def strings(data: bytes, choose: random.Random) -> bytes:
    """Some words of a text are paths that lead astray."""
    rate = choose.choice((0.02, 0.2))

    def other(found: re.Match[bytes]) -> bytes:
        odd = choose.choice(PATHS).encode(errors="surrogatepass")
        return odd if choose.random() < rate else found.group()

    return re.sub(rb"[A-Za-z_][\w./ -]*", other, data)


# -- JSON -------------------------------------------------------------------------------------------------


def tree(data: bytes, choose: random.Random) -> bytes:
    """A JSON text with other values, keys gone, others twice."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return flip(data, choose)
    for _ in range(choose.choice((1, 1, 1, 2, 5))):
        value = _spoiled(value, choose)
    text = json.dumps(value, ensure_ascii=choose.random() < 0.5)
    if choose.random() < 0.2:  # a key twice: the first one, or the last one, is another
        keys = [match.span() for match in re.finditer(r'"[^"\\]{1,40}": ', text)]
        if keys:
            first, last = choose.choice(keys)
            text = text[:first] + text[first:last] + json.dumps(_odd(choose, None)) + ", " + text[first:]
    if choose.random() < 0.05:
        depth = choose.choice((50, 900, 5000, 100000))
        text = text.replace("[]", "[" * depth + "]" * depth, 1) if "[]" in text else "[" * depth + text
    return text.encode(errors="surrogatepass")


def _spoiled(value: Any, choose: random.Random) -> Any:
    """One node of a tree replaced, removed or moved."""
    places = list(_places(value))
    if not places:
        return _odd(choose, value)
    holder, key = choose.choice(places)
    act = choose.random()
    if act < 0.7:
        holder[key] = _odd(choose, holder[key])
    elif act < 0.8:
        del holder[key]
    elif act < 0.9:
        other, its = choose.choice(places)
        if not (isinstance(other, list) and not 0 <= int(its) < len(other)):
            holder[key] = json.loads(json.dumps(other[its]))
    elif isinstance(holder, list):
        holder.extend(holder * choose.choice((1, 20)) if len(holder) < 1000 else [])
    else:
        holder[choose.choice(PATHS)] = holder[key]
    return value


def _places(value: Any) -> Any:
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in list(entries):
        yield value, key
        yield from _places(inner)


def _odd(choose: random.Random, before: Any) -> Any:
    """Another value, most often of the same kind."""
    if isinstance(before, str) and choose.random() < 0.6:
        return _odd_text(choose, before)
    if isinstance(before, int | float) and abs(before) < 1e300 and choose.random() < 0.6:
        return choose.choice((*NUMBERS, -before, before + 1, before / 7, str(before), bool(before)))
    if isinstance(before, list) and before and choose.random() < 0.4:
        return choose.choice(
            ([], before[:1], before[:-1], before[::-1], [before], before * 50, dict(enumerate(before)))
        )
    return choose.choice(
        (None, True, [], {}, "", 0, -1, [[]], {"": None}, [None], *NUMBERS, *PATHS[:8], *HELD[-9:])
    )


def _odd_text(choose: random.Random, before: str) -> str:
    if len(before) > 20 and choose.random() < 0.5:
        try:
            return base64.b64encode(flip(base64.b64decode(before), choose)).decode()
        except ValueError:
            return flip(before.encode(), choose).decode("utf-8", errors="replace")
    return choose.choice((*PATHS, *HELD, before[::-1], before * 3, before[:-1], before.upper()))


# -- other kinds of files ---------------------------------------------------------------------------------


def xml(data: bytes, choose: random.Random) -> bytes:
    """An XML text with a document type, or elements twice, gone, or in the wrong place."""
    act = choose.random()
    if act < 0.3:
        place = data.find(b"?>") + 2 if data.startswith(b"<?xml") else 0
        entity = choose.choice((b"", b"", b"&z;"))
        head = choose.choice(XML_HEADS)
        return data[:place] + head + data[place:].replace(b"manual", entity or b"manual", 1)
    tags = [match.span() for match in re.finditer(rb"<[^>]*>", data)]
    if not tags:
        return flip(data, choose)
    (first, last), (other, _) = choose.choice(tags), choose.choice(tags)
    if act < 0.5:
        return data[:first] + data[last:]
    if act < 0.7:
        return data[:other] + data[first:last] + data[other:]
    return re.sub(rb'="[^"]*"', lambda found: _attribute(found, choose), data)


def _attribute(found: re.Match[bytes], choose: random.Random) -> bytes:
    if choose.random() < 0.9:
        return found.group()
    odd = str(choose.choice((*NUMBERS, *PATHS, *HELD[-9:], "1,1;2", "nan,nan;inf,1;3,3"))).replace(
        "\0", "&#0;"
    )
    return b'="' + re.sub(r'[<"]', "", odd).encode(errors="replace") + b'"'


def picture(data: bytes, choose: random.Random) -> bytes:
    """A PNG of another header with a right check sum, or a bomb."""
    if choose.random() < 0.3 or len(data) < 33:
        return choose.choice(PNG_BOMBS)
    spoiled = bytearray(data)
    place = choose.choice((16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28))
    spoiled[place] = choose.choice((0, 1, 2, 3, 4, 6, 8, 16, 127, 255))
    spoiled[29:33] = struct.pack(">I", zlib.crc32(bytes(spoiled[12:29])))
    return bytes(spoiled)


def unpickled(data: bytes, choose: random.Random) -> bytes:
    """A pickle that would do harm."""
    return choose.choice(PICKLES)


def listed(data: bytes, choose: random.Random) -> bytes:
    """A YAML text that would do harm."""
    return choose.choice(YAML_BOMBS)


def archived(data: bytes, choose: random.Random) -> bytes:
    """An archive of the same name whose members would lie elsewhere, or are no files."""
    stream = io.BytesIO()
    name = choose.choice(PATHS).replace("\0", "") or "x"
    if data.startswith(b"PK"):
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
            entry = zipfile.ZipInfo(name.encode(errors="replace").decode()[:60000])
            entry.external_attr = choose.choice((0, 0o120777, 0o010666, 0o100644)) << 16
            packed.writestr(entry, b"x" * choose.choice((0, 10, 1 << 20)))
        return stream.getvalue()
    with tarfile.open(fileobj=stream, mode=choose.choice(("w", "w:gz"))) as packed:
        member = tarfile.TarInfo(name.encode(errors="replace").decode())
        member.type = choose.choice(
            (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, b"S", b"x")
        )
        member.linkname, member.size = f"../{OUTSIDE}/secret.json", choose.choice((0, 10))
        packed.addfile(member, io.BytesIO(bytes(10)))
    return stream.getvalue()


ANY: tuple[Mutation, ...] = (flip, cut, repeat, insert)
TEXT: tuple[Mutation, ...] = (numbers, numbers, strings, recode)
# By the suffix of a file; what suits its kind is tried more often than blind changes.
MUTATIONS: dict[str, tuple[Mutation, ...]] = {
    ".json": (*ANY, *TEXT, *(tree,) * 12),
    ".xml": (*ANY, *TEXT, *(xml,) * 8),
    ".txt": (*ANY, *TEXT),
    ".csv": (*ANY, *TEXT),
    ".yaml": (*ANY, *TEXT, listed),
    ".png": (*ANY, picture, picture),
    ".tif": ANY,
    ".npy": (*ANY, unpickled),
    ".zip": (*ANY, *ANY, archived),
    ".tar": (*ANY, archived),
    ".gz": (*ANY, archived),
    ".seg_proj": (*ANY, *TEXT, tree),
}


def mutate(path: Path, data: bytes, choose: random.Random) -> bytes:
    """The bytes of a file, spoiled as suits its kind."""
    for _ in range(choose.choice((1, 1, 1, 2, 3))):
        data = choose.choice(MUTATIONS.get(path.suffix, ANY))(data, choose)
    return data
