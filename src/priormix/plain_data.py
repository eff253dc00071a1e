"""Documents that people write in YAML or JSON, as plain data."""

from pathlib import Path
from typing import Any

import yaml

from priormix.errors import PriormixError


def read_yaml(path: Path, noun: str) -> Any:
    """The plain data in a YAML or JSON file; raises PriormixError that names the file and what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PriormixError(f"{path}: no such {noun} file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PriormixError(f"{path}: cannot be read as text ({error})") from error
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise PriormixError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from error
