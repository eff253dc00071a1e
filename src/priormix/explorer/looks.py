"""How the page looks: the colours of the figures, type that can be read, and plain marks."""

from bokeh.models import Plot

DASHES = {"-": "solid", "--": "dashed", ":": "dotted", "-.": "dashdot"}
INK, SOFT = "#1c2126", "#5b6670"
_FONT = "system-ui, 'DejaVu Sans', sans-serif"

PAGE = f"""
body {{ margin: 0; color: {INK}; background: #fff; font: 15px/1.45 {_FONT}; }}
"""
PANE = f"""
:host {{ color: {INK}; font: 15px/1.45 {_FONT}; }}
h1 {{ font-size: 1.35rem; margin: 0; }}
h2 {{ font-size: 1rem; margin: .4rem 0 0; }}
p {{ margin: .2rem 0; }}
.soft {{ color: {SOFT}; font-size: .875rem; }}
table {{ border-collapse: collapse; font-size: .875rem; margin: 0 0 .4rem 10px; }}
th, td {{ text-align: left; font-weight: 400; padding: .1rem .8rem .1rem 0; }}
.problem {{ color: #8f2d00; font-weight: 600; }}
a {{ color: #005a8d; margin-right: .9rem; }}
a:focus-visible {{ outline: 3px solid #0072B2; }}
"""
WIDGET = f"""
:host {{ font: 14px/1.35 {_FONT}; }}
.bk-btn:focus-visible, .bk-input:focus-visible, .noUi-handle:focus-visible
  {{ outline: 3px solid #0072B2; outline-offset: 1px; }}
"""


def dressed(plot: Plot) -> Plot:
    """The plot with the report's grid, type and no decoration."""
    plot.toolbar.logo = None
    plot.outline_line_color = None
    plot.title.text_font_size = "14px"
    plot.grid.grid_line_color = "#e6e6e6"
    for axis in plot.axis:
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "13px"
        axis.axis_label_text_color = axis.major_label_text_color = INK
    for legend in plot.legend:
        legend.border_line_color = None
        legend.label_text_font_size = "12px"
        legend.padding = legend.margin = 2
        legend.spacing = 14 if legend.ncols != 1 else 1
    return plot
