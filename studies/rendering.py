"""One decoded frame as a picture for people: modality LUT, window, colours, size (PS3.18 8.3.5, PS3.3 C.11).

Runs in the child (``studies.pixel_worker``).
"""

import io
from copy import copy
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut

# Functional groups of multi-frame objects that say what other objects say at the top (PS3.3 C.7.6.16).
_GROUPS = ("PixelValueTransformationSequence", "FrameVOILUTSequence")
_UNUSABLE = (ValueError, TypeError, AttributeError, KeyError, IndexError, NotImplementedError, ZeroDivisionError)


def picture(ds: Dataset, array: Any, photometric_interpretation: str, options: dict[str, Any]) -> bytes:
    """Encode one frame.

    Args:
        array: ``(rows, columns[, samples])`` as decoded; YBR is RGB already.
        photometric_interpretation: of the array.
        options: ``frame`` counted from 1; ``format`` JPEG, PNG or GIF; ``quality`` 1 to 100; ``window`` centre, width
            and function, or None; ``viewport`` width and height, then left, top, width and height of what is shown, or
            None.
    """
    if array.ndim == 3:
        shown = _eight_bits(array, ds)
    elif photometric_interpretation == "PALETTE COLOR":
        coloured = apply_color_lut(array, ds)[..., :3]
        shown = coloured if coloured.dtype == np.uint8 else (coloured >> 8).astype(np.uint8)
    else:
        of_frame = _of_frame(ds, int(options["frame"]))
        shown = _grey(of_frame, array, photometric_interpretation, options.get("window"))
    return _encoded(_fitted(Image.fromarray(shown), options.get("viewport")), options)


def card(text: str, options: dict[str, Any]) -> bytes:
    """A picture that only says what something is."""
    width, height = (options.get("viewport") or [128, 128])[:2]
    image = Image.new("L", (width, height), 32)
    size = max(9, width // 10)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and draw.textlength(longer, font=font) <= width - 8:
            lines[-1] = longer
        else:
            lines.append(word)
    draw.multiline_text((width / 2, height / 2), "\n".join(lines), 208, font, anchor="mm", align="center")
    return _encoded(image, options)


def _of_frame(ds: Dataset, number: int) -> Dataset:
    """The data set with the attributes of the frame's functional groups at its top."""
    shared = (ds.get("SharedFunctionalGroupsSequence") or [None])[0]
    own = ds.get("PerFrameFunctionalGroupsSequence") or []
    groups = [shared, own[number - 1] if number <= len(own) else None]
    if not any(groups):
        return ds
    found = copy(ds)
    for group in groups:
        for keyword in _GROUPS:
            for item in (group.get(keyword) or [])[:1] if group is not None else []:
                found.update(item)
    return found


def _grey(ds: Dataset, array: Any, photometric_interpretation: str, window: list[Any] | None) -> Any:
    try:
        values = np.asarray(apply_modality_lut(array, ds))
    except _UNUSABLE:
        values = array
    if window is not None:
        shown = _windowed(values.astype(np.float64), *window)
    elif "VOILUTSequence" in ds or "WindowCenter" in ds:
        shown = _by_dataset(ds, values)
    else:
        shown = _stretched(values)
    is_inverted = photometric_interpretation == "MONOCHROME1" or ds.get("PresentationLUTShape") == "INVERSE"
    return 255 - shown if is_inverted else shown


def _by_dataset(ds: Dataset, values: Any) -> Any:
    """The first window or VOI LUT of the data set itself; what it does not say well, the frame's own range does."""
    try:
        if "WindowCenter" not in ds:
            table = apply_voi_lut(values, ds)
            bits = int(ds.VOILUTSequence[0].LUTDescriptor[2])
            return (np.clip(table.astype(np.float64) / (2**bits - 1), 0, 1) * 255).astype(np.uint8)
        centre, width = _first(ds.WindowCenter), _first(ds.WindowWidth)
        function = str(ds.get("VOILUTFunction") or "LINEAR").lower().replace("_", "-")
        return _windowed(values.astype(np.float64), centre, width, function)
    except _UNUSABLE:
        return _stretched(values)


def _windowed(values: Any, centre: float, width: float, function: str) -> Any:
    """PS3.3 C.11.2.1.2 and C.11.2.1.3, to 0 to 255."""
    if function == "sigmoid":
        shown = 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -60, 60)))
    elif function == "linear-exact":
        shown = (values - centre) / width + 0.5
    elif width > 1:
        shown = (values - (centre - 0.5)) / (width - 1) + 0.5
    else:
        shown = (values > centre - 0.5) * 1.0
    return (np.clip(np.nan_to_num(shown), 0, 1) * 255).astype(np.uint8)


def _stretched(values: Any) -> Any:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if not np.isfinite(high - low) or high <= low:
        return np.zeros(values.shape, np.uint8)
    return np.nan_to_num((values.astype(np.float64) - low) / (high - low) * 255).astype(np.uint8)


def _eight_bits(array: Any, ds: Dataset) -> Any:
    if array.dtype == np.uint8:
        return array
    bits = int(ds.get("BitsStored") or 16)
    return np.clip(array.astype(np.float64) / (2**bits - 1) * 255, 0, 255).astype(np.uint8)


def _first(value: Any) -> float:
    return float(value if isinstance(value, str | int | float) else value[0])


def _fitted(image: Image.Image, viewport: list[int] | None) -> Image.Image:
    """The region that is asked for, as large as it goes into the viewport without being stretched."""
    if not viewport:
        return image
    width, height = viewport[:2]
    if len(viewport) > 2:
        left, top, across, down = viewport[2:]
        box = (max(0, left), max(0, top), min(image.width, left + abs(across)), min(image.height, top + abs(down)))
        if box[2] > box[0] and box[3] > box[1]:
            image = image.crop(box)
        # Negative: mirrored (PS3.18 8.3.5.1.3).
        if across < 0:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if down < 0:
            image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    scale = min(width / image.width, height / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BILINEAR) if size != image.size else image


def _encoded(image: Image.Image, options: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    quality = {"quality": options.get("quality") or 90} if options["format"] == "JPEG" else {}
    image.save(out, options["format"], **quality)
    return out.getvalue()
