"""Whatever a person may pass: strategies for hypothesis, and what may come of it."""

import re
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from stores import Hdf5Like, OtherArray


def trials(n):
    """Settings of a test: the same ``n`` examples in every run, and no file beside it."""
    return settings(
        max_examples=n,
        derandomize=True,
        deadline=None,  # the first example compiles and imports
        database=None,
        # Networks run in every example, and the busiest machine decides how fast.
        suppress_health_check=[HealthCheck.too_slow],
    )


# ---------------------------------------------------------------- numbers

ORDINARY = st.floats(-4, 4, width=16)  # equal in all widths
EXTREME = st.sampled_from([0.0, -0.0, 5e-324, 1e-40, -1e-12, 1e12, -1e30, 1e39, 1e300, -1.7e308])
FINITE = ORDINARY | EXTREME
NOT_FINITE = st.sampled_from([np.nan, np.inf, -np.inf])
NUMBERS = FINITE | NOT_FINITE
ODD = st.sampled_from(
    [
        None,
        True,
        "",
        "a",
        "1.5",
        b"x",
        1 + 2j,
        Decimal("1.5"),
        Fraction(1, 3),
        np.datetime64("2020-01-01"),
        np.float16(0.5),
        np.str_("a"),
        object(),
        object,
        len,
        (),
        [],
        [1.0],
        [[1.0]],
        {},
        {"a": 1},
        {1.0},
        np.zeros(0),
        np.ones(2),
        np.array(1.0),
        np.ones((1, 1)),
    ]
)
CELLS = (
    NUMBERS
    | ODD
    | st.sampled_from(
        [2**70, 10**400, -(10**400), pd.NA, pd.NaT, pd.Series([1.0]), torch.ones(2, 2)]
    )
)
# Values of a parameter, none of which makes a large network or a long run.
PARAMETERS = st.one_of(
    st.sampled_from([-1, 0, 1, 2, 3, 0.5, 1.5, -0.5, 1e300, 5e-324, np.int8(2), np.float32(0.5)]),
    st.booleans(),
    NOT_FINITE,
    ODD,
    st.lists(NOT_FINITE | ODD, max_size=3),
)
DTYPES = st.sampled_from(
    "f2 f4 f8 >f4 >f8 g i1 u1 i4 >i8 u8 ? O c16 U2 S2 M8[s] m8[s] V2 f8,f8".split()
)


def shapes(least=0, most=4):
    """Of arrays with few entries, some without any."""
    return hnp.array_shapes(min_dims=least, max_dims=most, min_side=0, max_side=5)


# ---------------------------------------------------------------- sequences


@st.composite
def ragged(draw, n_features=2, values=ORDINARY):
    """Sequences of 1 to 5 steps each."""
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=6))
    return [draw(hnp.arrays("f8", (length, n_features), elements=values)) for length in lengths]


@st.composite
def even(draw, n_features=2, values=ORDINARY, n_timesteps=None):
    """Array of sequences of one length."""
    shape = draw(st.integers(1, 6)), n_timesteps or draw(st.integers(1, 5)), n_features
    return draw(hnp.arrays("f8", shape, elements=values))


def padded(items, firsts, n_timesteps):
    """Array of the sequences, each from its first step on, with steps of NaN around it."""
    array = np.full((len(items), n_timesteps, items[0].shape[1]), np.nan)
    for row, first, item in zip(array, firsts, items, strict=True):
        row[first : first + len(item)] = item
    return array


