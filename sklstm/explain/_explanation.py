"""The record that explanations come in."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._utils._files import in_full
from . import _exports, _fields, _names, _storage, _views

FloatArray = NDArray[np.float64]

_ARRAYS = (
    "values",
    "base_values",
    "output_values",
    "data",
    "lengths",
    "standard_error",
    "table_rows",
    "local_fidelity",
)
# Not of rows.
_OF_ALL_ROWS = ("player_of_cell",)
_TEXTS = ("response_method", "level", "method")
_NAMES = ("feature_names", "output_names", "player_names", "n_timesteps", "derivation")


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Explanation:
    """Additive explanation of the outputs of a model, one row of X at a time.

    Of every row and output, ``base_values`` plus the sum of ``values`` is ``output_values``, up to
    ``additivity_gap``. The players that share the difference are the cells of X (a time step of a
    feature, or a column of a table), the features, the time steps, or groups. Made by the
    functions of this module; the arrays are read-only and of float64.

    Below, ``out`` is the shape of the output of one row: ``()``, ``(k,)``,
    ``(n_outputs, n_quantiles)``, or ``(n_timesteps, ...)`` for sequence outputs.

    Parameters
    ----------
    values : array of shape (n, n_timesteps, n_features) + out or (n, n_players) + out
        What each player adds to the output, in units of the output; slopes are per unit of X.
        Cells of sequences have two axes; columns of a table, features, time steps and groups have
        one. Exactly 0 at padding.
    base_values : array of shape (n,) + out
        Expected output over the background of each row. NaN throughout where the values are
        relative to nothing, as slopes and absolute values are.
    output_values : array of shape (n,) + out
        Output of the model, as ``response_method`` gives it. NaN at the time steps of a sequence
        output that a shorter sequence does not reach.
    data : array of shape (n, n_timesteps, n_features) or (n, n_columns)
        The explained X at every level, NaN at padding.
    feature_names : sequence of str
        Names of the last axis of ``data``: the features, or the columns of a table.
    response_method : str
        The method of the model whose output is explained.
    level : {"cell", "feature", "timestep", "group"}
        What the players are.
    method : str
        The algorithm that gave the values.
    lengths : int array of shape (n,), optional
        Number of real time steps of each row; None where every row has all.
    standard_error : array of the shape of values, optional
        Of sampled values; None where the method is deterministic, or the error not known.
    output_names : sequence, optional
        Names of the outputs; where ``out`` has several axes, one sequence or None for each.
    player_names : sequence of str, optional
        Names of the players, in the order of the flattened players. None names them after the
        features and the time steps, which needs other levels than "group".
    n_timesteps : int, optional
        Number of time steps that the columns of a table are made of, time step by time step.
        None leaves the columns as they are.
    derivation : sequence of str, default=()
        Which rows stand for a large background; and what was done to the values that the method
        returned: sums, absolute values, means.
    table_rows : int array of shape (n, n_timesteps), optional
        Of windows of a table, the row of X at each time step; -1 at padding and for rows that
        are not in X.
    local_fidelity : array of shape (n,) + out, optional
        Weighted R² of a local model, such as that of LIME.
    player_of_cell : int array of the shape of one row's data, optional
        Of groups, the number of the player that each cell belongs to.

    Raises
    ------
    ValueError
        Where a field is not as described, or two do not agree; the message names them.

    Attributes
    ----------
    additivity_gap : array of shape (n,) + out
        Absolute difference between ``base_values`` plus the sum of ``values`` and
        ``output_values``, in units of the output.
    n_players : int
        Number of players; cells of sequences count one by one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> X = np.random.default_rng(0).normal(size=(60, 6, 3))
    >>> model = LSTMRegressor(hidden_size=8, max_epochs=5, random_state=0).fit(X, X[:, 4, 1])
    >>> explanation = model.explain_shap(X[:5], background=X[5:])
    >>> explanation.by("feature").values.shape
    (5, 3)
    >>> explanation.by("timestep").abs().mean().values.shape
    (1, 6)
    >>> explanation[2].to_shap().values.shape
    (1, 18)
    >>> explanation.n_players, explanation.sum().values.shape
    (18, (1, 6, 3))
    >>> explanation.to_frame().columns.tolist()
    ['sample', 'timestep', 'feature', 'value', 'data']
    >>> explanation.plot(row=2)
    <sklstm.plot._attribution.AttributionDisplay object at ...>

    One of several outputs, and a file:

    >>> model.fit(X, X[:, 4, :2])
    LSTMRegressor(...)
    >>> second = model.explain_shap(X[:5], background=X[5:]).output(1)
    >>> second.values.shape
    (5, 6, 3)
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklstm.explain import Explanation
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "second.npz"
    ...     second.save(path)
    ...     bool((Explanation.load(path).values == second.values).all())
    True
    """

    values: FloatArray
    base_values: FloatArray
    output_values: FloatArray
    data: FloatArray
    feature_names: Sequence[str]
    response_method: str
    level: str
    method: str
    lengths: NDArray[np.int64] | None = None
    standard_error: FloatArray | None = None
    output_names: Sequence[Any] | None = None
    player_names: Sequence[str] | None = None
    n_timesteps: int | None = None
    derivation: Sequence[str] = ()
    table_rows: NDArray[np.int64] | None = None
    local_fidelity: FloatArray | None = None
    player_of_cell: NDArray[np.int64] | None = None
    additivity_gap: FloatArray = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        for name in (*_ARRAYS, *_OF_ALL_ROWS):
            value, needed = getattr(self, name), name in _ARRAYS[:4]
            if value is not None or needed:
                self._set(name, _fields.read_array(name, value, name in _storage.INTEGERS))
        for name in _TEXTS:
            _fields.check_text(name, getattr(self, name))
        for name in ("feature_names", "derivation"):
            self._set(name, _fields.read_names(name, getattr(self, name)))
        _names.check_columns(self)
        if self.n_timesteps is not None:
            self._set("n_timesteps", int(self.n_timesteps))
        if self.data.ndim == 3:
            self._set("n_timesteps", self.data.shape[1])
        names = self.player_names
        if names is None:
            names = _names.names_of_players(self)
        self._set("player_names", _fields.read_names("player_names", names))
        self._set("output_names", _names.names_of_outputs(self.output_names, self._out))
        _names.check_shapes(self)
        _names.check_cells(self)
        _names.check_numbers(self)
        if self.lengths is not None and not _names.check_padding(self):
            self._set("lengths", None)
        with np.errstate(over="ignore"):  # of what is too large, the gap is
            total = self.values.reshape(len(self), self.n_players, *self._out).sum(axis=1)
            gap = np.abs(self.base_values + total - self.output_values)
        self._set("additivity_gap", gap)
        self._freeze()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _freeze(self) -> None:
        for name in (*_ARRAYS, *_OF_ALL_ROWS, "additivity_gap"):
            if getattr(self, name) is not None:
                getattr(self, name).flags.writeable = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({"player_of_cell": None} | state)  # pickles from before had none
        self._freeze()  # copies and pickles of arrays are writeable

    def _replace(self, done: str | None = None, **changes: Any) -> "Explanation":
        if done is not None:
            changes["derivation"] = (*self.derivation, done)
        return dataclasses.replace(self, **changes)

    @property
    def _out(self) -> tuple[int, ...]:
        return self.output_values.shape[1:]

    @property
    def n_players(self) -> int:
        """Number of players; cells of sequences count one by one."""
        return len(self.player_names or ())

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return _exports.describe(self)

    def __getitem__(self, rows: Any) -> "Explanation":
        """Some of the rows, as an Explanation; a single row keeps its axis, of length 1.

        Parameters
        ----------
        rows : int, slice, array of int, or boolean mask of shape (n,)
        """
        numbers = np.arange(len(self))[rows] if not isinstance(rows, tuple) else np.empty((0, 0))
        if np.ndim(numbers) > 1:
            raise IndexError(
                f"An Explanation is indexed by rows only. Got {rows!r}. Use output() for an output."
            )
        numbers = np.atleast_1d(numbers)
        arrays: dict[str, Any] = {name: getattr(self, name) for name in _ARRAYS}
        return self._replace(**{k: v if v is None else v[numbers] for k, v in arrays.items()})

    def output(self, *which: int | str) -> "Explanation":
        """Explanation of one output.

        Parameters
        ----------
        *which : int or str
            Position of the output, or its name: "3" is the class 3, and 3 is the fourth class.
            Where the output has several axes, one for each, in their order; axes that are left
            out at the end are kept.

        Returns
        -------
        Explanation
            Of one output, whose values have no axis for it.

        Raises
        ------
        ValueError
            If there is no such output.
        """
        return self._replace(**_views.one_output(self, which))

    def by(self, players: str | int | Mapping[str, Any]) -> "Explanation":
        """Sum the cells by feature, time step, windows of time, groups, or rows of a table.

        All views have the same total. The sum of a feature's cells is not the Shapley value of
        the feature: explain with ``level="feature"`` for the game in which it is one player.

        Parameters
        ----------
        players : {"feature", "timestep", "window", "table"}, int or mapping
            What the new players are, as ``level`` of ``explain_shap``: "window" makes ten windows
            of the time steps, an int windows of so many steps; a mapping from names holds, for
            each, features (of a table columns) by name or position, slices of time steps, or
            pairs ``(slice, feature)``. "table" is for windows of a table, behind a
            SlidingWindow: what a cell of the table adds to the outputs of all rows together,
            summed over the explained windows that contain it. Its values have shape
            (n, n_columns) + out, a row for each row of the table that was explained. They add up
            to no row's output: ``base_values`` and ``additivity_gap`` are NaN.

        Returns
        -------
        Explanation
            Its ``standard_error`` is None: the errors of the cells are not independent, so that
            of their sum is not known. The explanation itself where the level is its own.

        Raises
        ------
        ValueError
            If the explanation is not of cells, the groups do not cover the features, or the
            columns of a table are not known to be time steps of several features; for "table",
            if X was no table in front of a SlidingWindow.
        """
        if isinstance(players, str) and players == "table":
            done = "windows summed by row of the table"
            return self._replace(done, **_views.sums_over_windows(self))
        if isinstance(players, str) and players == self.level:
            return self
        if self.level != "cell":
            raise ValueError(
                f"This explanation is of {self.level}s, whose cells are not known. Explain at "
                "level='cell' to sum by other players."
            )
        sums = _views.sums_of_cells(self, players)
        return self._replace(f"cells summed by {sums['level']}", standard_error=None, **sums)

    def abs(self) -> "Explanation":
        """Absolute values.

        They add up to nothing: ``base_values`` and ``additivity_gap`` are NaN.

        Returns
        -------
        Explanation
            Of the same shape, without standard error.
        """
        return self._replace(
            "absolute values",
            values=np.abs(self.values),
            base_values=np.full_like(self.base_values, np.nan),
            standard_error=None,
            local_fidelity=None,
        )

    def mean(self) -> "Explanation":
        """Mean over the rows; ``abs().mean()`` is the global importance of the players.

        A time step that a short sequence does not reach counts as 0 in it. An output that does
        not exist (NaN) is left out of the mean.

        Returns
        -------
        Explanation
            Of one row, without standard error, whose data are the mean of the real data.

        Raises
        ------
        ValueError
            If there are no rows.
        """
        return self._replace(f"mean of {len(self)} rows", **_views.over_rows(self, "mean"))

    def sum(self) -> "Explanation":
        """Sum over the rows, of values, base values and outputs alike.

        Returns
        -------
        Explanation
            Of one row, without standard error, whose data are the mean of the real data.

        Raises
        ------
        ValueError
            If there are no rows.
        """
        return self._replace(f"sum of {len(self)} rows", **_views.over_rows(self, "sum"))

    def to_frame(self) -> Any:
        """Tidy table with one line for every row, player and output.

        Returns
        -------
        pandas.DataFrame
            Columns ``sample`` (position of the row), ``timestep`` (position) and ``feature``
            (name), or ``group``, ``output`` (name or position; ``output_0``, ... where it has
            several axes; none for a single output), ``value``, ``data`` as in :meth:`to_shap`
            and ``standard_error``, the last two where there are any. Columns of a table are its
            features. Padding is left out, and so are outputs that do not exist (NaN).

        Raises
        ------
        ImportError
            Without pandas.
        """
        return _exports.to_frame(self)

    def to_shap(self) -> Any:
        """The same explanation as a ``shap.Explanation``, for the plots of shap.

        Returns
        -------
        shap.Explanation
            Players flattened, values of shape ``(n, n_players) + out``. The plots of shap take
            one output: choose it before with :meth:`output`, or after by ``[..., k]``. Cells of
            sequences are named ``feature[t]``. ``data`` of a feature is its mean over the real
            time steps; of a time step, its value, or the mean over its features where there are
            several; of padding, NaN. Groups have no ``data``, which is None, so that the scatter
            plot has nothing to draw their values against.
        """
        return _exports.to_shap(self)

    def plot(self, row: int | None = None, *, output: Any = None, ax: Any = None) -> Any:
        """Draw one row, or the importance of the players over all rows.

        Parameters
        ----------
        row : int, optional
            Which one. None draws a single row, and of several rows their mean absolute values.
        output : int, str or tuple, optional
            As in :meth:`output`. None is, of one row, the predicted class, the last time step of
            outputs per step, the middle quantile, or the first output; of several rows the mean
            over all outputs.
        ax : Axes or array of Axes, optional
            Where to draw; None makes a figure.

        Returns
        -------
        AttributionDisplay or ImportanceDisplay
            Of `sklstm.plot`, which draw more kinds of pictures.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        from ..plot import AttributionDisplay, ImportanceDisplay

        if row is None and (len(self) != 1 or "absolute values" in self.derivation):
            return ImportanceDisplay.from_explanation(self, output=output, ax=ax)
        return AttributionDisplay.from_explanation(self, row or 0, output=output, ax=ax)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to one file, in NumPy's npz format without pickle.

        The file appears under its name only when it is complete.

        Parameters
        ----------
        path : str or path-like
            Written as it is, without adding a suffix. A leading ``~`` is your home folder.

        Raises
        ------
        TypeError
            Where ``path`` is no path.
        """
        arrays: dict[str, Any] = {name: getattr(self, name) for name in (*_ARRAYS, *_OF_ALL_ROWS)}
        _storage.write(
            path,
            {name: array for name, array in arrays.items() if array is not None},
            {name: getattr(self, name) for name in (*_TEXTS, *_NAMES)},
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Explanation":
        """Read what :meth:`save` wrote, number for number.

        Safe on files of unknown origin: nothing in them is executed.

        Parameters
        ----------
        path : str or path-like
            The file; a leading ``~`` is your home folder.

        Returns
        -------
        Explanation

        Raises
        ------
        ValueError
            If the file is not a saved Explanation.
        TypeError
            Where ``path`` is no path.
        """
        with open(in_full(path), "rb") as file:
            # Whatever goes wrong inside an unknown file means the same: it is not one of ours.
            try:
                fields = _storage.read(file)
                if not all(isinstance(fields.get(name), str) for name in _TEXTS):
                    raise ValueError(f"{', '.join(_TEXTS)} must be texts")
                return cls(**fields)
            except Exception as error:
                raise ValueError(
                    f"{os.fspath(path)!r} is not a saved Explanation: {error}"
                ) from error
