"""How a range is estimated from the samples: a statistic of each sample, and an aggregate over the samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class StatisticsType(StrEnum):
    """What is taken from one sample. RAW (all values) goes with AggregatorType.HISTOGRAM only."""

    MAX = "max"
    MIN = "min"
    ABS_MAX = "abs_max"
    QUANTILE = "quantile"
    ABS_QUANTILE = "abs_quantile"
    MEAN = "mean"
    RAW = "raw"


class AggregatorType(StrEnum):
    """How the samples' statistics become one number. HISTOGRAM searches the range with the smallest error."""

    MEAN = "mean"
    MAX = "max"
    MIN = "min"
    MEDIAN = "median"
    MEAN_NO_OUTLIERS = "mean_no_outliers"
    MEDIAN_NO_OUTLIERS = "median_no_outliers"
    HISTOGRAM = "histogram"


@dataclass
class StatisticsCollectorParameters:
    """One end of a range. None leaves the choice to the recipe.

    clipping_value: the range is clipped to [-clipping_value, clipping_value].
    quantile_outlier_prob: share of the values of a sample beyond the quantile; for (ABS_)QUANTILE.
    """

    statistics_type: StatisticsType | None = None
    aggregator_type: AggregatorType | None = None
    clipping_value: float | None = None
    quantile_outlier_prob: float = 1e-4


@dataclass
class RangeEstimatorParameters:
    """Both ends of a range."""

    min: StatisticsCollectorParameters = field(default_factory=StatisticsCollectorParameters)
    max: StatisticsCollectorParameters = field(default_factory=StatisticsCollectorParameters)


def _both(
    low: StatisticsType, high: StatisticsType, low_over: AggregatorType, high_over: AggregatorType
):
    return RangeEstimatorParameters(
        min=StatisticsCollectorParameters(statistics_type=low, aggregator_type=low_over),
        max=StatisticsCollectorParameters(statistics_type=high, aggregator_type=high_over),
    )


def _extremes(over: AggregatorType):
    return _both(StatisticsType.MIN, StatisticsType.MAX, over, over)


class RangeEstimatorParametersSet:
    """Ready-made range estimators."""

    MINMAX = _both(StatisticsType.MIN, StatisticsType.MAX, AggregatorType.MIN, AggregatorType.MAX)
    MEAN_MINMAX = _extremes(AggregatorType.MEAN)
    MEDIAN_MINMAX = _extremes(AggregatorType.MEDIAN)
    MEAN_NO_OUTLIERS_MINMAX = _extremes(AggregatorType.MEAN_NO_OUTLIERS)
    MEAN_QUANTILE = _both(
        StatisticsType.QUANTILE, StatisticsType.QUANTILE, AggregatorType.MEAN, AggregatorType.MEAN
    )
    HISTOGRAM = _both(
        StatisticsType.RAW, StatisticsType.RAW, AggregatorType.HISTOGRAM, AggregatorType.HISTOGRAM
    )
