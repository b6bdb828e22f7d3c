"""Claims about image files: which pixels people saw, and which files are refused."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, PngImagePlugin

from visalign.errors import InputError
from visalign.stimuli import images

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
NOISE[1, 0], NOISE[1, 1] = 255, 0
#: Values of 16 bits, and what they are of 0 … 255.
DEEP = np.array([[0, 128, 129, 257], [32767, 32896, 65535, 1000]], np.uint16)
SCALED = np.array([[0, 0, 1, 1], [127, 128, 255, 4]], np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def deep_png(values: np.ndarray, colour: int, more: bytes = b"") -> bytes:
    """A PNG of 16 bits: values (height, width, channels), `colour` as in its header."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header) + more + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def tiff(image: Image.Image, **tags: int) -> bytes:
    return encoded(image, "TIFF", tiffinfo={int(tag.removeprefix("t")): value for tag, value in tags.items()})


def pixels(content: bytes, background: str = "") -> np.ndarray:
    return np.asarray(images.decode(content, "x", background).image)


def turned(kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return encoded(Image.fromarray(NOISE), kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))


def refusal(content: bytes, background: str = "") -> str:
    with pytest.raises(InputError) as error:
        images.decode(content, "folder/x.png", background)
    assert str(error.value).startswith("folder/x.png: ") and "\n" not in str(error.value)
    return str(error.value).removeprefix("folder/x.png: ")


# --- plain images ---

