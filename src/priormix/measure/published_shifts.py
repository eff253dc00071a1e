"""Shifts with the severities that others have published."""

from math import sqrt

from priormix.measure.function_shifts import LabelNoise, LabelScale
from priormix.measure.input_shifts import InputScale, InputSkew, InputSubspace
from priormix.measure.query_shifts import OppositeQuadrants, QueryOrthogonality, QueryOverlap, RandomQuadrants
from priormix.measure.scenario import Shift

# noise of standard deviation 1 on 20-dimensional functions, whose y there has variance 20 and here 1
_NOISE = 1 / sqrt(20)

GARG_SHIFTS: dict[str, Shift] = {
    "skewed covariance": InputSkew(severity=2.0),
    "half subspace": InputSubspace(severity=0.5),
    "random quadrants": RandomQuadrants(severity=1.0),
    "opposite quadrants": OppositeQuadrants(severity=1.0),
    "orthogonal query": QueryOrthogonality(severity=1.0),
    "overlapping query": QueryOverlap(severity=1.0),
    "label noise": LabelNoise(severity=_NOISE),
    "x times 1/3": InputScale(severity=1 / 3),
    "x times 1/2": InputScale(severity=0.5),
    "x times 2": InputScale(severity=2.0),
    "x times 3": InputScale(severity=3.0),
    "y times 1/3": LabelScale(severity=1 / 3),
    "y times 1/2": LabelScale(severity=0.5),
    "y times 2": LabelScale(severity=2.0),
    "y times 3": LabelScale(severity=3.0),
}
"""The prompt shifts of [garg2022], as its published evaluation code sets them.

Three settings are translated. That code draws one random basis for all prompts, here each prompt has its
own. Its functions have variance D, here 1, so the noise is divided by √20 for D = 20. It rescales noisy
labels to the variance of clean ones, here they keep their noise on top.
"""
