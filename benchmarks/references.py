"""What priormix is timed against: the classic recipe, and a tuned one of the same network."""

from math import cos, pi, sqrt

import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2Model
from transformers.utils import logging

from priormix import FunctionClass, Mixture, SparseLinear
from priormix.models import InContextNetwork, Network, Transformer

# its configuration warns about token ids, of which there are none here
logging.set_verbosity_error()


class ClassicNetwork(nn.Module):
    """A GPT-2 of the hub library on x and y in turn, between two linear maps."""

    def __init__(self, dim: int, n_points: int, layers: int, heads: int, width: int) -> None:
        super().__init__()
        config = GPT2Config(
            vocab_size=1,
            n_positions=2 * n_points,
            n_embd=width,
            n_layer=layers,
            n_head=heads,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            use_cache=False,
            attn_implementation="eager",
        )
        self.read_in, self.backbone = nn.Linear(dim, width), GPT2Model(config)
        self.read_out = nn.Linear(width, 1)

    def forward(self, xs: Tensor, ys: Tensor) -> Tensor:
        padded = torch.cat([ys[..., None], torch.zeros_like(xs[..., 1:])], dim=2)
        tokens = torch.stack([xs, padded], dim=2).flatten(1, 2)
        hidden = self.backbone(inputs_embeds=self.read_in(tokens)).last_hidden_state
        return self.read_out(hidden)[:, ::2, 0]


class Classic:
    """The recipe that the field forks: Adam at 1e-4, a curriculum of dimensions and points [garg2022]."""

    def __init__(
        self,
        functions: FunctionClass,
        n_points: int,
        size: tuple[int, int, int],
        batch: int,
        device: str = "cpu",
    ) -> None:
        self.functions, self.n_points, self.batch, self.device = functions, n_points, batch, device
        self.network = ClassicNetwork(functions.dim, n_points, *size).to(device)
        self._adam = torch.optim.Adam(self.network.parameters(), lr=1e-4)

    def step(self, step: int, curriculum: bool = True) -> None:
        """One step; without the curriculum every prompt is as long as the last ones are."""
        active, points = self.functions.dim, self.n_points
        if curriculum:
            active, points = min(active, 5 + step // 2000), min(points, 11 + 2 * (step // 2000))
        xs, ys = _classic_batch(self.functions, self.batch, points, active)
        xs, ys = xs.to(self.device), ys.to(self.device)
        self._adam.zero_grad()
        loss = (self.network(xs, ys) - ys).square().mean()
        loss.backward()
        self._adam.step()
        # the classic loop reports the loss of every step
        loss.item()


def _classic_batch(functions: FunctionClass, batch: int, points: int, active: int) -> tuple[Tensor, Tensor]:
    """Tensors made anew on the CPU for every batch."""
    xs = torch.randn(batch, points, functions.dim)
    xs[:, :, active:] = 0
    weights = torch.randn(batch, functions.dim, 1) / sqrt(functions.dim)
    if isinstance(functions, Mixture):
        (sparse,) = (part for part in functions.components if isinstance(part, SparseLinear))
        share = functions.weights[functions.components.index(sparse)]
        for prompt in (torch.rand(batch) < share).nonzero()[:, 0].tolist():
            chosen = torch.randperm(functions.dim)[: sparse.nonzeros]
            weights[prompt] = 0
            weights[prompt, chosen, 0] = torch.randn(sparse.nonzeros) / sqrt(sparse.nonzeros)
    return xs, (xs @ weights)[:, :, 0]


class Tuned:
    """The same network in eager float32 on x and y in turn: AdamW, linear warm-up, cosine decay."""

    def __init__(
        self,
        functions: FunctionClass,
        n_points: int,
        size: tuple[int, int, int],
        batch: int,
        learning_rate: float,
        steps: int,
        seed: int,
    ) -> None:
        layers, heads, width = size
        backbone = Transformer(layers=layers, heads=heads, width=width, positions="learned")
        network = Network(layout="interleaved", head="linear", backbone=backbone)
        self.functions, self.n_points, self.batch = functions, n_points, batch
        self.network: InContextNetwork = network.build(functions.dim, n_points, seed)
        self._learning_rate, self._steps, self._seed = learning_rate, steps, seed
        self._adam = torch.optim.AdamW(
            self.network.parameters(), lr=learning_rate, betas=(0.9, 0.95), weight_decay=0.0
        )

    def step(self, step: int) -> None:
        (group,) = self._adam.param_groups
        group["lr"] = self._learning_rate * self._factor(step + 1)
        prompts = self.functions.sample(self.batch, self.n_points, seed=self._seed, role="train", step=step)
        self._adam.zero_grad()
        (self.network(prompts.xs, prompts.ys) - prompts.ys).square().mean().backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._adam.step()

    def _factor(self, n: int) -> float:
        warm_up = max(1, self._steps // 20)
        share = (n - warm_up) / max(1, self._steps - warm_up)
        return n / warm_up if n < warm_up else (1 + cos(pi * min(1.0, share))) / 2
