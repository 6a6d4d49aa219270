"""Small real data sets, and generated ones whose explanation is known; no network needed.

Every function returns a :class:`sklearn.utils.Bunch`. The ``load_*`` functions read data that is
embedded in the package; their ``DESCR`` states the source, the licence, the columns with their
units and the missing values. The ``make_*`` functions draw samples and return, beside them, what
decides their class.
"""

from ._expression import make_expression_profiles
from ._motifs import make_motif_sequences
from ._panels import load_japanese_vowels
from ._sentiment import make_sentiment
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
    "make_expression_profiles",
    "make_motif_sequences",
    "make_sentiment",
]
