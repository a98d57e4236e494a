"""What a data set checks when it is built, so that nothing fails hours later."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from epropnp_data.errors import DatasetError
from epropnp_data.untrusted import load_plain_pickle

from .camera_annotations import read_side_metainfo, side_file_of
from .preparation.tables import available_versions, fingerprint
from .remedy import create_data_command


def load_info_file(ann_file: str | Path, data_root: str | Path) -> dict:
    """Read an info file of mmdet3d's v2 format.

    Args:
        ann_file: path of the file.
        data_root: data root of the config, for the message.

    Returns:
        ``metainfo`` and ``data_list``.

    Raises:
        DatasetError: the data root or the file is missing, or the file has another format, or
            holds more than plain data: nothing that it names is called.
    """
    ann_file, data_root = Path(ann_file), Path(data_root)
    if not data_root.is_dir():
        raise DatasetError(
            f"{data_root}: no such data root (data_root of the config). Link the data set there: "
            f"ln -s /path/to/nuscenes {data_root}"
        )
    version = (available_versions(data_root) or [None])[0]
    command = create_data_command(str(data_root), version, tag_of(ann_file))
    if not ann_file.is_file():
        raise DatasetError(
            f"{ann_file}: no such info file (ann_file of the config). Run: {command}"
        )
    try:
        with ann_file.open("rb") as file:
            content = load_plain_pickle(file)
    except DatasetError as error:
        raise DatasetError(f"{error}. Run: {command}") from None
    if isinstance(content, list) or (isinstance(content, Mapping) and "infos" in content):
        raise DatasetError(
            f"{ann_file}: info file of the old format (mmdet3d before 1.1), whose boxes follow "
            f"other conventions. Write it anew: {command}"
        )
    if not isinstance(content, Mapping) or not {"metainfo", "data_list"} <= content.keys():
        raise DatasetError(f"{ann_file}: has no metainfo and data_list. Run: {command}")
    return content


@contextmanager
def keyframe(ann_file: str | Path, info: Mapping) -> Iterator[None]:
    """Name the info file and the keyframe in what goes wrong while its entry is read.

    Raises:
        DatasetError: the entry lacks a field, or holds what it cannot hold.
    """
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        text = f"lacks the field {error}" if isinstance(error, KeyError) else str(error)
        token = info.get("token") if isinstance(info, Mapping) else None
        raise DatasetError(
            f"{ann_file}: keyframe {token}: {text}. Write the file anew (tools/create_data.py)"
        ) from None


def check_version(ann_file: str | Path, data_root: str | Path, version: str) -> None:
    """Make sure that an info file was made from the tables in the data root.

    Without any tables in the data root (images alone are enough for training) nothing is checked.

    Args:
        ann_file: info file.
        data_root: data root of the config.
        version: version that the info file names.

    Raises:
        DatasetError: the version is not there, or its tables have changed since.
    """
    found = available_versions(Path(data_root))
    if not found:
        return
    tag = tag_of(ann_file)
    if version not in found:
        raise DatasetError(
            f"{ann_file}: made from {version}, but {data_root} holds {', '.join(found)}. "
            f"Run: {create_data_command(str(data_root), found[0], tag)}"
        )
    side_file = side_file_of(ann_file)
    made_from = read_side_metainfo(side_file).get("tables") if side_file.is_file() else None
    if made_from is not None and made_from != fingerprint(Path(data_root), version):
        raise DatasetError(
            f"{ann_file}: made from other tables than those in {Path(data_root) / version}. "
            f"Run: {create_data_command(str(data_root), version, tag)}"
        )


def tag_of(ann_file: str | Path) -> str:
    """Prefix of an info file's name: ``<tag>_infos_<split>.pkl``."""
    return Path(ann_file).name.split("_infos_")[0] if "_infos_" in str(ann_file) else "nuscenes"
