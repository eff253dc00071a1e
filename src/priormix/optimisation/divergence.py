"""What a run does when it diverges."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from priormix.kinds import Frozen


class Divergence(Frozen):
    """When a loss counts as diverged, and what follows.

    A run has diverged where its loss, its weights or its optimiser's state cease to be finite, or where the
    loss explodes: its median between two reports exceeds `explosion` times the loss of predicting 0 always
    (or times 1, in squared units of y, where that loss is smaller). None lets losses explode.

    `stop` ends the run with an error. `go_back` returns to the last good report among those at the tenths
    of the run, or to its start, and goes on with learning rates times `step_factor`; after `retries` such
    returns the run ends with an error. Both give the same result every time.
    """

    action: Literal["stop", "go_back"] = "stop"
    explosion: Annotated[float, Field(gt=1)] | None = 20.0
    step_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    retries: PositiveInt = 3