PLAIN = {
    "RGB PNG": encoded(Image.fromarray(NOISE)),
    "JPEG": encoded(Image.fromarray(NOISE), "JPEG"),
    "progressive JPEG": encoded(Image.fromarray(NOISE), "JPEG", progressive=True, subsampling=2),
    "grey JPEG": encoded(Image.fromarray(NOISE[..., 0]), "JPEG"),
    "CMYK JPEG": encoded(Image.fromarray(NOISE).convert("CMYK"), "JPEG"),
    "CMYK TIFF": encoded(Image.fromarray(NOISE).convert("CMYK"), "TIFF"),
    "YCbCr TIFF": encoded(Image.fromarray(NOISE).convert("YCbCr"), "TIFF"),
    "grey": encoded(Image.fromarray(NOISE[..., 0])),
    "one bit": encoded(Image.fromarray(NOISE[..., 0]).convert("1")),
    "palette": encoded(Image.fromarray(NOISE).quantize(16)),
    "opaque palette": encoded(Image.fromarray(NOISE).quantize(16), transparency=bytes([255] * 16)),
    "one GIF": encoded(Image.fromarray(NOISE), "GIF"),
    "BMP": encoded(Image.fromarray(NOISE), "BMP"),
    "WEBP": encoded(Image.fromarray(NOISE), "WEBP"),
    "PPM": encoded(Image.fromarray(NOISE), "PPM"),
    "opaque RGBA": encoded(Image.fromarray(NOISE).convert("RGBA")),
    "opaque grey and alpha": encoded(Image.fromarray(NOISE[..., 0]).convert("LA")),
    "transparent colour that is unused": encoded(Image.fromarray(NOISE // 2), transparency=(255, 255, 255)),
    "white is zero": tiff(Image.fromarray(NOISE[..., 0]), t262=0),
    "profile": encoded(Image.fromarray(NOISE), icc_profile=b"none"),
    "damaged EXIF": encoded(Image.fromarray(NOISE), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"),
}


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
@pytest.mark.parametrize("content", PLAIN.values(), ids=PLAIN)
def test_plain_images_have_the_pixels_of_timm(content):
    decoded = images.decode(content, "x", "#123456")
    with Image.open(io.BytesIO(content)) as image:
        np.testing.assert_array_equal(np.asarray(decoded.image), np.asarray(image.convert("RGB")))
    assert decoded.image.mode == "RGB" and decoded.how == ""


def test_the_first_picture_of_a_cameras_file_is_the_picture():
    first, preview = Image.fromarray(NOISE), Image.fromarray(NOISE[:3, :3])
    content = encoded(first, "MPO", save_all=True, append_images=[preview])
    assert Image.open(io.BytesIO(content)).n_frames == 2
    np.testing.assert_array_equal(pixels(content), pixels(encoded(first, "JPEG")))


# --- orientation ---


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (2, NOISE[:, ::-1]),
        (3, NOISE[::-1, ::-1]),
        (4, NOISE[::-1]),
        (5, NOISE.transpose(1, 0, 2)),
        (6, np.rot90(NOISE, -1)),
        (7, np.rot90(NOISE, 2).transpose(1, 0, 2)),
        (8, np.rot90(NOISE)),
    ],
)
def test_exif_orientation_is_applied(kind, orientation, upright):
    decoded = images.decode(turned(kind, orientation), "x")
    np.testing.assert_array_equal(np.asarray(decoded.image), upright)
    assert decoded.how == "exif"


def test_a_turned_jpeg_is_the_upright_one_turned():
    decoded = images.decode(turned("JPEG", 6), "x")
    np.testing.assert_array_equal(np.asarray(decoded.image), np.rot90(pixels(turned("JPEG", 1)), -1))
    assert decoded.image.size == (6, 9) and decoded.how == "exif"


@pytest.mark.parametrize("orientation", [0, 1, 9, 600])
def test_orientations_that_turn_nothing_change_nothing(orientation):
    decoded = images.decode(turned("PNG", orientation), "x")
    np.testing.assert_array_equal(np.asarray(decoded.image), NOISE)
    assert decoded.how == ""


# --- transparency ---

CLEAR = Image.fromarray(np.dstack([NOISE, RNG.integers(0, 256, (6, 9), dtype=np.uint8)]), "RGBA")
HALF_GREY = Image.fromarray(np.full((2, 2), 200, np.uint8)).convert("LA")
HALF_GREY.putalpha(128)
TRANSPARENT = {
    "RGBA": encoded(CLEAR),
    "RGBA WEBP": encoded(CLEAR, "WEBP", lossless=True, exact=True),
    "RGBA TIFF": encoded(CLEAR, "TIFF"),
    "grey and alpha": encoded(HALF_GREY),
    "palette": encoded(Image.fromarray(NOISE).quantize(16), transparency=3),
    "palette with alphas": encoded(Image.fromarray(NOISE).quantize(16), transparency=bytes(range(16))),
    "GIF": encoded(Image.fromarray(NOISE).quantize(16), "GIF", transparency=3),
    "colour": encoded(Image.fromarray(NOISE), transparency=tuple(NOISE[0, 0].tolist())),
    "level of grey": encoded(Image.fromarray(NOISE[..., 0]), transparency=int(NOISE[0, 0, 0])),
    "one bit": encoded(Image.new("1", (2, 2)), transparency=0),
    "16-bit grey": deep_png(DEEP[..., None], 0, chunk(b"tRNS", struct.pack(">H", 1000))),
    "16-bit RGBA": deep_png(np.dstack([DEEP] * 4), 6),
    "16-bit grey and alpha": deep_png(np.dstack([DEEP] * 2), 4),
}


@pytest.mark.parametrize("content", TRANSPARENT.values(), ids=TRANSPARENT)
def test_transparent_pixels_need_a_ground(content):
    assert refusal(content).startswith("transparent pixels, and nothing says on which ground")


@pytest.mark.parametrize("content", TRANSPARENT.values(), ids=TRANSPARENT)
def test_transparent_pixels_show_the_ground(content):
    """Of two grounds each pixel takes as much as it is transparent, so grounds differ where it is."""
    black, white = pixels(content, "#000000").astype(int), pixels(content, "#ffffff").astype(int)
    assert (white >= black).all() and (white > black).any()
    assert "alpha" in images.decode(content, "x", "#000000").how


def test_alpha_is_composited_as_light_adds():
    rgba = np.asarray(CLEAR).astype(float)
    share = rgba[..., 3:] / 255
    expected = share * rgba[..., :3] + (1 - share) * np.array([0x80, 0x40, 0xC0])
    assert np.abs(pixels(encoded(CLEAR), "#8040C0") - expected).max() <= 1


def test_a_transparent_value_of_16_bits_is_that_value_alone():
    content = deep_png(DEEP[..., None], 0, chunk(b"tRNS", struct.pack(">H", 1000)))
    expected = SCALED.copy()
    expected[1, 3] = 0xFF
    np.testing.assert_array_equal(pixels(content, "#ffffff")[..., 0], expected)


def test_a_transparent_16_bit_colour_is_refused():
    content = deep_png(np.dstack([DEEP] * 3), 2, chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3)))
    assert "a transparent one among 16-bit colours" in refusal(content, "#ffffff")


@pytest.mark.parametrize("text", ["white", "#fff", "808080", "#80808g", "#8080800"])
def test_a_ground_that_is_no_colour_is_named(text):
    with pytest.raises(InputError, match=f"background: '{text}' is not a colour of the form #RRGGBB"):
        images.decode(PLAIN["grey"], "x", text)


@pytest.mark.parametrize("ground", ["", None, float("nan")])
def test_the_missing_ground_of_a_table_is_none(ground):
    np.testing.assert_array_equal(np.asarray(images.decode(PLAIN["RGB PNG"], "x", ground).image), NOISE)


# --- depth ---

