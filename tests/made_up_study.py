"""A results table in which every claim holds, made up row by row, and copies with some numbers changed."""

from priormix.studies.results import Row, pool_seeds, to_table

MIXTURE = "dense 50% + sparse 50%"


def row(figure, model, scenario, metric, mean, half=0.01, **rest):
    return Row(figure, model, scenario, metric, mean, mean - half, mean + half, n_prompts=100, **rest)


def a_reproduced_study():
    """A table in which all claims hold."""
    yield row("1", "dense", "nnz 2", "mse", 0.2, parameter=2.0, n_examples=6)
    yield row("1", "dense", "dense", "mse", 0.2, parameter=8.0, n_examples=6)
    for own, scenario, nonzeros in (("dense", "nnz 2", 2.0), ("sparse", "dense", 8.0)):
        pair = f"{own} vs Bayes: {own}"
        yield row("1", pair, scenario, "mse_difference", 0.01, parameter=nonzeros, n_examples=6)
    yield row("1", "dense vs sparse", "nnz 2", "mse_difference", 0.2, parameter=2.0, n_examples=6)
    yield row("1", "dense vs sparse", "nnz 4", "mse_difference", 0.0, parameter=4.0, n_examples=6)
    yield row("1", "dense vs sparse", "dense", "mse_difference", -0.3, parameter=8.0, n_examples=6)
    for own in ("dense", "sparse"):
        yield row("2", f"{MIXTURE} vs {own}", own, "mse_difference", 0.005)
        yield row("2", f"{own} vs Bayes: {own}", own, "mse_difference", 0.01)
        yield row("2", f"{own} vs best Lasso", own, "mse_difference", 0.01)
        yield row("2", f"{MIXTURE} vs Bayes: mixture", own, "mse_difference", 0.01)
    for nonzeros in range(1, 9):
        share = (nonzeros - 2) / 6
        yield row(
            "3",
            f"{MIXTURE} vs sparse",
            "nnz",
            "relative_distance",
            share**2,
            parameter=float(nonzeros),
            n_examples=6,
        )
        yield row(
            "3",
            f"{MIXTURE} vs dense",
            "nnz",
            "relative_distance",
            (1 - share) ** 2,
            parameter=float(nonzeros),
            n_examples=6,
        )
        for other in ("sparse", "dense", "Bayes: mixture"):
            yield row(
                "3",
                f"{MIXTURE} vs {other}",
                "nnz",
                "mse_difference",
                0.0,
                parameter=float(nonzeros),
                n_examples=6,
            )
    for weight in (0.0, 0.5, 1.0):
        bayes = "Bayes: linear + sinusoid"
        yield row("5", bayes, "weight", "unexplained_share", 0.3, parameter=weight, n_examples=39)
        pair = "linear + sinusoid vs Bayes: linear + sinusoid"
        yield row("5", pair, "weight", "mse_difference", 0.01, parameter=weight, n_examples=39)
    for model in ("linear", "sinusoid", "linear + sinusoid", "least squares on x, cos(2πωx)"):
        for weight in (0.0, 0.5, 1.0):
            fits = weight != 0.5 or model.startswith("least")
            yield row(
                "5",
                model,
                "weight",
                "unexplained_share",
                0.02 if fits else 0.4,
                parameter=weight,
                n_examples=39,
            )
    for model in ("sinusoid", "linear + sinusoid"):
        yield row("6", model, "frequency", "unexplained_share", 0.02, parameter=1.0, n_examples=39)
        yield row("6", model, "frequency", "unexplained_share", 0.9, parameter=5.0, n_examples=39)
        for frequency in (1.0, 5.0):
            pair = f"{model} vs Bayes: {model}"
            yield row("6", pair, "frequency", "mse_difference", 0.01, parameter=frequency, n_examples=39)


def changed(where, mean):
    rows = []
    for each in a_reproduced_study():
        if where(each):
            each = row(
                each.figure,
                each.model,
                each.scenario,
                each.metric,
                mean,
                parameter=each.parameter,
                n_examples=each.n_examples,
            )
        rows.append(each)
    return pool_seeds(to_table(rows))
