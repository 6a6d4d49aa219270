"""Where a net computes."""

import torch

from ._sharing import current_share


def resolve_device(device: str, *, fall_back: bool = False) -> torch.device:
    """The torch device of the ``device`` parameter.

    Parameters
    ----------
    device : str
        "auto" is a GPU where torch sees one, else the CPU; anything else is torch's name.
    fall_back : bool
        Take the CPU where the named device is missing: a saved model loads everywhere.
    """
    if device == "cpu":  # to look for GPUs is to start CUDA, which forks cannot use any more
        return torch.device("cpu")
    available = torch.accelerator.is_available()
    accelerator = torch.accelerator.current_accelerator() if available else None
    gpu = accelerator.type if accelerator else None
    n_gpus = torch.accelerator.device_count() if available else 0
    if device == "auto":
        device = "cuda" if gpu == "cuda" else "cpu"
    try:
        found = torch.device(device)
    except RuntimeError as error:
        if fall_back:
            return torch.device("cpu")
        raise ValueError(
            f"The 'device' parameter must be 'auto' or a device that torch knows, such as 'cpu' "
            f"or 'cuda:0'. Got {device!r} instead."
        ) from error
    if found.type == "cpu" or (found.type == gpu and (found.index or 0) < n_gpus):
        if found == torch.device("cuda") and current_share().size > 1:
            # That of this process, also after it has left the others.
            return torch.device("cuda", torch.cuda.current_device())
        return found
    if fall_back:
        return torch.device("cpu")
    raise ValueError(
        f"The 'device' parameter is {device!r}, but torch sees no such device on this machine. "
        "Use 'auto' or 'cpu'."
    )
