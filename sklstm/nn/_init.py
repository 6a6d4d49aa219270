"""Initial weights, drawn from a generator of one's own."""

import torch
from torch import Tensor, nn


def empty_lstm(input_size: int, hidden_size: int) -> nn.LSTM:
    """One LSTM layer in one direction whose weights are not drawn yet.

    ``nn.LSTM`` draws its weights from torch's global generator; made on the meta device it
    draws nothing, so the caller's random state stays as it was.
    """
    options = {"batch_first": True, "device": "meta", "dtype": torch.float32}
    return nn.LSTM(input_size, hidden_size, **options).to_empty(device="cpu")


def empty_linear(in_features: int, out_features: int, bias: bool = True) -> nn.Linear:
    """A linear layer whose weights are not drawn yet."""
    linear = nn.Linear(in_features, out_features, bias, device="meta", dtype=torch.float32)
    return linear.to_empty(device="cpu")


def init_lstm_(lstm: nn.LSTM, generator: torch.Generator) -> None:
    """Draw the weights of one LSTM layer in place.

    Glorot-uniform input weights (one draw per gate), orthogonal recurrent weights (one draw
    per gate), zero biases except the forget gate's, which starts at 1 so that the cell
    remembers by default (Jozefowicz, Zaremba & Sutskever, ICML 2015).
    """
    hidden = lstm.hidden_size
    weight_ih, weight_hh, bias_ih, bias_hh = lstm.all_weights[0]
    with torch.no_grad():
        for gate in range(4):
            rows = slice(gate * hidden, (gate + 1) * hidden)
            nn.init.xavier_uniform_(weight_ih[rows], generator=generator)
            weight_hh[rows] = _orthogonal(hidden, generator)
        bias_ih.zero_()
        bias_hh.zero_()
        bias_ih[hidden : 2 * hidden] = 1.0


def init_linear_(linear: nn.Linear, generator: torch.Generator) -> None:
    """Draw Glorot-uniform weights and set the bias to zero, in place."""
    with torch.no_grad():
        nn.init.xavier_uniform_(linear.weight, generator=generator)
        linear.bias.zero_()


def _orthogonal(size: int, generator: torch.Generator) -> Tensor:
    # The factorisation's last bits depend on the number of threads; computed in float64
    # and rounded to float32 they do not reach the weights.
    matrix = torch.empty(size, size, dtype=torch.float64, device="cpu")
    return nn.init.orthogonal_(matrix, generator=generator).float()
