"""`priormix sweep` as a process: what it ends with, a kill in its middle, a cluster that stands already."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest

from priormix.sweeps.results import read_results
from small_sweeps import RATE, grid, sweep_file


def command(path, out, backend):
    return [
        *(str(Path(sys.executable).with_name("priormix")), "sweep", str(path)),
        *("--out", str(out), "--backend", backend),
    ]


def finished_in(out):
    return {path: path.stat().st_mtime_ns for path in out.glob("runs/*/weights.safetensors")}


def processes_in(out):
    """The training processes that work below this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(out / "runs") in words:
            found.append(process.name)
    return found


def wait_until(holds, seconds):
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert holds()


def test_a_sweep_on_the_command_line_ends_with_status_1_where_a_run_failed(tmp_path):
    path = sweep_file(tmp_path, search=grid(**{RATE: [1e30, 1e-3]}))
    done = subprocess.run(
        [*command(path, tmp_path / "out", "processes"), "--json"], capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    runs = json.loads(done.stdout)["runs"]
    assert [run["status"] for run in runs] == ["failed", "finished"]
    assert "finite" in runs[0]["reason"]
    assert f"failed {RATE}=1e+30: " in done.stderr
    assert "1 finished, 1 failed" in (tmp_path / "out" / "index.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "backend",
    [
        "processes",
        pytest.param("ray", marks=pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra ray")),
    ],
)
def test_a_killed_sweep_ends_after_its_restart_with_every_run_accounted_for(tmp_path, backend):
    out = tmp_path / "out"
    search = grid(**{RATE: [1e-3, 3e-3, 1e-2, 3e-2, 0.1, 1e30]})
    path = sweep_file(tmp_path, search=search, seeds=[0, 1])
    with subprocess.Popen(
        command(path, out, backend), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as victim:
        wait_until(lambda: len(finished_in(out)) >= 3, 600)
        victim.send_signal(signal.SIGKILL)
    wait_until(lambda: not processes_in(out), 120)
    before = finished_in(out)
    assert 3 <= len(before) < 10
    again = subprocess.run([*command(path, out, backend), "--json"], capture_output=True, text=True)
    assert again.returncode == 1, again.stderr
    table = read_results(out)
    assert len(table) == 12
    good, bad = (table.filter(pl.col("status") == status) for status in ("finished", "failed"))
    assert len(good) == 10
    assert [(row[RATE], row["seed"]) for row in bad.to_dicts()] == [(1e30, 0), (1e30, 1)]
    assert all("finite" in reason for reason in bad["reason"])
    assert {path: finished_in(out)[path] for path in before} == before


CLUSTER = """
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
print(cluster.address, flush=True)
input()
cluster.shutdown()
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra ray")
@pytest.mark.parametrize("mode", ["token", "disabled"])
def test_a_cluster_that_stands_already_takes_the_runs(tmp_path, mode):
    token = tmp_path / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("0123456789abcdef" * 4)
    home = {**os.environ, "HOME": str(tmp_path), "RAY_USAGE_STATS_ENABLED": "0"}
    path = sweep_file(tmp_path, search=grid(**{RATE: [1e-3, 3e-3]}))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    head = [sys.executable, "-c", CLUSTER]
    with subprocess.Popen(head, env={**home, "RAY_AUTH_MODE": mode}, **pipes) as cluster:
        try:
            address = cluster.stdout.readline().strip()
            words = [*command(path, tmp_path / "out", "ray"), "--address", address]
            done = subprocess.run(words, env=home, capture_output=True, text=True)
        finally:
            cluster.communicate("\n")
    assert done.returncode == 0, done.stderr
    assert set(read_results(tmp_path / "out")["status"]) == {"finished"}
