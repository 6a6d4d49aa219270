"""What a forked process has to know."""

import os

import torch


def use_one_thread_in_forks() -> None:
    """Keep torch in forked processes from waiting for threads that do not exist there.

    A fork copies the process without its threads. The OpenMP of GNU counts on those that it has
    started before and waits for them for ever, unless it needs none.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_use_one_thread)


def _use_one_thread() -> None:
    torch.set_num_threads(1)
