"""The learning rate over one call of ``fit``."""

import math
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

SCHEDULES = ("constant", "one_cycle", "cosine", "plateau")
# Share of one_cycle's steps in which the rate climbs, and the share of the rate it begins at.
WARM_UP, FIRST_RATE = 0.3, 0.04


class Schedule:
    """A learning rate that stays as it is; the subclasses say when they change it."""

    def end_batch(self) -> None:
        """After each step of the optimizer."""

    def end_epoch(self, row: dict[str, Any]) -> None:
        """After each epoch, with its row of the history."""

    def state_dict(self) -> dict[str, Any]:
        """What a schedule of the same kind needs to go on from here."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict`` was called; the optimizer's rates have been put back."""


class StepSchedule(Schedule):
    """A share of the learning rate that is a function of the progress, from 0 to 1."""

    def __init__(self, optimizer: Optimizer, name: str, n_steps: int) -> None:
        self.optimizer = optimizer
        self.share = {"one_cycle": one_cycle, "cosine": cosine}[name]
        self.n_steps = n_steps
        self.step = -1
        self.rates = [group["lr"] for group in optimizer.param_groups]
        self.end_batch()

    def end_batch(self) -> None:
        """Set the rate of the next step, until a callback has set one of its own."""
        groups = self.optimizer.param_groups
        if [group["lr"] for group in groups] != self.rates:
            return
        self.step += 1
        share = self.share(min(1.0, self.step / self.n_steps))
        self.rates = [group["initial_lr"] * share for group in groups]
        for group, rate in zip(groups, self.rates, strict=True):
            group["lr"] = rate

    def state_dict(self) -> dict[str, Any]:
        """Number of the step and the rates that were set for it."""
        return {"step": self.step, "rates": self.rates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from that step."""
        self.step, self.rates = state["step"], state["rates"]


class PlateauSchedule(Schedule):
    """A rate that falls to a tenth when the loss has not improved for ``patience`` epochs."""

    def __init__(self, optimizer: Optimizer, patience: int) -> None:
        # torch waits for one epoch more than its patience.
        patience = max(0, patience - 1)
        self.scheduler = ReduceLROnPlateau(optimizer, patience=patience, threshold=0.0)

    def end_epoch(self, row: dict[str, Any]) -> None:
        """Look at the validation loss, or the training loss where there is none."""
        self.scheduler.step(row["valid_loss"] if "valid_loss" in row else row["train_loss"])

    def state_dict(self) -> dict[str, Any]:
        """Best loss and how long ago it was."""
        return self.scheduler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on waiting for a better loss."""
        self.scheduler.load_state_dict(state)


def make_schedule(optimizer: Optimizer, name: str, n_steps: int, patience: int) -> Schedule:
    """The schedule of an optimizer whose groups hold their ``initial_lr``.

    Parameters
    ----------
    optimizer : torch optimizer
    name : {"constant", "one_cycle", "cosine", "plateau"}
    n_steps : int
        Steps of the optimizer in all.
    patience : int
        Of "plateau".
    """
    if name == "constant":
        return Schedule()
    if name == "plateau":
        return PlateauSchedule(optimizer, patience)
    return StepSchedule(optimizer, name, n_steps)


def cosine(progress: float) -> float:
    """From 1 to 0 along half a wave (Loshchilov & Hutter, ICLR 2017, without restarts)."""
    return (1 + math.cos(math.pi * progress)) / 2


def one_cycle(progress: float) -> float:
    """Up to 1, then down to 0, along half waves (Smith & Topin, 2019)."""
    if progress < WARM_UP:
        return FIRST_RATE + (1 - FIRST_RATE) * (1 - cosine(progress / WARM_UP))
    return cosine((progress - WARM_UP) / (1 - WARM_UP))
