"""Causal attention, by the kernel that is fast for short sequences on the device at hand."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional


def causal_attention(
    queries: Float[Tensor, "B H S E"], keys: Float[Tensor, "B H S E"], values: Float[Tensor, "B H S E"]
) -> Float[Tensor, "B H S E"]:
    """Softmax attention in which no token sees a later one; shapes (batch, heads, tokens, features)."""
    if queries.device.type == "cpu" and queries.dtype == torch.bfloat16:
        # torch's fused backward is many times slower here than two small matrix products
        return _explicit(queries, keys, values)
    return functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)


def _explicit(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    n_tokens = queries.shape[2]
    future = torch.full((n_tokens, n_tokens), float("-inf"), device=queries.device).triu(1)
    scores = (queries @ keys.transpose(-1, -2)) * queries.shape[3] ** -0.5
    weights = torch.softmax(scores.float() + future, dim=-1)
    return weights.to(values.dtype) @ values


def branching_attention(
    queries: Float[Tensor, "B H S E"],
    keys: Float[Tensor, "B H S E"],
    values: Float[Tensor, "B H S E"],
    visible: Bool[Tensor, "S S"],
) -> Float[Tensor, "B H S E"]:
    """Softmax attention in which token i sees token j where visible[i, j]."""
    return functional.scaled_dot_product_attention(queries, keys, values, attn_mask=visible)


def branching_sight(n_context: int, n_last: int, device: torch.device) -> Bool[Tensor, "S S"]:
    """A context sees its past; each of the last tokens sees the context and itself."""
    n_tokens = n_context + n_last
    visible = torch.ones(n_tokens, n_tokens, dtype=torch.bool, device=device).tril()
    visible[n_context:, n_context:] = torch.eye(n_last, dtype=torch.bool, device=device)
    return visible
