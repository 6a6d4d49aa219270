"""What transformers to sequences share."""

from typing import Any

from sklearn.base import BaseEstimator, TransformerMixin


class SequenceTransformer(TransformerMixin, BaseEstimator):
    """A transformer whose output is sequences, which no DataFrame can hold."""

    _doc_link_module = "sklstm"
    _doc_link_template = "#"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # Or scikit-learn would make a DataFrame of the output where its configuration says so.
        super().__init_subclass__(auto_wrap_output_keys=None, **kwargs)

    def set_output(self, *, transform: str | None = None) -> "SequenceTransformer":
        """Accepted, so that a whole Pipeline can be configured; sequences stay sequences.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, optional

        Returns
        -------
        self
        """
        return self
