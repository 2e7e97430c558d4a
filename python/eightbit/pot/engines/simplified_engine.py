"""An engine for loaders whose items are nothing but data."""

from eightbit.pot.engines.ie_engine import IEEngine


class SimplifiedEngine(IEEngine):
    """An item as a whole is the model's input; there are no annotations and no metric."""

    items_are_data = True