GREY_16 = {
    "PNG": deep_png(DEEP[..., None], 0),
    "TIFF": encoded(Image.fromarray(DEEP), "TIFF"),
    "big-endian TIFF": encoded(Image.frombytes("I;16B", (4, 2), DEEP.astype(">u2").tobytes()), "TIFF"),
    "compressed TIFF": encoded(Image.fromarray(DEEP), "TIFF", compression="tiff_lzw"),
    "PGM": b"P5\n4 2\n65535\n" + DEEP.astype(">u2").tobytes(),
    "white is zero": tiff(Image.fromarray(65535 - DEEP), t262=0),
    "compressed, white is zero": encoded(
        Image.fromarray(65535 - DEEP), "TIFF", tiffinfo={262: 0}, compression="tiff_lzw"
    ),
}


@pytest.mark.parametrize("content", GREY_16.values(), ids=GREY_16)
def test_grey_of_16_bits_is_scaled_by_its_range(content):
    decoded = images.decode(content, "x")
    np.testing.assert_array_equal(np.asarray(decoded.image), np.dstack([SCALED] * 3))
    assert decoded.how == "16-bit"


@pytest.mark.parametrize(
    "content",
    [
        deep_png(np.dstack([DEEP] * 3), 2),
        deep_png(np.dstack([*[DEEP] * 3, np.full_like(DEEP, 65535)]), 6),
        deep_png(np.dstack([DEEP, np.full_like(DEEP, 65535)]), 4),
        b"P6\n4 2\n65535\n" + np.dstack([DEEP] * 3).astype(">u2").tobytes(),
    ],
    ids=["RGB", "opaque RGBA", "opaque grey and alpha", "PPM"],
)
def test_colours_of_16_bits_are_within_one_level_and_those_of_timm(content):
    decoded = images.decode(content, "x")
    assert np.abs(np.asarray(decoded.image)[..., 0].astype(int) - SCALED).max() <= 1
    with Image.open(io.BytesIO(content)) as image:
        np.testing.assert_array_equal(np.asarray(decoded.image), np.asarray(image.convert("RGB")))
    assert decoded.how == "16-bit"


def test_a_turned_tiff_of_16_bits_is_upright():
    decoded = images.decode(tiff(Image.fromarray(DEEP), t274=6), "x")
    np.testing.assert_array_equal(np.asarray(decoded.image)[..., 0], np.rot90(SCALED, -1))
    assert decoded.how == "exif+16-bit"


def test_a_packed_image_of_12_bits_has_the_range_of_12_bits():
    values = np.array([0, 4095, 2048, 16])
    packed = bytes([0x00, 0x0F, 0xFF, 0x80, 0x00, 0x10])
    entries = [(256, 3, 4), (257, 3, 1), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    entries += [(278, 3, 1), (279, 4, len(packed))]
    directory = b"".join(
        struct.pack("<HHII" if kind == 4 else "<HHIHxx", tag, kind, 1, value) for tag, kind, value in entries
    )
    header = b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed + struct.pack("<H", len(entries))
    content = header + directory + struct.pack("<I", 0)
    np.testing.assert_array_equal(pixels(content)[0, :, 0], np.rint(values * 255 / 4095))


def test_values_of_8_bits_in_a_file_of_16_are_refused():
    reason = refusal(encoded(Image.fromarray(NOISE[..., 0].astype(np.uint16)), "TIFF"))
    assert reason.startswith(f"16 bits, but no value above {NOISE[..., 0].max()} of 65535: all black")
    assert not pixels(encoded(Image.fromarray(np.zeros((2, 2), np.uint16)), "TIFF")).any()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (RNG.random((3, 4), np.float32), "float"),
        (255 * RNG.random((3, 4), np.float32), "float"),
        (RNG.integers(0, 2**20, (3, 4), np.int32), "32-bit or signed"),
    ],
)
def test_float_and_32_bit_images_are_refused(values, kind):
    assert f"{kind} pixels have no range that is agreed on" in refusal(
        encoded(Image.fromarray(values), "TIFF")
    )


def test_signed_16_bit_images_are_refused():
    content = tiff(Image.fromarray(DEEP), t339=2)
    assert "32-bit or signed pixels have no range" in refusal(content)


def test_the_most_of_what_was_done_is_named_and_counted():
    exif = Image.Exif()
    exif[274] = 3
    image = Image.open(io.BytesIO(GREY_16["PNG"]))
    how = images.decode(encoded(image, exif=exif, transparency=65535), "x", "#ffffff").how
    assert how == "exif+alpha+16-bit"
    assert images.counts([how, "exif", "", float("nan")]) == {"exif": 2, "alpha": 1, "16-bit": 1}
    assert images.counts(["", ""]) == {}


# --- what is refused ---


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_several_frames_are_refused(kind):
    frames = [Image.fromarray(NOISE), Image.fromarray(NOISE[::-1])]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert refusal(content).startswith("2 frames, and none said to be the one shown")


