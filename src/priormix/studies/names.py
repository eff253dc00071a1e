"""What tables and figures call the models and references; free of PyTorch, so that the report shares it."""

DENSE, SPARSE, RELU = "dense", "sparse", "ReLU"
LINEAR, SINUSOID, BOTH = "linear", "sinusoid", "linear + sinusoid"
CONSTANT = "constant"
LEAST_SQUARES, BEST_LASSO = "least squares", "best Lasso"
BAYES_MIXTURE, BAYES_BOTH = "Bayes: mixture", "Bayes: linear + sinusoid"
BAYES_COMBINATION, BAYES_OWN = "Bayes: combination", "Bayes: own prior"
FEATURES = "least squares on x, cos(2πωx)"


def bayes_name(model: str) -> str:
    """The name of exact Bayes under the prior that a model was pretrained on."""
    return BAYES_MIXTURE if model == MIXTURE else f"Bayes: {model}"


def weight_name(weight: float, other: str) -> str:
    """The name of the model in whose pretraining the dense class had that weight, `other` the rest."""
    if weight == 0:
        return other
    return DENSE if weight == 1 else f"{DENSE} {weight:.0%} + {other} {1 - weight:.0%}"


MIXTURE = weight_name(0.5, SPARSE)


def rare_name(weight: float, rare: str) -> str:
    """The name of the model in whose pretraining the class `rare` had that weight, a common one the rest."""
    return f"{rare} {weight:.1%}"
