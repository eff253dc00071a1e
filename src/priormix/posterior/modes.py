"""Labels without noise at more points than unknown coefficients: the posterior sits on single frequencies."""

from jaxtyping import Bool
from torch import Tensor

from priormix.posterior.few_points import Repeats
from priormix.posterior.minima import search_minima
from priormix.posterior.roots import follow_roots
from priormix.posterior.table import Table
from priormix.posterior.waves import Problem


def from_modes(problem: Problem, repeats: Repeats, wanted: Bool[Tensor, "T_plus_1 B"], table: Table) -> None:
    """Fill in the wanted contexts of more informative points than unknown coefficients.

    Where frequencies interpolate the context, they hold the posterior; elsewhere the best fits do.
    """
    many = wanted & (repeats.n_informative > problem.n_coefficients)
    found = follow_roots(problem, repeats, table)
    search_minima(problem, repeats, many & ~found, table)
