"""What is known of every prefix of every prompt, filled in by those who work parts of them out."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from priormix.posterior.base import Posterior
from priormix.posterior.evidence import Evidence
from priormix.posterior.waves import Problem, Rows


@dataclass(frozen=True)
class Table:
    """Prediction at the point that follows 0 … T points, and their evidence; every field (T + 1, B)."""

    problem: Problem
    mean: Float[Tensor, "T_plus_1 B"]
    variance: Float[Tensor, "T_plus_1 B"]
    misfit: Float[Tensor, "T_plus_1 B"]
    point_masses: Int[Tensor, "T_plus_1 B"]
    log_density: Float[Tensor, "T_plus_1 B"]

    @classmethod
    def empty(cls, problem: Problem) -> "Table":
        """A table of zeros."""
        n_points, n_prompts = problem.known.shape
        zeros = [problem.known.new_zeros(n_points + 1, n_prompts) for _ in range(5)]
        return cls(problem, zeros[0], zeros[1], zeros[2], zeros[3].long(), zeros[4])

    def write(
        self,
        rows: Rows,
        log_density: Float[Tensor, " R"],
        mean: Float[Tensor, " R"],
        variance: Float[Tensor, " R"],
        misfit: Float[Tensor, " R"] | None = None,
        point_masses: Int[Tensor, " R"] | None = None,
    ) -> None:
        """Enter what was found for these contexts; misfit and point masses are 0 where they are not given."""
        at = (rows.count, rows.prompt)
        self.log_density[at] = log_density
        self.mean[at] = mean
        self.variance[at] = variance
        if misfit is not None:
            self.misfit[at] = misfit
        if point_masses is not None:
            self.point_masses[at] = point_masses

    def posterior(self) -> Posterior:
        """The posterior of the whole function, prompts first."""
        mean = (self.mean[:-1] + self.problem.known).T
        evidence = Evidence(self.misfit.T, self.point_masses.T, self.log_density.T)
        return Posterior(mean, self.variance[:-1].T, evidence, torch.zeros_like(mean)[..., None])
