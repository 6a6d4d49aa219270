"""Small real data sets, embedded in the package and read without a network.

Every loader returns a :class:`sklearn.utils.Bunch`; its ``DESCR`` states the
source, the licence, the columns with their units and the missing values.
"""

from ._panels import load_japanese_vowels
from ._series import (
    load_el_nino,
    load_mauna_loa_co2,
    load_nyc_weather,
    load_seattle_weather,
    load_sunspots,
)

__all__ = [
    "load_el_nino",
    "load_japanese_vowels",
    "load_mauna_loa_co2",
    "load_nyc_weather",
    "load_seattle_weather",
    "load_sunspots",
]
