"""Every error this package raises on purpose.

ApvgenError
├── InputError          what the user gave cannot be used
│   ├── MediaError      a file is not the picture, video or sound it should be
│   ├── LimitError      a file is larger, longer or wider than the limits allow
│   └── NoPersonError   no face or body where one is needed
├── ProjectError        a project folder is missing, damaged, or of a newer schema
├── MissingModelError   a model file or a package is absent
│   └── CheckpointError a checkpoint is partial, damaged, or of another architecture
├── RenderError         sampling failed: NaN, or settings that do not fit the clip
│   └── MemoryLimitError    the device's memory does not suffice; names the option to change
├── OutputError         the result cannot be written
└── Cancelled           the user stopped the work

A message is one sentence that names what is wrong, where, and what to do.
"""


class ApvgenError(Exception):
    """Base of all errors whose message is meant for the user."""


class InputError(ApvgenError):
    """What the user gave cannot be used."""


class MediaError(InputError):
    """A file is not the picture, video or sound that it should be."""


class LimitError(InputError):
    """A file is larger, longer or wider than the limits allow."""


class NoPersonError(InputError):
    """No face or no body where one is needed."""


class ProjectError(ApvgenError):
    """A project folder is missing, damaged, or written by a newer version."""


class MissingModelError(ApvgenError):
    """A model file or an optional package is absent."""


class CheckpointError(MissingModelError):
    """A checkpoint is partial, damaged, or of another architecture."""


class RenderError(ApvgenError):
    """Sampling failed, or its settings do not fit the clip."""


class MemoryLimitError(RenderError):
    """The device's memory does not suffice; the message names the option to change."""


class OutputError(ApvgenError):
    """The result cannot be written."""


class Cancelled(ApvgenError):
    """The user stopped the work."""
