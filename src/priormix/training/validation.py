"""Excess risk during training: how far a network is from the exact Bayes predictor."""

import torch

from priormix.errors import PriormixError
from priormix.measure import Scenario
from priormix.models import InContextNetwork, NetworkPredictor
from priormix.posterior import bayes
from priormix.recipe import Recipe

N_PROMPTS = 512


class Validation:
    """Held-out prompts from the recipe's own prior, and what the exact predictor loses on them.

    `loss_of_zero` is what predicting 0 everywhere loses, in squared units of y.
    """

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        scenario = Scenario(
            name="its own prior",
            functions=recipe.mixture,
            n_points=recipe.n_points,
            inputs=recipe.inputs,
            noise_std=recipe.noise_std,
        )
        self._prompts = scenario.prompts(N_PROMPTS, seed=recipe.seed, device=device)
        self.loss_of_zero = float(self._prompts.ys.square().mean())
        try:
            optimum = bayes(recipe.mixture, noise_std=recipe.noise_std)
        except PriormixError:
            self._optimal_error = None
        else:
            exact = optimum.predict(self._prompts.xs, self._prompts.ys).mean
            self._optimal_error = self._error(exact)

    def excess(self, network: InContextNetwork) -> float | None:
        """Mean squared error of the network minus the optimum's, on the same prompts, over all prefixes.

        In squared units of y; None where no exact predictor is known.
        """
        if self._optimal_error is None:
            return None
        training = network.training
        predicted = NetworkPredictor(network).predict(self._prompts.xs, self._prompts.ys).mean
        network.train(training)
        return self._error(predicted) - self._optimal_error

    def _error(self, mean: torch.Tensor) -> float:
        return float((mean - self._prompts.values).square().mean())
