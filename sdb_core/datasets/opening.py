"""Which reader opens which data set."""

from pathlib import Path

from sdb_core.datasets.arrays import load_npz
from sdb_core.datasets.digits import digits
from sdb_core.datasets.image_folder import load_image_folder_zip
from sdb_core.datasets.images import Splits
from sdb_core.errors import DatasetUnreadable

KINDS = ("builtin", "image_folder", "npz")
_BUILTIN = {"builtin:digits": digits}
_KIND_OF_SUFFIX = {".zip": "image_folder", ".npz": "npz"}


def open_dataset(
    source: str | Path,
    kind: str | None = None,
    *,
    channels: int | None = None,
    size: tuple[int, int] | None = None,
) -> Splits:
    """Open `builtin:digits` or a file of `kind` "image_folder" (zip) or "npz"; without `kind` the suffix decides.

    `channels` and `size` (height, width) convert the images of folders.
    Raises DatasetUnreadable and the readers' errors.
    """
    if str(source).startswith("builtin:"):
        if str(source) not in _BUILTIN:
            raise DatasetUnreadable(f"There is no data set {source}; built in is {', '.join(_BUILTIN)}.")
        return _BUILTIN[str(source)]()
    path = Path(source)
    if not path.is_file():
        raise DatasetUnreadable(f"There is no file {path.name}; check the path.")
    kind = kind or _KIND_OF_SUFFIX.get(path.suffix.lower())
    if kind == "image_folder":
        return load_image_folder_zip(path, channels=channels, size=size)
    if kind == "npz":
        return load_npz(path)
    raise DatasetUnreadable(f"{path.name} is of no known kind; give a .zip of image folders or an .npz file.")
