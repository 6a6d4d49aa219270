"""The same network and training as a person writes them by hand, in plain torch."""

import torch
from torch import nn


class HandWritten(nn.Module):
    """One LSTM layer and a linear head on its last hidden state."""

    def __init__(self, n_features, hidden_size):
        super().__init__()
        self.lstm = nn.LSTM(n_features, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, 1)

    def forward(self, x):
        output, _ = self.lstm(x)
        return self.head(output[:, -1])


def standardized(X, y, device="cpu"):
    """What a hand-written loop starts from: float32 tensors of unit variance, on the device."""
    X = torch.as_tensor(X, dtype=torch.float32, device=device)
    y = torch.as_tensor(y, dtype=torch.float32, device=device)[:, None]
    X = (X - X.mean((0, 1))) / X.std((0, 1))
    return X, (y - y.mean()) / y.std()


def train_plain(X, y, hidden_size, batch_size, epochs, device="cpu"):
    """The usual loop: a new batch is indexed out of the data at every step."""
    X, y = standardized(X, y, device)
    torch.manual_seed(0)
    model = HandWritten(X.shape[2], hidden_size).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.0)
    loss_function = nn.MSELoss()
    model.train()
    for _ in range(epochs):
        order = torch.randperm(len(X), device=device)
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size]
            optimizer.zero_grad()
            loss = loss_function(model(X[rows]), y[rows])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    return model


def train_fused(X, y, hidden_size, batch_size, epochs, device="cpu"):
    """The fastest loop we know how to write: fused optimizer, one gather per epoch."""
    X, y = standardized(X, y, device)
    torch.manual_seed(0)
    model = HandWritten(X.shape[2], hidden_size).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.0, fused=True)
    loss_function = nn.MSELoss()
    model.train()
    for _ in range(epochs):
        order = torch.randperm(len(X), device=device)
        for x_batch, y_batch in zip(
            X[order].split(batch_size), y[order].split(batch_size), strict=True
        ):
            optimizer.zero_grad()
            loss = loss_function(model(x_batch), y_batch)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    return model
