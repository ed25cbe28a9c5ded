"""One decoded frame as a picture for people: modality LUT, window, colours, size (PS3.18 8.3.5, PS3.3 C.11).

Runs in the child (``studies.pixel_worker``).
"""

import io
from typing import Any

import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut


def picture(ds: Dataset, array: Any, photometric_interpretation: str, options: dict[str, Any]) -> bytes:
    """Encode one frame.

    Args:
        array: ``(rows, columns[, samples])`` as decoded; YBR is RGB already.
        photometric_interpretation: of the array.
        options: ``format`` JPEG, PNG or GIF; ``quality`` 1 to 100; ``window`` centre, width and function, or None;
            ``viewport`` width and height, then left, top, width and height of what is shown, or None.
    """
    if array.ndim == 3:
        shown = _eight_bits(array, ds)
    elif photometric_interpretation == "PALETTE COLOR":
        shown = _eight_bits_of_16(apply_color_lut(array, ds))
    else:
        shown = _grey(ds, array, photometric_interpretation, options.get("window"))
    image = _fitted(Image.fromarray(shown), options.get("viewport"))
    out = io.BytesIO()
    if options["format"] == "JPEG":
        image.save(out, "JPEG", quality=options.get("quality") or 90)
    else:
        image.save(out, options["format"])
    return out.getvalue()


def _grey(ds: Dataset, array: Any, photometric_interpretation: str, window: list[Any] | None) -> Any:
    values = np.asarray(apply_modality_lut(array, ds))
    if window is not None:
        shown = _windowed(values.astype(np.float64), *window)
    elif "VOILUTSequence" in ds or ("WindowCenter" in ds and ds.get("WindowWidth") not in {None, ""}):
        shown = _by_dataset(ds, values)
    else:
        shown = _stretched(values)
    inverted = photometric_interpretation == "MONOCHROME1" or ds.get("PresentationLUTShape") == "INVERSE"
    return 255 - shown if inverted else shown


def _by_dataset(ds: Dataset, values: Any) -> Any:
    """The first VOI LUT or window of the data set itself; what it does not say well, the frame's own range does."""
    try:
        if "VOILUTSequence" in ds:
            table = apply_voi_lut(values, ds)
            bits = int(ds.VOILUTSequence[0].LUTDescriptor[2])
            return (np.clip(table.astype(np.float64) / (2**bits - 1), 0, 1) * 255).astype(np.uint8)
        centre, width = _first(ds.WindowCenter), _first(ds.WindowWidth)
        function = str(ds.get("VOILUTFunction") or "LINEAR").lower().replace("_", "-")
        return _windowed(values.astype(np.float64), centre, width, function)
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, NotImplementedError, ZeroDivisionError):
        return _stretched(values)


def _windowed(values: Any, centre: float, width: float, function: str) -> Any:
    """PS3.3 C.11.2.1.2 and C.11.2.1.3, to 0 to 255."""
    if function == "sigmoid":
        shown = 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -60, 60)))
    elif function == "linear-exact":
        shown = (values - centre) / width + 0.5
    else:
        shown = (values - (centre - 0.5)) / (width - 1) + 0.5 if width > 1 else (values > centre - 0.5) * 1.0
    return (np.clip(shown, 0, 1) * 255).astype(np.uint8)


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


def _eight_bits_of_16(array: Any) -> Any:
    shown = array[..., :3]
    return shown if shown.dtype == np.uint8 else (shown >> 8).astype(np.uint8)


def _first(value: Any) -> float:
    return float(value if isinstance(value, str | int | float) else value[0])


def _fitted(image: Image.Image, viewport: list[int] | None) -> Image.Image:
    """The region that is asked for, as large as it goes into the viewport without being stretched or enlarged."""
    if not viewport:
        return image
    width, height = viewport[:2]
    if len(viewport) > 2:
        left, top, across, down = viewport[2:]
        box = (max(0, left), max(0, top), min(image.width, left + across), min(image.height, top + down))
        if box[2] <= box[0] or box[3] <= box[1]:
            box = (0, 0, image.width, image.height)
        image = image.crop(box)
    scale = min(width / image.width, height / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BILINEAR) if size != image.size else image
