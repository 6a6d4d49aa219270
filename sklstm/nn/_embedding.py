"""Vectors for integer codes."""

import torch
from torch import Tensor, nn


class CodeEmbedding(nn.Module):
    """One learned vector per code; a code that training did not see is a vector of zeros.

    Parameters
    ----------
    n_codes : int
        Codes are 0 to ``n_codes - 1``; those beyond are unseen.
    size : int
    """

    def __init__(self, n_codes: int, size: int) -> None:
        super().__init__()
        empty = torch.empty(n_codes, size, dtype=torch.float32, device="cpu")
        self.weight = nn.Parameter(empty)

    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw from a standard normal distribution."""
        with torch.no_grad():
            self.weight.normal_(generator=generator)

    def forget_unseen(self, seen: Tensor) -> None:
        """Zero the vectors of codes that are not in training; ``seen`` is bool, of all codes."""
        with torch.no_grad():
            self.weight[~seen] = 0.0

    def forward(self, codes: Tensor) -> Tensor:
        """Vectors ``(n, n_timesteps, size)`` of float codes ``(n, n_timesteps)``."""
        codes = codes.long()
        last = len(self.weight) - 1
        vectors = nn.functional.embedding(codes.clamp(max=last), self.weight)
        return vectors.masked_fill((codes > last)[:, :, None], 0.0)
