"""What goes wrong in the store that is no business answer (those are `storage.results.Refusal`)."""

from __future__ import annotations


class StorageError(Exception):
    """The store was used in a way it does not allow, or could not do its work."""


class NotOneConsultant(StorageError):  # noqa: N818 - named for what is so
    """Raised when nobody says whose agenda is meant, and there is not just one."""


class StoreUnavailable(StorageError):  # noqa: N818 - named for what happened
    """Raised when the database cannot be reached or stays locked; nothing was written, but for the case
    below."""


class OutcomeUnknown(StoreUnavailable):
    """Raised when the database died during a COMMIT and cannot be asked what became of it: read again."""


class TryAgain(StorageError):  # noqa: N818 - named for what is to be done
    """Raised inside a transaction that another one has crossed; Database rolls it back and runs it again."""


class Overtaken(StorageError):  # noqa: N818 - named for what happened
    """Raised when `still_valid` said no just before COMMIT: everything was rolled back."""


class CallTaken(StorageError):  # noqa: N818 - named for what happened
    """Raised inside a transaction of a call that is no longer whose it was: nothing of it may be written."""


class InvalidEntry(StorageError):  # noqa: N818 - named for what happened
    """Raised when a journal entry has an unknown, missing or malformed field, or would store personal
    data."""
