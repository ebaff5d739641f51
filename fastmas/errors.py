"""One class per kind of fault; each message names what, which value, and what to do."""


class FastmasError(Exception):
    """Any fault that a user can mend; the command line prints it in one line and exits with 2."""


class ParameterError(FastmasError):
    """A parameter or an option has an unknown name or a value outside its bounds."""


class ModelError(FastmasError):
    """A model is unknown, or does not meet the contract of `fastmas.model.Model`."""


class DataError(FastmasError):
    """A file or array of observations cannot be used; names the file, row and column."""


class OutputError(FastmasError):
    """A result cannot be written where it was asked for."""


class RunDirectoryError(FastmasError):
    """A run directory is damaged, foreign, of another version or not finished."""


class MemoryLimitError(FastmasError):
    """More memory was asked for than there is."""


class SimulationError(FastmasError):
    """A path left the finite numbers; names the model, theta, path and step."""


class Interrupted(FastmasError):
    """Ctrl-C during a long run: the state is saved and the message says how to resume."""


class FastmasWarning(UserWarning):
    """What a user should know though all went on; the command line prints it in one line."""


class DeviceError(FastmasError):
    """A device that is unknown or not there; names what is missing and how to get it."""
