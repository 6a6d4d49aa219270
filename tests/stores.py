"""Arrays that are read by their rows, as HDF5 and zarr give them."""

import numpy as np


class Hdf5Like:
    """Reads slices and increasing row numbers of an array, and never the whole."""

    __iter__ = None

    def __init__(self, values):
        self._values = values
        self.shape, self.dtype, self.ndim = values.shape, values.dtype, values.ndim
        self.most_rows = 0

    def __getitem__(self, rows):
        if isinstance(rows, slice):
            assert rows.step is None
        else:
            assert np.ndim(rows) == 1
            assert (np.diff(rows) > 0).all()
        part = self._values[rows].copy()
        self.most_rows = max(self.most_rows, len(part))
        return part

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("was read whole")


class ZarrLike(Hdf5Like):
    """Takes row numbers through ``oindex`` alone."""

    def __init__(self, values):
        super().__init__(values)
        self.oindex = Hdf5Like(values)

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        return super().__getitem__(rows)


STORES = {"HDF5": Hdf5Like, "zarr": ZarrLike}


class OtherArray:
    """Of another library, as those of JAX and xarray: its parts are such too, and nothing is set.

    Only ``__array__`` makes an array of NumPy of it.
    """

    def __init__(self, array):
        self._array = array
        self.shape, self.ndim, self.dtype = array.shape, array.ndim, array.dtype

    def __len__(self):
        return len(self._array)

    def __getitem__(self, index):
        return OtherArray(np.asarray(self._array[index]))

    def __array__(self, dtype=None, copy=None):
        array = np.array(self._array, dtype=dtype)
        array.flags.writeable = False
        return array
