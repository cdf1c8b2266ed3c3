"""Pictures without their metadata, lossless: places, serial numbers and names that a camera writes stay private.

The pixels are not touched: only whole segments (JPEG), chunks (PNG) or RIFF chunks (WebP) are left out. What cannot be
followed raises :class:`UnreadablePicture`; then nothing is shown rather than something unexamined.
"""

import struct

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_KEEP = {
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"bKGD", b"pHYs",
    b"cICP", b"acTL", b"fcTL", b"fdAT",
}  # fmt: skip
_WEBP_KEEP = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"}
_WEBP_EXIF_AND_XMP = 0x08 | 0x04
# JPEG application segments that say how to read the pixels: JFIF, colour profile, Adobe's transform.
_JPEG_KEEP_APP = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
_JPEG_COMMENT = 0xFE
_JPEG_STANDALONE = {0x01, *range(0xD0, 0xD8)}


class UnreadablePicture(ValueError):
    """The bytes do not follow their format."""


def without_metadata(data: bytes, content_type: str) -> bytes:
    """Return the picture without EXIF, XMP, IPTC, comments, texts and anything behind its end.

    Raises:
        UnreadablePicture: the bytes do not follow the format that ``content_type`` names.
    """
    strip = {"image/jpeg": _jpeg, "image/png": _png, "image/webp": _webp}[content_type]
    try:
        return strip(data)
    except (struct.error, IndexError) as error:
        raise UnreadablePicture("the picture ends too early") from error


def _jpeg(data: bytes) -> bytes:
    if data[:2] != b"\xff\xd8":
        raise UnreadablePicture("no JPEG")
    kept = [b"\xff\xd8"]
    at = 2
    while True:
        if data[at] != 0xFF:
            raise UnreadablePicture("a JPEG segment does not begin with its mark")
        while data[at] == 0xFF:  # any number of fill bytes may precede a marker
            at += 1
        marker = data[at]
        at += 1
        if marker == 0xD9:
            kept.append(b"\xff\xd9")
            return b"".join(kept)
        if marker in _JPEG_STANDALONE:
            kept.append(bytes((0xFF, marker)))
            continue
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2 or at + length > len(data):
            raise UnreadablePicture("a JPEG segment is longer than the file")
        body = data[at + 2 : at + length]
        if _keeps_jpeg_segment(marker, body):
            kept.append(bytes((0xFF, marker)) + data[at : at + length])
        at += length
        if marker == 0xDA:
            end = _end_of_scan(data, at)
            kept.append(data[at:end])
            at = end


def _keeps_jpeg_segment(marker: int, body: bytes) -> bool:
    if marker in _JPEG_KEEP_APP:
        return body.startswith(_JPEG_KEEP_APP[marker])
    return not (0xE0 <= marker <= 0xEF or marker == _JPEG_COMMENT)


def _end_of_scan(data: bytes, at: int) -> int:
    """Return where the entropy-coded bytes end: at the next marker that is no stuffing and no restart."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise UnreadablePicture("the JPEG has no end")
        if data[at + 1] == 0 or 0xD0 <= data[at + 1] <= 0xD7:
            at += 2
        elif data[at + 1] == 0xFF:
            at += 1
        else:
            return at


def _png(data: bytes) -> bytes:
    if data[:8] != _PNG_SIGNATURE:
        raise UnreadablePicture("no PNG")
    kept = [_PNG_SIGNATURE]
    at = 8
    while True:
        (length,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            raise UnreadablePicture("a PNG chunk is longer than the file")
        if kind in _PNG_KEEP:
            kept.append(data[at:end])
        if kind == b"IEND":
            return b"".join(kept)
        at = end


def _webp(data: bytes) -> bytes:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise UnreadablePicture("no WebP")
    (size,) = struct.unpack_from("<I", data, 4)
    limit = 8 + size
    if limit > len(data):
        raise UnreadablePicture("the WebP is shorter than it says")
    kept: list[bytes] = []
    at = 12
    while at + 8 <= limit:
        kind = data[at : at + 4]
        (length,) = struct.unpack_from("<I", data, at + 4)
        end = at + 8 + length
        if end > limit:
            raise UnreadablePicture("a WebP chunk is longer than the file")
        if kind in _WEBP_KEEP:
            chunk = bytearray(data[at:end] + b"\0" * (length % 2))
            if kind == b"VP8X":
                chunk[8] &= ~_WEBP_EXIF_AND_XMP & 0xFF
            kept.append(bytes(chunk))
        at = end + length % 2
    body = b"".join(kept)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