def objects(items):
    """1-D array of objects."""
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def every_other(array):
    """A view with gaps of NaN between its entries, along every axis."""
    gaps = np.full([2 * size + 1 for size in array.shape], np.nan, array.dtype)
    view = gaps[tuple(slice(1, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def longest(items):
    return max(map(len, items))


# Containers of the same sequences, of different lengths.
RAGGED = {
    "tuple": tuple,
    "objects": objects,
    "series": pd.Series,
    "lists": lambda items: [item.tolist() for item in items],
    "float16": lambda items: [item.astype("f2") for item in items],
    "big-endian": lambda items: [item.astype(">f4") for item in items],
    "mixed": lambda items: [item.astype("Ofg"[i % 3]) for i, item in enumerate(items)],
    "Fortran": lambda items: [np.asfortranarray(item) for item in items],
    "gaps": lambda items: [every_other(item) for item in items],
    "reversed": lambda items: [item[::-1].copy()[::-1] for item in items],
    "read-only": lambda items: [read_only(item) for item in items],
    "frames": lambda items: [pd.DataFrame(item) for item in items],
    "tensors": lambda items: [torch.tensor(item) for item in items],
    "padded at the end": lambda items: padded(items, [0] * len(items), longest(items) + 1),
    "padded at the start": lambda items: padded(
        items, [longest(items) - len(item) for item in items], longest(items)
    ),
    "padded around": lambda items: padded(items, np.arange(len(items)) % 3, longest(items) + 2),
    "padded list": lambda items: [padded([item], [i % 3], 7)[0] for i, item in enumerate(items)],
    "padded store": lambda items: Hdf5Like(padded(items, [0] * len(items), 5)),
    "other library": lambda items: [OtherArray(item) for item in items],
    "masked": lambda items: np.ma.masked_invalid(padded(items, [0] * len(items), 5)),
}
# Of one length. The functions take and give an array.
ARRAYS = {
    "list": list,
    "lists": np.ndarray.tolist,
    "float16": lambda array: array.astype("f2"),
    "float32": lambda array: array.astype("f4"),
    "long double": lambda array: array.astype("g"),
    "big-endian": lambda array: array.astype(">f8"),
    "objects": lambda array: array.astype(object),
    "Fortran": np.asfortranarray,
    "gaps": every_other,
    "samples last": lambda array: np.moveaxis(np.moveaxis(array, 0, -1).copy(), -1, 0),
    "reversed": lambda array: array[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": read_only,
    "tensor": torch.tensor,
    "store": Hdf5Like,
    "other library": OtherArray,
}
# Of one length and one feature, in rows; or of the given number of steps.
TABLES = ARRAYS | {
    "pandas": lambda table: pd.DataFrame(table, columns=names(table)),
    "pandas objects": lambda table: pd.DataFrame(table, columns=names(table), dtype=object),
    "pandas Float32": lambda table: pd.DataFrame(table, columns=names(table), dtype="Float32"),
    "polars": lambda table: pl.DataFrame(table, schema=names(table)),
}
TABLES.pop("list")  # rows of a list are sequences of their own length


def names(table):
    return [f"c{i}" for i in range(table.shape[1])]


# ---------------------------------------------------------------- nonsense


def _cast(array, dtype):
    """The objects as numbers or text where that can be, otherwise any array of that dtype."""
    if dtype == "O":
        return array
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # NumPy warns of NaN and infinity among integers
        try:
            return array.astype(dtype)
        except (TypeError, ValueError, OverflowError, RuntimeError, np.ma.MaskError):
            return np.zeros(array.shape, dtype)


def arrays(least=0, most=4, values=CELLS):
    """Of any dtype, with anything in it."""
    return st.builds(_cast, hnp.arrays(object, shapes(least, most), elements=values), DTYPES)


def _frames(table):
    kinds = st.sampled_from(["pandas", "category", "string", "Int64", "sparse", "polars"])

    def build(kind):
        if table.ndim != 2 or table.dtype.kind not in "fiub" or table.dtype.itemsize > 8:
            return pd.Series(list(table)) if table.ndim else pd.DataFrame()
        if kind == "polars":
            return pl.DataFrame(table.astype("f8"))
        if kind == "sparse":
            return scipy.sparse.csr_array(table.astype("f8"))
        frame = pd.DataFrame(table.astype("f8"))
        if kind == "Int64":
            return frame.replace([np.inf, -np.inf], 0.0).round(0).clip(-9, 9).astype("Int64")
        return frame if kind == "pandas" else frame.astype(kind)

    return kinds.map(build)


def anything():
    """An array, a frame, a list of lists, or nothing of the kind."""
    table = arrays(2, 2, NUMBERS)
    return st.one_of(
        arrays(3, 3, NUMBERS),
        table,
        arrays(),
        table.flatmap(_frames),
        st.lists(arrays(0, 3, NUMBERS) | ODD, max_size=5),
        st.lists(arrays(1, 2, NUMBERS), max_size=5).map(objects),
        st.lists(CELLS | st.lists(CELLS | st.lists(CELLS, max_size=3), max_size=4), max_size=4),
        arrays(2, 3, NUMBERS).filter(of_torch).map(lambda a: np.ma.masked_greater(a, 1)),
        arrays(1, 3, NUMBERS).filter(of_torch).map(torch.from_numpy),
        ODD,
    )


def of_torch(array):
    return array.dtype.isnative and array.dtype.kind in "fi" and array.dtype.itemsize <= 8


# ---------------------------------------------------------------- what may come

REFUSED = object()


def attempt(call, *args, says="", raises=("ValueError", "TypeError"), **kwargs):
    """What ``call`` returns, or ``REFUSED`` where it raised an error for a person to read.

    That is one of those named in ``raises``, of the library or of scikit-learn's checks, whose
    message matches ``says``. Any other error goes on, and so does a warning that is no part of
    scikit-learn's manners.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X (has|does not have valid) feature names")
        warnings.filterwarnings("ignore", "A column-vector y was passed")
        try:
            return call(*args, **kwargs)
        except Exception as error:
            if not {kind.__name__ for kind in type(error).__mro__} & {*raises}:
                raise
            where = raised_in(error)
            assert where.startswith(("sklstm.", "sklearn.utils.")), f"{where} refused: {error}"
            assert re.search(says, str(error)), f"does not say {says!r}: {error}"
            return REFUSED


def raised_in(error):
    """Name of the module whose code raised an error."""
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_globals["__name__"]


def is_refused(answer):
    return answer is REFUSED
