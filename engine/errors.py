"""What the engine can refuse or fail at. ``kind`` is one of the protocol's closed set."""


class EngineError(Exception):
    """The engine could not do what it was asked; ``message`` says why and what to do."""

    kind = "generation_failed"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class NoSuchModel(EngineError):
    """No model of that name is in the folders the engine reads."""

    kind = "no_such_model"


class Unsupported(EngineError):
    """This model or machine cannot do that; the message says what would be needed."""

    kind = "unsupported"


class BadImage(EngineError):
    """A picture that came with the request is none, is broken or is too large; the message says which."""

    kind = "bad_image"


class WorkerCrashed(EngineError):
    """The worker process died while it ran the request; a new one is started and the request may be tried again."""

    kind = "worker_crashed"


class OutOfDeviceMemory(EngineError):
    """The device has not enough memory for the request."""

    kind = "out_of_memory"


class DoesNotFit(OutOfDeviceMemory):
    """One run of a model needs more memory than there is, whatever was done to make room."""

    def __init__(self, message: str, *, hint: str | None = None, share: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.share = share
        """What would fit, as a share of the pixels that were asked for; ``None`` where nothing is known."""


class DeadlineExceeded(EngineError):
    """The request's own time limit passed."""

    kind = "deadline"
