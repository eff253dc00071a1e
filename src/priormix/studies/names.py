"""What tables and figures call the models and references; free of PyTorch, so that the report shares it."""

DENSE, SPARSE, RELU = "dense", "sparse", "ReLU"
LINEAR, SINUSOID, BOTH = "linear", "sinusoid", "linear + sinusoid"
LEAST_SQUARES, BEST_LASSO = "least squares", "best Lasso"
BAYES_MIXTURE = "Bayes: mixture"
FEATURES = "least squares on x, cos(2πωx)"


def weight_name(weight: float, other: str) -> str:
    """The name of the model in whose pretraining the dense class had that weight, `other` the rest."""
    if weight == 0:
        return other
    return DENSE if weight == 1 else f"{DENSE} {weight:.0%} + {other} {1 - weight:.0%}"


MIXTURE = weight_name(0.5, SPARSE)
