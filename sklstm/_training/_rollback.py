"""Training in place that leaves no trace when it fails."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

from ._net import LSTMNet


@contextmanager
def restored_on_error(net: LSTMNet) -> Iterator[None]:
    """Put weights, optimizer and history back where an error stops training.

    A KeyboardInterrupt is no error: what was learned until then is kept.
    """
    weights = copy.deepcopy(net.module_.state_dict())
    optimizer = getattr(net, "optimizer_", None)
    moments = None if optimizer is None else copy.deepcopy(optimizer.state_dict())
    options = getattr(net, "options_", None)
    n_epochs, weight_unit = len(net.history), net.weight_unit
    try:
        yield
    except Exception:
        net.module_.load_state_dict(weights)
        net.__dict__.update(optimizer_=optimizer, options_=options)
        if optimizer is not None:
            optimizer.load_state_dict(moments)
        del net.history[n_epochs:]
        net.weight_unit = weight_unit
        raise
