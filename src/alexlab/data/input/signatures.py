"""What a file is that is no image alexlab reads, told by its first bytes, and what would read it."""

PNG = b"\x89PNG\r\n\x1a\n"
HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
AVIF = (b"avif", b"avis")

CONVERT = "convert it to PNG or JPEG"
FETCH = "fetch the picture itself"
STARTS = (
    (b"\xff\x0a", "JPEG XL", CONVERT),
    (b"\0\0\0\x0cJXL ", "JPEG XL", CONVERT),
    (b"\0\0\0\x0cjP  ", "JPEG 2000", CONVERT),
    (b"\xff\x4f\xff\x51", "JPEG 2000", CONVERT),
    (b"%PDF", "a PDF document", "save its pages as PNG, with pdftoppm for instance"),
    (b"%!PS", "PostScript", CONVERT),
    (b"8BPS", "a document of Photoshop", CONVERT),
    (b"\x76\x2f\x31\x01", "OpenEXR", CONVERT),
    (b"#?RADIANCE", "Radiance HDR", CONVERT),
    (b"qoif", "QOI", CONVERT),
    (b"DDS ", "a texture (DDS)", CONVERT),
    (b"\0\0\1\0", "an icon (ICO)", CONVERT),
    (b"\x93NUMPY", "an array of NumPy", "give the array itself to run.predict in Python, or save it as PNG"),
    (b"\x89HDF", "an HDF5 file", "save its images as PNG"),
    (b"PK\x03\x04", "a zip archive", "unpack it"),
    (b"\x1f\x8b", "packed with gzip", "unpack it"),
    (b"\x1a\x45\xdf\xa3", "a video (Matroska)", "save its frames as PNG, with ffmpeg for instance"),
    (b"version https://git-lfs", "a pointer of Git LFS in place of the file", "run `git lfs pull`"),
)
"""First bytes, what begins with them, and what to do."""
MARKUP = ((b"<svg", "SVG", CONVERT), (b"<!doctype html", "a web page", FETCH), (b"<html", "a web page", FETCH))
LOOKED_AT = 1024  # bytes, for a word of markup


def is_heif(data: bytes) -> bool:
    """Whether a file is HEIF, with HEIC or anything else inside; AVIF, which is alike, is not meant."""
    return data[4:8] == b"ftyp" and data[8:12] in HEIF and not any(brand in data[16:64] for brand in AVIF)


def what_it_is(data: bytes) -> str:
    """Return the end of a sentence: the format in words and what to do, or the first bytes where they say nothing."""
    known = _known(data)
    if known is None:
        return f" (it starts with {data[:12]!r})"
    what, mend = known
    return f": it is {what}; {mend}"


def _known(data: bytes) -> tuple[str, str] | None:
    for start, what, mend in STARTS:
        if data.startswith(start):
            return what, mend
    if data[4:8] == b"ftyp":
        return _in_boxes(data)
    if data[128:132] == b"DICM":
        return "DICOM", "save its pixels as PNG of 16 bits, with dcm2img for instance"
    words = data[:LOOKED_AT].lower()
    return next(((what, mend) for word, what, mend in MARKUP if word in words), None)


def _in_boxes(data: bytes) -> tuple[str, str]:
    if is_heif(data):
        return "HEIC", f"pillow-heif reads it (`pip install alexlab[heic]`), or {CONVERT}"
    if data[8:12] in AVIF or any(brand in data[16:64] for brand in AVIF):
        return "AVIF", f"Pillow reads it from version 11.3 on (`pip install -U pillow`), or {CONVERT}"
    if data[8:12] == b"crx ":
        return "a raw photograph (CR3)", CONVERT
    return "a video (MP4 or QuickTime)", "save its frames as PNG, with ffmpeg for instance"
