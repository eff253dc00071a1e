"""Serves the page on this machine."""

import webbrowser
from collections.abc import Callable, Sequence

import panel as pn
import polars as pl
import torch

from priormix.errors import PriormixError
from priormix.explorer.answer import Plane
from priormix.explorer.download import Export
from priormix.explorer.looks import PAGE
from priormix.explorer.models import ShownModel, strokes
from priormix.explorer.page import Page

# a hundred points and a file of points are far smaller
_LARGEST_MESSAGE = 2_000_000


def serve(
    models: Sequence[ShownModel],
    table: pl.DataFrame | None,
    *,
    address: str,
    port: int,
    announce: Callable[[str], None],
    open_browser: bool,
) -> None:
    """Serve the page until the process is interrupted; `announce` gets its URL once it can be opened.

    Port 0 takes any free one. Raises PriormixError where the address or the port cannot be had.
    """
    # the networks are so small that threads would spend their time waiting for each other
    torch.set_num_threads(1)
    plane = Plane(models)
    pn.extension(raw_css=[PAGE])

    def page() -> pn.Column:
        return Page(plane, table, _query()).content()

    export = {"plane": plane, "strokes": strokes(models), "table": table}
    try:
        server = pn.io.server.get_server(
            {"/": page},
            port=port,
            address=address,
            title="priormix explorer",
            websocket_max_message_size=_LARGEST_MESSAGE,
            extra_patterns=[(r"/export\.(png|svg|csv)", Export, export)],
        )
    except OSError as error:
        raise PriormixError(f"{address}:{port}: cannot serve there ({error.strerror or error})") from None
    url = f"http://{'127.0.0.1' if address in ('', '0.0.0.0') else address}:{server.port}/"
    announce(url)
    if open_browser:
        webbrowser.open(url)
    # not run_until_shutdown, whose way of stopping waits for open pages
    server.start()
    try:
        server.io_loop.start()
    except KeyboardInterrupt:
        return


def _query() -> dict[str, str]:
    """The query of the page's address."""
    given = pn.state.session_args
    return {name: values[-1].decode(errors="replace") for name, values in given.items() if values}
