"""Mutated recipes, results tables and weight files: accepted or refused in words, and nothing else.

These are a tenth of the cases; `make faults` runs all of them.
"""

import random
import time

import pytest

from mutations import Judge, TooSlowError, judge_recipes, judge_tables, judge_weights
from priormix.errors import PriormixError


@pytest.fixture
def judge(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    return Judge(out)


@pytest.mark.parametrize(
    ("judge_them", "n", "least_refused"),
    [(judge_recipes, 150, 100), (judge_tables, 12, 1), (judge_weights, 80, 60)],
)
def test_mutated_files_are_accepted_or_refused_in_words(judge, judge_them, n, least_refused):
    judge_them(judge, random.Random(0), n)
    assert judge.cases == n
    assert sum(judge.refused.values()) >= least_refused


def test_the_judge_lets_nothing_else_pass(judge, tmp_path, monkeypatch):
    def refuse_in_two_lines():
        raise PriormixError("one\ntwo")

    def crash():
        raise KeyError("x")

    def write_elsewhere():
        (tmp_path / "elsewhere").write_text("x")

    def hang():
        while True:
            time.process_time()

    monkeypatch.setattr("mutations.LIMIT_S", 0.2)
    for case, complaint in (
        (refuse_in_two_lines, "several lines"),
        (crash, "KeyError"),
        (write_elsewhere, "outside the output folder"),
        (lambda: (tmp_path / "elsewhere").mkdir(), "outside the output folder"),
        (hang, TooSlowError.__name__),
    ):
        with pytest.raises(AssertionError, match=complaint):
            judge.hear(case, "a case")
    assert not (tmp_path / "elsewhere").exists()
    judge.hear(lambda: (judge.out / "inside").write_text("x"), "a case")
    assert judge.accepted == 1
