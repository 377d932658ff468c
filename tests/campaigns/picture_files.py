"""Files that are pictures, nearly, and not at all."""

import io
import struct
import zlib
from typing import Any

from PIL import Image

GPS = 0x8825


def png(width: int = 400, height: int = 300, colour: Any = (200, 30, 60), mode: str = "RGB") -> bytes:
    return written(Image.new(mode, (width, height), colour), "PNG")


def written(image: Image.Image, name: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def halves(
    left: tuple[int, int, int], right: tuple[int, int, int], width: int = 800, height: int = 400
) -> Image.Image:
    image = Image.new("RGB", (width, height), left)
    image.paste(right, (width // 2, 0, width, height))
    return image


def photo(width: int = 1600, height: int = 1200) -> Image.Image:
    """Something as busy as a photograph, the same each time."""
    wide = Image.radial_gradient("L").resize((width, height))
    noise = Image.linear_gradient("L").rotate(37).resize((width, height))
    return Image.merge("RGB", (wide, noise, Image.blend(wide, noise, 0.5)))


def with_place(image: Image.Image) -> bytes:
    """A JPEG that says where it was taken, which way up it is, and by whom."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter to show it
    exif[0x013B] = "SECRET-ARTIST"
    exif.get_ifd(GPS)[1] = "N"
    exif.get_ifd(GPS)[2] = (52.0, 31.0, 12.0)
    return written(image, "JPEG", exif=exif, comment=b"SECRET-COMMENT")


def bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """A PNG of a few kilobytes that says it has 900 million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )
