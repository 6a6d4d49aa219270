"""The shapes that are computed are those of the network that is built."""

import itertools

import pytest

from sklstm.nn import LSTMNetwork, weight_shapes

ARCHITECTURES = [
    {
        "n_features": 1 if embedding else 3,
        "n_outputs": 6,
        "hidden_size": 4,
        "num_layers": num_layers,
        "bidirectional": bidirectional,
        "dropout": 0.1,
        "cell": cell,
        "activation": "tanh",
        "recurrent_dropout": 0.0,
        "tbptt_steps": None,
        "pooling": pooling,
        "return_sequences": return_sequences,
        "quantiles": (0.1, 0.5, 0.9),
        "embedding": embedding,
    }
    for num_layers, bidirectional, cell, pooling, return_sequences, embedding in itertools.product(
        (1, 2),
        (False, True),
        ("lstm", "peephole"),
        (("last",), ("attention", "max"), ("mean", "input")),
        (False, True),
        (None, (7, 5)),
    )
]


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=map(str, range(len(ARCHITECTURES))))
def test_names_and_shapes_are_those_of_the_network(architecture):
    built = LSTMNetwork(**architecture).state_dict()
    assert weight_shapes(architecture) == {name: tuple(w.shape) for name, w in built.items()}
