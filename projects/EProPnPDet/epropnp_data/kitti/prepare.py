"""The plain files of all splits of a KITTI folder."""

from functools import partial
from pathlib import Path

from tqdm import tqdm

from ..custom import read_custom, write_custom
from ..errors import DatasetError
from .convert import convert_split, folder_of


def prepare_kitti(root: str | Path, tag: str = "kitti", overwrite: bool = False) -> list[Path]:
    """Write ``<tag>_<split>.json`` of every list in ``ImageSets``; files that are there stay.

    Args:
        root: folder with ``training``, ``testing`` and ``ImageSets``.
        tag: prefix of the files.
        overwrite: write those anew that are there.

    Returns:
        The files.

    Raises:
        DatasetError: a file of the data set is missing or wrong; the message names it.
    """
    root, written = Path(root), []
    lists = sorted((root / "ImageSets").glob("*.txt"))
    if not lists:
        raise DatasetError(
            f"{root / 'ImageSets'}: no lists of images (train.txt, val.txt), one number such as "
            "000123 per line. Those of mmdet3d's documentation of KITTI are the usual ones"
        )
    for path in lists:
        target = root / f"{tag}_{path.stem}.json"
        written.append(target)
        if target.is_file() and not overwrite:
            read_custom(target)  # say what is wrong with it
            print(f"already there: {target} (--overwrite writes it anew)")
            continue
        if not (root / folder_of(path.stem)).is_dir():
            print(f"left out: {target}, since there is no {root / folder_of(path.stem)}")
            written.remove(target)
            continue
        progress = partial(tqdm, desc=path.stem, unit="image")
        custom = convert_split(root, path.stem, target, progress)
        write_custom(custom, dict(source="KITTI object benchmark", split=path.stem))
        count = sum(len(image.objects or ()) for image in custom.images)
        print(f"wrote {target}: {len(custom.images)} images, {count} objects")
    return written
