"""A user's own torch module in the place of the LSTM."""

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ._recurrent import BatchPart
from ._scaled import ScaledNetwork

ModuleFactory = Callable[[int, int, int], nn.Module]

# There is one global generator for all threads: they take turns.
_GLOBAL_GENERATOR = threading.RLock()


class CustomNetwork(ScaledNetwork):
    """Whatever ``factory(n_features, n_outputs, random_state)`` builds, between the scalings.

    The module's ``forward(x, lengths)`` reads standardised float32 sequences ``(n, n_timesteps,
    n_features)``, zero after their ends, and their int64 lengths ``(n,)``; it returns ``(n,
    n_outputs)``, or ``(n, n_timesteps, n_outputs)`` where sequences are to be returned.

    torch modules draw their weights, and dropout its masks, from torch's global generator. The
    factory is called, and the module trained, with that generator seeded; before the caller sees
    it again it is put back.
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        module: ModuleFactory,
        random_state: int,
        return_sequences: bool = False,
        quantiles: Sequence[float] | None = None,
    ) -> None:
        architecture = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        super().__init__(architecture)
        if isinstance(module, nn.Module):
            raise ValueError(
                "The 'module' parameter must be a callable (n_features, n_outputs, random_state) "
                f"that returns a torch module, such as a class. Got an instance of "
                f"{type(module).__name__!r}."
            )
        if isinstance(module, type) and module.__module__.startswith("torch."):
            raise ValueError(
                "The 'module' parameter must be a callable (n_features, n_outputs, random_state) "
                f"that returns a torch module. Got torch's own {module.__name__}, whose arguments "
                "are others: wrap it in a function."
            )
        with _GLOBAL_GENERATOR, torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(random_state)
            built = module(n_features, n_outputs, random_state)
        if not isinstance(built, nn.Module):
            raise ValueError(
                "The 'module' parameter must be a callable (n_features, n_outputs, random_state) "
                f"that returns a torch module. It returned an instance of {type(built).__name__!r}."
            )
        if not any(parameter.requires_grad for parameter in built.parameters()):
            raise ValueError(
                "The torch module of the 'module' parameter must have a parameter that requires a "
                "gradient. It has none."
            )
        # What the factory holds on to, pretrained layers say, must not be trained with it.
        self.body = copy.deepcopy(built).float()
        self.width = n_features + 64  # an LSTM of ordinary size

    @contextmanager
    def drawing_from(
        self, generator: torch.Generator, part: BatchPart | None = None
    ) -> Iterator[None]:
        """Within, torch's global generators of CPU and device begin where ``generator`` did.

        With a ``part`` they begin elsewhere in every process: other rows have other masks.
        """
        device, seed = self.x_mean.device, generator.initial_seed()
        if part is not None:
            seed = (seed + part.number) % 2**64
        on_gpu = device.type == "cuda"
        with _GLOBAL_GENERATOR, torch.random.fork_rng(devices=[device] if on_gpu else []):
            torch.default_generator.manual_seed(seed)
            if on_gpu:
                with torch.cuda.device(device):
                    torch.cuda.manual_seed(seed)
            yield

    def _outputs(self, vectors: Tensor, lengths: Tensor | None) -> Tensor:
        n, n_timesteps, _ = vectors.shape
        padded = None
        if lengths is None:
            lengths = torch.full((n,), n_timesteps, device=vectors.device)
        else:
            steps = torch.arange(n_timesteps, device=vectors.device)
            padded = (steps >= lengths[:, None])[:, :, None]
            vectors = vectors.masked_fill(padded, 0.0)
        outputs = self.body(vectors, lengths)
        wanted: tuple[Any, ...] = (n, self.architecture["n_outputs"])
        if self.architecture["return_sequences"]:
            wanted = (n, n_timesteps, self.architecture["n_outputs"])
        if not isinstance(outputs, Tensor) or outputs.shape != wanted:
            found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
            raise ValueError(
                "The torch module of the 'module' parameter must return a tensor of shape "
                f"{wanted} for {n} sequences of {n_timesteps} time steps. Got {found}."
            )
        outputs = outputs.to(vectors.dtype)  # as the loss has its targets
        if padded is not None and self.architecture["return_sequences"]:
            # A NaN there would outlive the weight of 0 that padded steps have in the loss.
            return outputs.masked_fill(padded, 0.0)
        return outputs
