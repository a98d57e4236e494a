"""The command that mends data which cannot be used."""


def create_data_command(data_root: str, version: str | None = None, tag: str = "nuscenes") -> str:
    """Command line that (re)writes the info files of a data root."""
    version = version or "<v1.0-mini|v1.0-trainval|v1.0-test>"
    return (
        f"python tools/create_data.py nuscenes --root-path {data_root} --version {version}"
        f" --extra-tag {tag} --overwrite"
    )
