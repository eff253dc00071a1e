"""The pretraining loop."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from priormix.models import InContextNetwork, NetworkPredictor
from priormix.recipe import Recipe
from priormix.training.divergence import DivergenceError
from priormix.training.memory import shortage_explained
from priormix.training.pretraining import Pretraining
from priormix.training.ranks import ALONE, Ranks
from priormix.training.reporters import MetricsFile, Reporter
from priormix.training.run_directory import RunDirectory
from priormix.training.saving import Pace, Saving


def train(
    recipe: Recipe,
    directory: Path | str | None = None,
    *,
    device: str = "auto",
    reporters: Sequence[Reporter] = (),
    pace: Pace = Pace(),  # noqa: B008 (frozen)
    ranks: Ranks = ALONE,
) -> NetworkPredictor:
    """Pretrain the recipe's network, and return it as a predictor.

    Where a directory is given, it receives the recipe, the metrics, the versions of the libraries, now and
    then a checkpoint, and finally the weights. A directory that holds this finished run is read instead;
    one that holds it unfinished is gone on with, and on the same device, number of threads and version of
    torch ends with the same weights and metrics to the bit.

    Of several ranks, each started as a process of its own, every one must call this with the same arguments;
    only the first reads and writes checkpoints and reports. The directory is one that all of them see.

    Raises PriormixError where the directory holds another run, is in use or cannot be written, where the
    device is absent, where the run does not fit into memory, and where it diverges; Interrupted, a
    KeyboardInterrupt, once it has saved the run because of SIGTERM or Ctrl-C.
    """
    target = ranks.device(device)
    with ranks, shortage_explained():
        if directory is None:
            return NetworkPredictor(
                _pretrain(Pretraining(recipe, target, ranks), _on_first(reporters, ranks), None)
            )
        with RunDirectory(Path(directory), recipe, ranks) as run:
            if not run.finished:
                with Saving(run, pace, ranks) as saving:
                    listeners = _on_first([MetricsFile(run.metrics), *reporters], ranks)
                    # signals wait until the weights are written too
                    run.finish(_pretrain(Pretraining(recipe, target, ranks), listeners, saving))
            return NetworkPredictor(run.network().to(target))


def _pretrain(run: Pretraining, reporters: Sequence[Reporter], saving: Saving | None) -> InContextNetwork:
    if saving:
        saving.resume(run)
    with ExitStack() as stack:
        listening = [stack.enter_context(reporter) for reporter in reporters]
        _tell_past(listening, run)
        while not run.complete:
            try:
                metrics = run.step()
            except DivergenceError as divergence:
                run.go_back(divergence)
                _tell_past(listening, run)
                continue
            if metrics:
                for reporter in listening:
                    reporter.update(metrics)
            if saving:
                saving.after_step(run)
    return run.stepper.whole_network()


def _on_first(reporters: Sequence[Reporter], ranks: Ranks) -> Sequence[Reporter]:
    return reporters if ranks.is_first else ()


def _tell_past(reporters: Sequence[Reporter], run: Pretraining) -> None:
    for reporter in reporters:
        reporter.restart(run.reported)
