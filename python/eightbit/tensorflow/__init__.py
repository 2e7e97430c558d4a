"""TensorFlow: what is known here only, beside eightbit.quantize, which takes Keras models, tf.Modules, functions and loaded
SavedModels.

strip: a Keras model, trained or not, as a tf.Module with weights in int8.
"""

from eightbit.errors import UnsupportedBackendError

try:
    import tensorflow  # noqa: F401
except ImportError:
    raise UnsupportedBackendError(
        "[tensorflow] the package tensorflow is missing. Install it with: pip install tensorflow"
    ) from None

from eightbit.parameters import StripFormat
from eightbit.tensorflow.strip import strip

__all__ = ["StripFormat", "strip"]
