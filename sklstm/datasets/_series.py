"""Loaders of series: one table each, a row per time step."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import Bunch

from ._reader import check_flag, read_arrays, read_descr

if TYPE_CHECKING:
    import pandas as pd


def load_nyc_weather(*, as_frame: bool = False) -> Bunch:
    """Load the hourly weather at JFK airport, New York, in 2013.

    ==================  ==============================================
    Rows                8730, hourly, 2013-01-01 01:00 – 2013-12-30 18:00
    Columns             9
    Missing values      in 7331 rows, of which 25 are missing whole
    ==================  ==============================================

    Parameters
    ----------
    as_frame : bool, default=False
        If True, ``data`` is a pandas DataFrame, indexed by time.

    Returns
    -------
    data : Bunch
        With the attributes:

        data : ndarray of shape (8730, 9), float32, or DataFrame
            ``temp`` and ``dewp``, temperature and dew point in °F; ``humid``,
            relative humidity in %; ``wind_dir`` in degrees; ``wind_speed`` and
            ``wind_gust`` in miles per hour; ``precip``, precipitation in
            inches; ``pressure``, at sea level, in millibars; ``visib``,
            visibility in miles. Missing cells are NaN.
        feature_names : list of 9 str
            The names of the columns.
        timestamps : ndarray of shape (8730,), datetime64[h]
            The hours, without a time zone; their daily cycle is that of the
            clock in New York.
        split : tuple of 3 int
            The rows at which the training, the validation and the test part
            end: ``(6111, 6984, 8730)``.
        frame : DataFrame of shape (8730, 9) or None
            The same DataFrame as ``data`` if ``as_frame=True``.
        DESCR : str
            The full description of the data set.

    Raises
    ------
    ValueError
        If ``as_frame`` is not a boolean.
    ImportError
        If ``as_frame=True`` and pandas is not installed.

    Notes
    -----
    An hour without any measurement is a row of NaN, so the rows are equally
    spaced. ``wind_gust`` is missing in 7223 rows: drop it before you impute.
    The temperature of 2013-05-08 22:00, 13.1 °F between 57.0 and 57.2, is
    kept as recorded.

    Source: the table ``weather`` of the R package nycflights13 (station JFK),
    observations of NOAA. Licence: CC0.

    References
    ----------
    .. [1] Hadley Wickham. nycflights13: Flights that Departed NYC in 2013. R
       package. https://github.com/tidyverse/nycflights13

    Examples
    --------
    >>> from sklstm.datasets import load_nyc_weather
    >>> weather = load_nyc_weather(as_frame=True)
    >>> frame = weather.frame.drop(columns="wind_gust").ffill().dropna()
    >>> frame.shape
    (8730, 8)
    >>> train_end, validation_end, end = weather.split
    >>> len(frame.iloc[:train_end])
    6111
    """
    return _load("load_nyc_weather", "NYCWeatherJFK", "%Y-%m-%d %H:%M:%S", "h", as_frame)


def load_el_nino(*, as_frame: bool = False) -> Bunch:
    """Load the monthly sea-surface temperature of El Niño, 1950 – 2010.

    The mean over the Pacific Ocean between 0° and 10° south and 90° and 80°
    west, the region called Niño 1+2.

    ==================  ==================================
    Rows                732, monthly, 1950-01 – 2010-12
    Columns             1
    Missing values      none
    ==================  ==================================

    Parameters
    ----------
    as_frame : bool, default=False
        If True, ``data`` is a pandas DataFrame, indexed by time.

    Returns
    -------
    data : Bunch
        With the attributes:

        data : ndarray of shape (732, 1), float32, or DataFrame
            ``sst``, the mean sea-surface temperature of the month in °C.
        feature_names : list of 1 str
            The name of the column.
        timestamps : ndarray of shape (732,), datetime64[M]
            The months.
        split : tuple of 3 int
            The rows at which the training, the validation and the test part
            end: ``(512, 585, 732)``.
        frame : DataFrame of shape (732, 1) or None
            The same DataFrame as ``data`` if ``as_frame=True``; its index is
            the first day of each month.
        DESCR : str
            The full description of the data set.

    Raises
    ------
    ValueError
        If ``as_frame`` is not a boolean.
    ImportError
        If ``as_frame=True`` and pandas is not installed.

    Notes
    -----
    Source: NOAA, National Weather Service, Climate Prediction Center.
    Licence: public domain.

    References
    ----------
    .. [1] NOAA Climate Prediction Center. Monthly atmospheric and sea-surface
       temperature indices. https://www.cpc.ncep.noaa.gov/data/indices/

    Examples
    --------
    >>> from sklstm.datasets import load_el_nino
    >>> sea = load_el_nino()
    >>> sea.data.shape
    (732, 1)
    >>> print(sea.timestamps[0], sea.timestamps[-1])
    1950-01 2010-12
    """
    return _load("load_el_nino", "ElNinoSST", "%Y-%m", "M", as_frame)


def load_mauna_loa_co2(*, as_frame: bool = False) -> Bunch:
    """Load the weekly CO2 concentration at Mauna Loa, Hawaii, 1958 – 2001.

    ==================  ============================================
    Rows                2284, weekly, 1958-03-29 – 2001-12-29
    Columns             1
    Missing values      59 weeks, all of them in the training part
    ==================  ============================================

    Parameters
    ----------
    as_frame : bool, default=False
        If True, ``data`` is a pandas DataFrame, indexed by time.

    Returns
    -------
    data : Bunch
        With the attributes:

        data : ndarray of shape (2284, 1), float32, or DataFrame
            ``co2``, the concentration of CO2 in the air in ppmv (parts per
            million by volume). Missing weeks are NaN.
        feature_names : list of 1 str
            The name of the column.
        timestamps : ndarray of shape (2284,), datetime64[D]
            The weeks; all dates are Saturdays.
        split : tuple of 3 int
            The rows at which the training, the validation and the test part
            end: ``(1598, 1827, 2284)``.
        frame : DataFrame of shape (2284, 1) or None
            The same DataFrame as ``data`` if ``as_frame=True``.
        DESCR : str
            The full description of the data set.

    Raises
    ------
    ValueError
        If ``as_frame`` is not a boolean.
    ImportError
        If ``as_frame=True`` and pandas is not installed.

    Notes
    -----
    A week without a measurement is a row of NaN, so the rows are equally
    spaced. The longest gap is 18 weeks, in 1964.

    Source: C. D. Keeling and T. P. Whorf, Scripps Institution of
    Oceanography. Licence: public domain.

    References
    ----------
    .. [1] C. D. Keeling and T. P. Whorf (2004). Atmospheric CO2 concentrations
       derived from flask air samples at sites in the SIO network. In Trends: A
       Compendium of Data on Global Change. Carbon Dioxide Information Analysis
       Center, Oak Ridge National Laboratory, U.S. Department of Energy.

    Examples
    --------
    >>> from sklstm.datasets import load_mauna_loa_co2
    >>> air = load_mauna_loa_co2()
    >>> air.data.shape
    (2284, 1)
    >>> print(air.timestamps[0], air.timestamps[-1])
    1958-03-29 2001-12-29
    """
    return _load("load_mauna_loa_co2", "MaunaLoaCO2", "%Y%m%d", "D", as_frame)


def load_sunspots(*, as_frame: bool = False) -> Bunch:
    """Load the yearly sunspot activity, 1700 – 2008.

    ==================  ==============================
    Rows                309, yearly, 1700 – 2008
    Columns             1
    Missing values      none
    ==================  ==============================

    Parameters
    ----------
    as_frame : bool, default=False
        If True, ``data`` is a pandas DataFrame, indexed by time.

    Returns
    -------
    data : Bunch
        With the attributes:

        data : ndarray of shape (309, 1), float32, or DataFrame
            ``SUNACTIVITY``, the mean sunspot number of the year, a count
            without a unit.
        feature_names : list of 1 str
            The name of the column.
        timestamps : ndarray of shape (309,), datetime64[Y]
            The years.
        split : tuple of 3 int
            The rows at which the training, the validation and the test part
            end: ``(216, 247, 309)``.
        frame : DataFrame of shape (309, 1) or None
            The same DataFrame as ``data`` if ``as_frame=True``; its index is
            the first of January of each year.
        DESCR : str
            The full description of the data set.

    Raises
    ------
    ValueError
        If ``as_frame`` is not a boolean.
    ImportError
        If ``as_frame=True`` and pandas is not installed.

    Notes
    -----
    The numbers are those in use before the revision of the sunspot number in
    2015; do not append later values to them.

    Source: NOAA, National Geophysical Data Center. Licence: public domain.

    References
    ----------
    .. [1] NOAA National Geophysical Data Center. Sunspot numbers.
       https://www.ngdc.noaa.gov/stp/solar/solarda3.html

    Examples
    --------
    >>> from sklstm.datasets import load_sunspots
    >>> sun = load_sunspots()
    >>> sun.data.shape
    (309, 1)
    >>> print(sun.timestamps[0], sun.timestamps[-1])
    1700 2008
    """
    return _load("load_sunspots", "YearlySunspots", "%Y", "Y", as_frame)


def load_seattle_weather(*, as_frame: bool = False) -> Bunch:
    """Load the daily weather of Seattle, 2012 – 2015.

    ==================  ========================================
    Rows                1461, daily, 2012-01-01 – 2015-12-31
    Columns             4
    Missing values      none
    ==================  ========================================

    Parameters
    ----------
    as_frame : bool, default=False
        If True, ``data`` is a pandas DataFrame, indexed by time.

    Returns
    -------
    data : Bunch
        With the attributes:

        data : ndarray of shape (1461, 4), float32, or DataFrame
            ``precipitation`` in mm; ``temp_max`` and ``temp_min``, the highest
            and the lowest temperature of the day in °C; ``wind``, the mean
            wind speed in m/s.
        feature_names : list of 4 str
            The names of the columns.
        timestamps : ndarray of shape (1461,), datetime64[D]
            The days.
        split : tuple of 3 int
            The rows at which the training, the validation and the test part
            end: ``(1022, 1168, 1461)``.
        frame : DataFrame of shape (1461, 4) or None
            The same DataFrame as ``data`` if ``as_frame=True``.
        DESCR : str
            The full description of the data set.

    Raises
    ------
    ValueError
        If ``as_frame`` is not a boolean.
    ImportError
        If ``as_frame=True`` and pandas is not installed.

    Notes
    -----
    Source: NOAA; the numeric columns of ``seattle-weather.csv`` of
    vega-datasets. Licence: public domain.

    References
    ----------
    .. [1] Vega project. vega-datasets.
       https://github.com/vega/vega-datasets

    Examples
    --------
    >>> from sklstm.datasets import load_seattle_weather
    >>> weather = load_seattle_weather()
    >>> weather.data.shape
    (1461, 4)
    >>> weather.feature_names
    ['precipitation', 'temp_max', 'temp_min', 'wind']
    """
    return _load("load_seattle_weather", "SeattleWeatherDaily", "%Y/%m/%d", "D", as_frame)


def _load(loader: str, name: str, time_format: str, time_unit: str, as_frame: bool) -> Bunch:
    """Read ``data/<name>.npz``, whose time stamps are text in ``time_format``."""
    check_flag(loader, "as_frame", as_frame)
    arrays = read_arrays(name)
    data, feature_names = arrays["series"], arrays["columns"].tolist()
    moments = [datetime.strptime(text, time_format) for text in arrays["timestamps"]]
    timestamps = np.array(moments, dtype="datetime64[s]").astype(f"datetime64[{time_unit}]")
    frame = _to_frame(loader, data, feature_names, timestamps) if as_frame else None
    return Bunch(
        data=frame if as_frame else data,
        feature_names=feature_names,
        timestamps=timestamps,
        split=tuple(arrays["split"].tolist()),
        frame=frame,
        DESCR=read_descr(name),
    )


def _to_frame(
    loader: str, data: np.ndarray, columns: list[str], timestamps: np.ndarray
) -> pd.DataFrame:
    """Put the columns into a DataFrame indexed by time."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            f"{loader} with as_frame=True requires pandas. Install pandas or use as_frame=False."
        ) from error
    return pd.DataFrame(data, index=pd.DatetimeIndex(timestamps, name="time"), columns=columns)
