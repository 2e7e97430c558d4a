"""Errors of eightbit, by whose fault they are.

Every text has the form ``[where] what was wrong, with the values. What is allowed, or what to do.``
The names that NNCF's users catch are here too, as bases: ``except ValidationError`` catches InvalidArgument and
DataError, ``except ParameterNotSupportedError`` catches InvalidArgument and Unsupported. Those of NNCF's that nothing here
corresponds to are never raised.
"""


class Error(Exception):
    """The base of all errors of eightbit."""


class ValidationError(Error, ValueError):
    """Options or data that cannot work."""


class ParameterNotSupportedError(Error):
    """An option that cannot be met."""


class UnsupportedModelError(Error):
    """NNCF's name for a model that cannot be read; `except` catches ModelError with it."""


class InvalidPathError(Error):
    """NNCF's name for a path that does not lead anywhere; `except` catches FileError with it."""


class UnsupportedDatasetError(Error):
    """NNCF's name for data of another kind; `except` catches DataError with it."""


class InstallationError(Error):
    """NNCF's name for what is not installed; `except` catches UnsupportedBackendError with it."""


class ModuleNotFoundError(InstallationError):
    """NNCF's name for a package that is missing; `except` catches UnsupportedBackendError with it."""


class UnsupportedVersionError(InstallationError):
    """NNCF's name for another version; `except` catches UnsupportedBackendError with it."""


class UnknownDatasetError(Error):
    """A name of NNCF's, never raised here."""


class BufferFullError(Error):
    """A name of NNCF's, never raised here."""


class InvalidCollectorTypeError(Error):
    """A name of NNCF's, never raised here."""


class InvalidGroupSizeError(Error):
    """A name of NNCF's, never raised here."""


class InvalidQuantizerGroupError(Error):
    """A name of NNCF's, never raised here."""


class StatisticsCacheError(Error):
    """A name of NNCF's, never raised here."""


class InvalidArgument(ValidationError, ParameterNotSupportedError):
    """The caller passed an option, a path or a combination that cannot work."""


class DataError(ValidationError, UnsupportedDatasetError):
    """A sample is missing, has the wrong name, shape or type, or holds NaN or Inf; also a damaged statistics file."""


class Unsupported(ParameterNotSupportedError, NotImplementedError):
    """The request is sensible, but this build, backend or device cannot do it."""


class UnsupportedBackendError(Unsupported, ModuleNotFoundError, UnsupportedVersionError):
    """A model of a framework that eightbit does not take."""


class ModelError(UnsupportedModelError, ValueError):
    """The model is broken or not what it claims to be; the text names node and op."""


class FileError(InvalidPathError, OSError):
    """A file could not be read or written: missing, no permission, disk full."""


class Interrupted(Error):
    """The run was stopped. What was measured so far has been kept. (Ctrl-C raises KeyboardInterrupt instead.)"""


class AccuracyNotReached(Error):
    """The metric fell by more than max_drop in every model that was tried; or, with strict=True, an output stays below
    min_sqnr_db.

    model: the best one, of the framework of the float model. drop, metric, float_metric: what it loses and has.
    suspects: groups of layers that are still quantized in it, most suspicious first. result: the whole AccuracyResult.
    """

    def __init__(self, text: str, model=None, result=None):
        super().__init__(text)
        self.model = model
        self.result = result

    @property
    def drop(self) -> float:
        return self.result.drop

    @property
    def metric(self) -> float:
        return self.result.metric

    @property
    def float_metric(self) -> float:
        return self.result.float_metric

    @property
    def suspects(self) -> list:
        return self.result.suspects


class InternalError(Error, RuntimeError):
    """A defect in eightbit itself. Please report it."""
