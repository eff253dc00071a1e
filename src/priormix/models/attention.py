"""Attention, with softmax by the kernel that is fast for short sequences on the device at hand, or linear."""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

# up to so many tokens, products of small matrices beat torch's fused kernel on a CPU
_SHORT = 64


def causal_attention(
    queries: Float[Tensor, "B H S E"], keys: Float[Tensor, "B H S E"], values: Float[Tensor, "B H S E"]
) -> Float[Tensor, "B H S E"]:
    """Softmax attention in which no token sees a later one; shapes (batch, heads, tokens, features).

    On a CPU queries, keys and values are not copied where tokens are their slowest dimension in memory.
    """
    # torch's fused backward is many times slower for bfloat16 on a CPU, at any length
    is_short = queries.shape[2] <= _SHORT or queries.dtype == torch.bfloat16
    if queries.device.type == "cpu" and is_short:
        flat = (_laid_out(part.flatten(0, 1)) for part in (queries, keys, values))
        mixed: Tensor = _ShortAttention.apply(*flat)  # type: ignore[no-untyped-call]
        return mixed.view(queries.shape)
    return functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)


def _laid_out(part: Float[Tensor, "N S E"]) -> Float[Tensor, "N S E"]:
    """The same numbers as their products read them fastest."""
    # products in bfloat16 would copy it, and more slowly where they take it transposed
    return part.contiguous() if part.dtype == torch.bfloat16 else part


class _ShortAttention(torch.autograd.Function):
    """The same on (N, S, E) as plain matrix products, without what autograd would copy and keep."""

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        n_tokens = queries.shape[1]
        future = queries.new_full((n_tokens, n_tokens), float("-inf")).triu_(1)
        scores = torch.baddbmm(future, queries, keys.mT, alpha=queries.shape[2] ** -0.5)
        weights = scores.softmax(dim=2, dtype=torch.float32).to(values.dtype)
        ctx.save_for_backward(queries, keys, values, weights)
        return torch.bmm(weights, values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        queries, keys, values, weights = ctx.saved_tensors
        (gradient,) = gradients
        by_weight = torch.bmm(gradient, values.mT) * queries.shape[2] ** -0.5
        by_score = by_weight.mul_(weights)
        by_score = by_score.addcmul_(weights, by_score.sum(2, keepdim=True), value=-1)
        return torch.bmm(by_score, keys), torch.bmm(by_score.mT, queries), torch.bmm(weights.mT, gradient)


def branching_attention(
    queries: Float[Tensor, "B H S E"],
    keys: Float[Tensor, "B H S E"],
    values: Float[Tensor, "B H S E"],
    visible: Bool[Tensor, "S S"],
) -> Float[Tensor, "B H S E"]:
    """Softmax attention in which token i sees token j where visible[i, j]."""
    return functional.scaled_dot_product_attention(queries, keys, values, attn_mask=visible)


def linear_attention(
    queries: Float[Tensor, "B H S E"],
    keys: Float[Tensor, "B H S E"],
    values: Float[Tensor, "B H S E"],
    visible: Bool[Tensor, "S S"],
) -> Float[Tensor, "B H S E"]:
    """Attention without softmax: sums of values times query · key, over √E and the root of their number.

    Token i sees token j where visible[i, j]. A layer can so take a step of gradient descent on the squared
    error of the examples [vonoswald2023].
    """
    shares = visible / visible.sum(1, keepdim=True).sqrt() * queries.shape[-1] ** -0.5
    mixed: Tensor = (queries @ keys.mT * shares.to(queries.dtype)) @ values
    return mixed


def causal_sight(n_tokens: int, device: torch.device) -> Bool[Tensor, "S S"]:
    """Every token sees itself and its past."""
    return torch.ones(n_tokens, n_tokens, dtype=torch.bool, device=device).tril()


def branching_sight(n_context: int, n_last: int, device: torch.device) -> Bool[Tensor, "S S"]:
    """A context sees its past; each of the last tokens sees the context and itself."""
    n_tokens = n_context + n_last
    visible = causal_sight(n_tokens, device)
    visible[n_context:, n_context:] = torch.eye(n_last, dtype=torch.bool, device=device)
    return visible
