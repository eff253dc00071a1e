"""Sweeps: what a file asks for, what becomes of failing runs, the table and the page."""

import json
import os
import re
import subprocess
import sys

import polars as pl
import pytest
import yaml
from rich.console import Console

from priormix.errors import PriormixError
from priormix.report.sweep_page import write_sweep_page
from priormix.runs import choice
from priormix.runs.backend import Backend, Running
from priormix.runs.choice import choose_backend
from priormix.runs.job import Resources
from priormix.runs.processes import LocalProcesses, fitting
from priormix.sweeps.field_paths import with_value
from priormix.sweeps.results import read_results
from priormix.sweeps.runner import run_sweep
from priormix.sweeps.sweep import read_sweep
from priormix.training import train
from small_sweeps import BASE, NONZEROS, RATE, grid, sweep_file

QUIET = Console(quiet=True)


def test_a_grid_crosses_every_field_with_every_seed(tmp_path):
    search = grid(**{NONZEROS: [1, 2], "network.backbone.width": [8, 16]})
    _, members = read_sweep(sweep_file(tmp_path, search=search, seeds=[0, 5]))
    assert len({member.recipe.run_id for member in members}) == 8
    last = members[-1]
    assert last.name == f"{NONZEROS}=2, network.backbone.width=16, seed=5"
    assert last.recipe.mixture.components[0].nonzeros == 2
    assert last.recipe.network.backbone.width == 16
    assert last.recipe.seed == 5


def test_defaults_and_whole_nodes_can_be_varied(tmp_path):
    search = grid(**{"schedule.warmup": [0.1], "optimiser": [{"kind": "muon"}, {"kind": "adam"}]})
    _, members = read_sweep(sweep_file(tmp_path, search=search))
    assert [member.recipe.optimiser.kind for member in members] == ["muon", "adam"]
    assert all(member.recipe.schedule.warmup == 0.1 for member in members)
    assert members[0].name == 'schedule.warmup=0.1, optimiser={"kind": "muon"}'


def test_the_base_may_be_a_file_beside_the_sweep(tmp_path):
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(BASE))
    path = sweep_file(tmp_path, recipe="base.yaml", seeds=[3])
    assert [member.recipe.seed for member in read_sweep(path)[1]] == [3]


def test_a_star_sets_a_field_of_every_item():
    data = {"parts": [{"dim": 1}, {"dim": 2}]}
    assert with_value(data, data, "parts[*].dim", 7) == {"parts": [{"dim": 7}, {"dim": 7}]}
    assert data == {"parts": [{"dim": 1}, {"dim": 2}]}


def test_random_draws_stay_the_same_when_more_are_drawn(tmp_path):
    def rates(draws, **more):
        fields = {RATE: {"kind": "log_uniform", "low": 1e-4, "high": "1e-1"}, **more}
        search = {"kind": "random", "draws": draws, "seed": 2, "fields": fields}
        return [member.values[RATE] for member in read_sweep(sweep_file(tmp_path, search=search))[1]]

    many = rates(40, **{NONZEROS: {"kind": "integers", "low": 1, "high": 3}})
    assert rates(5) == many[:5]
    assert all(1e-4 <= rate <= 1e-1 for rate in many)
    # half of the draws lie below the middle of the logarithms
    assert 10 < sum(rate < 10**-2.5 for rate in many) < 30


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"search": {"kind": "gird"}}, "search: unknown search kind 'gird'; known: grid, random"),
        ({"search": grid(**{"optimiser..rate": [1]})}, "'optimiser..rate' is no path to a field"),
        ({"search": grid(**{"curriculum.dims.end": [1]})}, "'curriculum' is absent or null here"),
        ({"search": grid(**{"mixture.components[3].dim": [1]})}, "there is no item [3], the list has 1"),
        ({"search": grid(**{"steps.more": [1]})}, "'more' would lie inside 20, which has no fields"),
        ({"search": grid(**{"optimiser.rate": [1]})}, "optimiser.rate: there is no such field"),
        ({"search": grid(**{NONZEROS: [1, 4, 5]})}, f"run with {NONZEROS}=4: mixture.components[0]: "),
        ({"search": grid(**{NONZEROS: [1, 4, 5]})}, "(and 1 more of 3 runs); nothing was run"),
        ({"search": grid(seed=[1]), "seeds": [2]}, "'seed' is varied twice"),
        ({"search": grid(steps=[])}, "search.fields.steps: tuple should have at least 1 item"),
        ({"seeds": list(range(10_001))}, "asks for more than 10,000 runs"),
        ({"recipe": "absent.yaml"}, "absent.yaml: no such recipe file"),
        ({"recipe": {"mixture": {"kind": "cubic"}}}, "recipe: mixture: unknown function class kind 'cubic'"),
        ({"resources": {"gpus": 1.5}}, "resources.gpus: a run takes a whole number of cards, or a fraction"),
        ({"wobble": 1}, "wobble: there is no such field"),
    ],
)
def test_mistakes_in_a_sweep_name_the_file_and_the_field(tmp_path, fields, complaint):
    path = sweep_file(tmp_path, **fields)
    with pytest.raises(PriormixError, match=re.escape(complaint)):
        read_sweep(path)


