"""How figures look beside their colours: type, grid and legends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's settings for every figure, restored afterwards."""
    settings: dict[Any, Any] = {
        "font.family": "DejaVu Sans",
        "font.size": 9.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 10.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.grid": True,
        "grid.color": "#e6e6e6",
        "grid.linewidth": 0.7,
        "axes.axisbelow": True,
        "legend.frameon": False,
        "legend.fontsize": 8.5,
        "figure.constrained_layout.use": True,
        "svg.fonttype": "path",
        "svg.hashsalt": "priormix",
    }
    with mpl.rc_context(settings):
        yield
        interactive = mpl.is_interactive()
    # a notebook's backend turns this on when it is loaded, which the first figure does
    mpl.interactive(interactive)


def legend_below(axes: Axes, columns: int) -> None:
    """One legend for the whole figure, under it."""
    figure = axes.get_figure()
    assert figure is not None
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)
