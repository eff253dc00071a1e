"""Prediction in context as a scikit-learn regressor."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from priormix.errors import PriormixError
from priormix.functions import FunctionClass
from priormix.models import NetworkPredictor
from priormix.posterior import bayes
from priormix.predictors import ClassicalPredictor, Prediction, Predictor
from priormix.zoo import OutsidePretraining, PretrainedNetwork, load, pretraining_range


class InContextRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Regression without training: `fit` keeps the examples as the context, `predict` reads them.

    Args:
        model: what predicts. A name in the zoo such as "linear-sinusoid-1d", the folder of a run, a weights
            file or a hub id "owner/name" (see `priormix.load`); a predictor, such as `priormix.bayes(...)`,
            `priormix.predictors.Lasso()` or a loaded network; or a function class, which stands for exact
            Bayes with that class as its prior.
        noise_std: standard deviation of the label noise that exact Bayes reckons with, in units of y. Only
            for a function class: everything else knows its own noise.
        device: where a network that is loaded computes.

    Attributes:
        predictor_: the predictor that `model` stands for.
        X_, y_: the context, (n_samples, n_features) and (n_samples,).
        n_features_in_, feature_names_in_: as everywhere in scikit-learn.

    A pretrained network is only good for what its pretraining held, so `fit` and `predict` warn with
    `OutsidePretraining` where

    - a row of X has a larger Mahalanobis distance from the mean of the inputs in pretraining than each of
      100,000 inputs drawn from their distribution,
    - a label in the context is larger in size than each of 100,000 labels drawn from the prior,
    - there are more examples than a prompt of pretraining had before its last point.

    Data are not scaled: put a `StandardScaler` before it and a `TransformedTargetRegressor` around it.
    """

    def __init__(
        self,
        # anything goes here, by scikit-learn's convention: fit checks
        model: Any = "linear-sinusoid-1d",
        *,
        noise_std: Any = 0.0,
        device: Any = "auto",
    ) -> None:
        self.model = model
        self.noise_std = noise_std
        self.device = device

    def fit(self, X: Any, y: Any) -> "InContextRegressor":  # noqa: N803
        """Keep the context.

        Args:
            X: inputs, (n_samples, n_features).
            y: labels, (n_samples,).

        Raises:
            ValueError: X or y of another shape, not finite or not numbers; PriormixError, which is one too,
                where the model cannot be loaded, reads another number of features, or reads no context as
                long as this.
        """
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], y_numeric=True)  # noqa: N806
        self.predictor_ = _predictor(self.model, self.noise_std, self.device)
        _check_dim(self.predictor_, X.shape[1])
        # exact predictors take the last digits of single precision for rounding, and those of double not
        precision = np.float32 if np.float32 in (X.dtype, y.dtype) else np.float64
        self.X_, self.y_ = X.astype(precision), y.astype(precision)
        if isinstance(self.predictor_, PretrainedNetwork):
            reach = pretraining_range(self.predictor_.recipe)
            _warn(reach.beyond_in_context(torch.from_numpy(self.X_), torch.from_numpy(self.y_)))
        if isinstance(self.predictor_, NetworkPredictor):
            # a context that is too long for it is refused here
            self._at(self.X_[:1])
        return self

    def predict(
        self,
        X: Any,  # noqa: N803
        return_std: bool = False,
    ) -> Any:
        """Predict f(x) for every row, each from the whole context and from no other row.

        Args:
            X: queries, (n_queries, n_features).
            return_std: return the standard deviation of f(x) too, without the label noise.

        Returns:
            The predictions, (n_queries,), or the pair of these and the standard deviations, (n_queries,).

        Raises:
            PriormixError: return_std where the predictor knows no variance.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])  # noqa: N806
        if isinstance(self.predictor_, PretrainedNetwork):
            reach = pretraining_range(self.predictor_.recipe)
            _warn(reach.beyond_in_inputs(torch.from_numpy(X)))
        answer = self._at(X)
        mean = answer.mean[0].numpy()
        if not return_std:
            return mean
        if answer.variance is None:
            raise PriormixError(
                f"return_std: {type(self.predictor_).__name__} predicts no variance; exact Bayes does"
            )
        return mean, answer.variance[0].clamp(min=0).sqrt().numpy()

    def _at(self, queries: Any) -> Prediction:
        xs, ys = torch.from_numpy(self.X_), torch.from_numpy(self.y_)
        predictor: Predictor = self.predictor_
        return predictor.predict_at(xs[None], ys[None], torch.from_numpy(queries).to(xs.dtype)[None])

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        # how well it predicts depends on whether the data are like the model's prior
        tags.regressor_tags.poor_score = not isinstance(self.model, ClassicalPredictor)
        return tags


def _predictor(model: Any, noise_std: float, device: str) -> Predictor:
    if isinstance(model, FunctionClass):
        return bayes(model, noise_std=noise_std)
    if noise_std != 0:
        raise PriormixError("noise_std is for a function class; this model knows its own noise")
    if isinstance(model, Predictor):
        return model
    if isinstance(model, str | Path):
        return load(model, device=device)
    raise PriormixError(
        f"model must be a name, a path, a predictor or a function class, not {type(model).__name__}"
    )


def _check_dim(predictor: Predictor, n_features: int) -> None:
    # networks and exact predictors have a dimension, classical ones read any
    dim = getattr(predictor, "dim", None)
    if dim is not None and dim != n_features:
        raise PriormixError(f"the model reads inputs with {dim} features, X has {n_features}")


def _warn(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        # 3: the line that called fit or predict
        warnings.warn(sentence, OutsidePretraining, stacklevel=3)