class InThisProcess(Backend):
    """Trains at once, in the process of the test; runs with a learning rate of 2 end badly."""

    slots = 1

    def __init__(self):
        self.trained = []

    def start(self, job):
        self.trained.append(job.recipe.run_id)
        return Ended(job)


class Ended(Running):
    def __init__(self, job):
        self._reason = None
        if job.recipe.optimiser.learning_rate == 2:
            self._reason = "out of luck"
        else:
            train(job.recipe, job.folder, device="cpu")

    def ended(self):
        return True

    def reason(self):
        return self._reason

    def stop(self):
        raise AssertionError("it has ended already")


@pytest.fixture
def swept(tmp_path):
    """A sweep of three runs of which one failed, in `tmp_path/out`."""
    search = grid(**{RATE: [0.001, 2, 0.01], "network.layout": ["paired"]})
    path = sweep_file(tmp_path, search=search)
    run_sweep(*read_sweep(path), tmp_path / "out", InThisProcess(), QUIET)
    return path, tmp_path / "out"


def test_a_failing_run_is_named_and_the_others_go_on(swept):
    table = read_results(swept[1])
    assert table.columns[:2] == [RATE, "network.layout"]
    assert table[RATE].to_list() == [0.001, 2.0, 0.01]
    assert table["status"].to_list() == ["finished", "failed", "finished"]
    assert table["reason"].to_list() == [None, "out of luck", None]
    good = table.filter(pl.col("status") == "finished")
    assert (good["loss"] > 0).all()
    assert (good["excess"] > -1).all()
    assert good["prompts"].to_list() == [80, 80]
    assert table.filter(pl.col("status") == "failed")["loss"].to_list() == [None]
    as_text = pl.read_csv(swept[1] / "results.csv")
    assert as_text.columns == table.columns
    assert as_text["run_id"].to_list() == table["run_id"].to_list()


def test_a_second_sweep_tries_again_what_failed_and_keeps_what_is_finished(swept):
    path, out = swept
    before = read_results(out)
    backend = InThisProcess()
    after = run_sweep(*read_sweep(path), out, backend, QUIET)
    assert backend.trained == before.filter(pl.col("status") == "failed")["run_id"].to_list()
    assert after.equals(before)


def test_a_sweep_may_grow_but_not_take_anothers_place(swept, tmp_path):
    _, out = swept
    grown = sweep_file(tmp_path, search=grid(**{RATE: [0.001, 2, 0.01, 0.02], "network.layout": ["paired"]}))
    backend = InThisProcess()
    table = run_sweep(*read_sweep(grown), out, backend, QUIET)
    assert table["status"].to_list() == ["finished", "failed", "finished", "finished"]
    assert len(backend.trained) == 2
    other = sweep_file(tmp_path, search=grid(**{RATE: [0.001, 0.5]}))
    with pytest.raises(PriormixError, match="holds a sweep with 3 runs that this one does not have"):
        run_sweep(*read_sweep(other), out, backend, QUIET)
    assert len(read_results(out)) == 4


def test_the_page_holds_every_run_and_needs_nothing_but_itself(swept, tmp_path):
    page = write_sweep_page(swept[1]).read_text()
    data = re.search(r'<script type="application/json" id="sweep">(.*?)</script>', page, re.DOTALL)[1]
    assert [row["status"] for row in json.loads(data)["rows"]] == ["finished", "failed", "finished"]
    assert "out of luck" in page
    assert "2 finished, 1 failed" in page
    assert not re.search(r"(?:src|href)=", page)


def test_no_value_can_end_the_pages_script(swept):
    _, out = swept
    table = read_results(out).with_columns(reason=pl.lit("</script><b>"))
    table.write_parquet(out / "results.parquet")
    page = write_sweep_page(out).read_text()
    assert "</script><b>" not in page
    assert page.count("</script>") == 2


def test_the_page_is_drawn_without_torch(swept):
    code = (
        "import pathlib, sys\nfrom priormix.report.sweep_page import write_sweep_page\n"
        "write_sweep_page(pathlib.Path(sys.argv[1]))\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(swept[1])], check=True)


def test_a_run_that_this_machine_cannot_carry_is_refused():
    with pytest.raises(PriormixError, match=r"resources.cpus: a run asks for 4096, this machine has \d+"):
        fitting(Resources(cpus=4096))
    with pytest.raises(PriormixError, match=r"resources.memory: a run asks for 1e\+06"):
        fitting(Resources(memory=1e6))
    assert fitting(Resources()) == os.cpu_count()


def test_without_ray_runs_go_one_after_the_other_and_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(choice, "find_spec", lambda name: None)
    backend = choose_backend("auto", None, Resources(), Console(stderr=True))
    assert isinstance(backend, LocalProcesses)
    assert backend.slots == 1
    assert "Ray is not installed, so the runs go one after the other" in capsys.readouterr().err
    for name, address in (("ray", None), ("auto", "ray://head:10001")):
        with pytest.raises(PriormixError, match=r"pip install 'priormix\[ray\]'"):
            choose_backend(name, address, Resources(), QUIET)
    with pytest.raises(PriormixError, match="unknown backend 'slurm'; known: auto, ray, processes"):
        choose_backend("slurm", None, Resources(), QUIET)
