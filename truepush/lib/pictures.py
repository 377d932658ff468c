"""Pictures as browsers take them: whatever is brought is decoded within limits and written anew.

Nothing of the file that was brought is kept but its pixels: no metadata, no colour profile, nothing that lay behind the
picture. Its name and its type are not looked at.
"""

import io
from typing import NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError

# A telephone's photograph has 3 to 8 MB.
MOST_OCTETS = 10 * 1024 * 1024
# Decoded it has four octets a pixel: 160 MB.
MOST_PIXELS = 40_000_000
MOST_SIDE = 16_384
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
# What browsers show: Chrome's icon at two device pixels each, Android's badge, the large image of Windows and Android.
SIZES = {"icon": (192, 192), "badge": (96, 96), "image": (720, 360)}
QUALITY = 82
TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


class PictureRefused(ValueError):
    """It cannot be shown; the text says why and what to do."""


class Crop(NamedTuple):
    """A part of a picture, in shares of its width and height from its top left corner."""

    left: float
    top: float
    width: float
    height: float


class Picture(NamedTuple):
    """A picture that was written anew; `extension` is a key of TYPES."""

    octets: bytes
    extension: str
    width: int
    height: int


def rewrite(brought: bytes, kind: str, crop: Crop | None = None) -> Picture:
    """Cut a picture to what its kind (SIZES) is shown at and write it as small as it gets; raises PictureRefused.

    Without a crop the largest part of the right shape is taken from its middle. It is never made larger.
    """
    image = _decoded(brought)
    width, height = SIZES[kind]
    box = _box(image, crop, width / height)
    width, height = _fitting(box, width, height)
    made = image.resize((width, height), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
    return _smallest(made)


def _decoded(brought: bytes) -> Image.Image:
    """Open, check before a pixel is decoded, decode the first frame, and turn it as its metadata says."""
    if len(brought) > MOST_OCTETS:
        raise PictureRefused(
            f"The file has {len(brought):,} bytes; at most {MOST_OCTETS:,} are taken. Make it smaller."
        )
    try:
        with Image.open(io.BytesIO(brought), formats=FORMATS) as image:
            _check_size(*image.size)
            image.load()
            turned = ImageOps.exif_transpose(image)
    except PictureRefused:
        raise
    except Image.DecompressionBombError:
        raise PictureRefused(f"The picture has more than {MOST_PIXELS:,} pixels. Make it smaller.") from None
    except UnidentifiedImageError:
        raise PictureRefused("This is no JPEG, PNG, WebP or GIF picture. Save it as one of them.") from None
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        OverflowError,
        MemoryError,
        IndexError,
        TypeError,
    ) as error:
        raise PictureRefused(
            "The picture is damaged or not complete. Save it again and bring the new file."
        ) from error
    has_alpha = "A" in turned.getbands() or "transparency" in turned.info
    return turned.convert("RGBA" if has_alpha else "RGB")


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS or max(width, height) > MOST_SIDE:
        raise PictureRefused(
            f"The picture has {width:,} x {height:,} pixels; at most {MOST_PIXELS:,} in all and {MOST_SIDE:,} a side "
            "are taken. Make it smaller."
        )


def _box(image: Image.Image, crop: Crop | None, shape: float) -> tuple[float, float, float, float]:
    """The part that is taken, in pixels, of exactly the shape (width by height) inside what was chosen."""
    whole = crop or Crop(0.0, 0.0, 1.0, 1.0)
    left, top = whole.left * image.width, whole.top * image.height
    width, height = whole.width * image.width, whole.height * image.height
    if width / height > shape:
        width, left = height * shape, left + (width - height * shape) / 2
    else:
        height, top = width / shape, top + (height - width / shape) / 2
    return left, top, min(left + width, image.width), min(top + height, image.height)


def _fitting(box: tuple[float, float, float, float], width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, (box[2] - box[0]) / width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _smallest(image: Image.Image) -> Picture:
    """Write it in each way that keeps what it has, and take the smallest."""
    ways: list[tuple[str, dict[str, object]]] = [
        ("webp", {"format": "WEBP", "quality": QUALITY, "method": 6}),
        ("png", {"format": "PNG", "optimize": True}),
    ]
    if image.mode == "RGB":
        ways.append(("jpg", {"format": "JPEG", "quality": QUALITY, "optimize": True, "progressive": True}))
    written = []
    for extension, options in ways:
        file = io.BytesIO()
        image.save(file, **options)  # type: ignore[arg-type]
        written.append((extension, file.getvalue()))
    extension, octets = min(written, key=lambda one: len(one[1]))
    return Picture(octets, extension, image.width, image.height)
