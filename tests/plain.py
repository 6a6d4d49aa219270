"""Parameters of the network and the training that a person writes by hand first.

Tests that count steps, compare with a plain loop or repeat an epoch use these instead of
the defaults, which are chosen for accuracy on unknown data.
"""

PLAIN = {
    "bidirectional": False,
    "pooling": "last",
    "dropout": 0.0,
    "lr_schedule": "constant",
    "weight_decay": 0.0,
    "batch_size": 32,
}