DAMAGED = {
    "nothing": b"",
    "text": b"<html>404</html>",
    "cut JPEG": PLAIN["JPEG"][: len(PLAIN["JPEG"]) // 2],
    "cut PNG": PLAIN["RGB PNG"][:60],
    "cut TIFF": encoded(Image.fromarray(NOISE), "TIFF")[:-50],
    "cut WEBP": PLAIN["WEBP"][:-20],
    "cut GIF": PLAIN["one GIF"][:40],
    "wrong checksum": PLAIN["RGB PNG"][:30] + b"?" + PLAIN["RGB PNG"][31:],
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_named(content):
    reason = refusal(content)
    assert reason.startswith("not a readable image: ") and "BytesIO" not in reason


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("position", range(8, 66))
def test_whatever_byte_is_damaged_the_file_is_named_or_read(position):
    """Pillow raises many things on such files; nothing but an InputError may pass."""
    for content in (PLAIN["RGB PNG"], PLAIN["grey JPEG"], PLAIN["one GIF"], encoded(CLEAR, "TIFF")):
        broken = content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]
        try:
            images.decode(broken, "folder/x.png", "#000000")
        except InputError as error:
            assert str(error).startswith("folder/x.png: ")


@pytest.mark.parametrize("side", [9_500, 14_000, 60_000])
def test_a_bomb_is_refused_before_it_is_unpacked(side):
    """From Pillow's warning (90 million pixels) to beyond its error (179 million)."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        assert refusal(content).startswith("not a readable image: ")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bomb_below_pillows_error_is_named_with_its_size():
    header = struct.pack(">IIBBBBB", 9_500, 9_500, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IEND", b"")
    assert "9500 × 9500 pixels, more than 89478485 in all" in refusal(content)


@pytest.mark.parametrize("packed", [True, False])
def test_a_long_comment_of_a_png_is_named(packed):
    text = PngImagePlugin.PngInfo()
    for index in range(1 if packed else 70):
        text.add_text(f"comment {index}", "x" * 2_000_000, zip=True)
    content = encoded(Image.fromarray(NOISE), pnginfo=text)
    assert "a comment of the PNG is too long" in refusal(content) and len(content) < 400_000


# --- headers ---


@pytest.fixture
def file(tmp_path):
    def write(content: bytes) -> Path:
        (tmp_path / "x.img").write_bytes(content)
        return tmp_path / "x.img"

    return write


@pytest.mark.parametrize("content", [*PLAIN.values(), *GREY_16.values()], ids=[*PLAIN, *GREY_16])
def test_a_probe_passes_what_can_be_decoded(file, content):
    images.probe(file(content))


REFUSED_BY_HEADER = {
    **{name: DAMAGED[name] for name in ("nothing", "text", "svg")},
    **TRANSPARENT,
    "float": encoded(Image.fromarray(np.ones((2, 2), np.float32)), "TIFF"),
    "frames": encoded(Image.fromarray(NOISE), "GIF", save_all=True, append_images=[Image.new("RGB", (9, 6))]),
}


@pytest.mark.parametrize("content", REFUSED_BY_HEADER.values(), ids=REFUSED_BY_HEADER)
def test_a_probe_refuses_what_decoding_will(file, content):
    path = file(content)
    with pytest.raises(InputError) as decoded:
        images.read(path)
    with pytest.raises(InputError) as probed:
        images.probe(path)
    assert str(probed.value) == str(decoded.value)


def test_a_probe_with_a_ground_passes_transparent_files(file):
    for content in TRANSPARENT.values():
        images.probe(file(content), "#000000")


@pytest.mark.parametrize("name", ["JPEG", "RGB PNG", "WEBP", "grey", "BMP", "one GIF", "white is zero"])
def test_a_probe_decodes_no_pixels_of_opaque_files(file, monkeypatch, name):
    path = file(PLAIN[name])
    monkeypatch.setattr(images, "decode", None)
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    assert images.probe(path) == (6, 9)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8, 600])
def test_a_probe_tells_the_upright_size(file, kind, orientation):
    path = file(turned(kind, orientation))
    assert images.probe(path) == images.read(path).image.size[::-1]


def test_a_probe_tells_the_upright_size_of_a_png_whose_exif_follows_its_pixels(file):
    content = turned("PNG", 6)
    start = content.index(b"eXIf") - 4
    exif = content[start : start + 12 + struct.unpack(">I", content[start : start + 4])[0]]
    end = chunk(b"IEND", b"")
    path = file(content.replace(exif, b"").replace(end, exif + end))
    assert images.probe(path) == (9, 6) == images.read(path).image.size[::-1]


def test_a_missing_file_is_named(tmp_path):
    for look in (images.probe, images.read):
        with pytest.raises(InputError, match=r"absent\.png: not a readable image: "):
            look(tmp_path / "absent.png")
