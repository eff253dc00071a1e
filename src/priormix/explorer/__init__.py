"""A page in the browser: points on a plane and what models make of them, and the figures of a study."""

from importlib.util import find_spec

from priormix.errors import PriormixError


def require_extra() -> None:
    """Raise PriormixError that says what to install where Panel or Bokeh are missing."""
    missing = [name for name in ("panel", "bokeh") if find_spec(name) is None]
    if missing:
        raise PriormixError(f"the explorer needs {' and '.join(missing)}: pip install 'priormix[explorer]'")
