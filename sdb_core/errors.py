"""What can go wrong in the method, one class per stable code.

CoreError
|-- UnknownArchitecture, ArchitectureRefused, ArchitectureUnavailable, ProgramUntrusted
|-- CheckpointError: unreadable, unsafe, too large
|-- WeightsError: missing, unexpected, shape, classes, dtype, not finite
|-- DatasetError: unreadable, one class, image, mixed shapes, labels, too small, mismatch
|-- TrainingDiverged, TrainingStopped
|-- ReportUnreadable, FiguresUnavailable
`-- InvalidSettings, KeyShapeMismatch, KeyUnreadable, BoxUnreadable
"""


class CoreError(Exception):
    """The base of all errors here: `code` is stable for machines, the message tells the reader the cure."""

    code = "core_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UnknownArchitecture(CoreError):
    """No network of that name exists."""

    code = "unknown_architecture"


class ArchitectureRefused(CoreError):
    """The network exists, but not for this input or task."""

    code = "architecture_refused"


class ArchitectureUnavailable(CoreError):
    """The network belongs to an extra package that is not installed here."""

    code = "architecture_unavailable"


class ProgramUntrusted(CoreError):
    """Opening a program may run code of its maker, and nothing here stands in its way."""

    code = "program_untrusted"


class CheckpointError(CoreError):
    """The base of errors about a checkpoint file."""


class CheckpointUnreadable(CheckpointError):
    """The file is truncated, damaged or of another format."""

    code = "checkpoint_unreadable"


class CheckpointUnsafe(CheckpointError):
    """The file holds more than tensors."""

    code = "checkpoint_unsafe"


class CheckpointTooLarge(CheckpointError):
    """The file claims more bytes than it carries, or more than is allowed."""

    code = "checkpoint_too_large"


class WeightsError(CoreError):
    """The base of errors about weights that do not fit their network."""


class MissingWeights(WeightsError):
    """The network has tensors that the checkpoint lacks."""

    code = "weights_missing"


class ExtraWeights(WeightsError):
    """The checkpoint has tensors that the network lacks."""

    code = "weights_unexpected"


class WeightsShapeMismatch(WeightsError):
    """A tensor has another shape than the network's."""

    code = "weights_shape_mismatch"


class NumClassesMismatch(WeightsShapeMismatch):
    """The classifier's last layer answers another number of classes."""

    code = "num_classes_mismatch"


class WeightsDtype(WeightsError):
    """A tensor has a type that the network cannot take."""

    code = "weights_dtype"


class WeightsNotFinite(WeightsError):
    """A tensor holds NaN or infinity."""

    code = "weights_not_finite"


class DatasetError(CoreError):
    """The base of errors about a data set."""


class DatasetUnreadable(DatasetError):
    """The file is not a data set of a known layout."""

    code = "dataset_unreadable"


class DatasetOneClass(DatasetError):
    """A classifier needs at least two classes."""

    code = "dataset_one_class"


class DatasetImageUnreadable(DatasetError):
    """One image cannot be decoded; the message names its file."""

    code = "dataset_image_unreadable"


class DatasetShapeMixed(DatasetError):
    """The images do not share one size."""

    code = "dataset_shape_mixed"


class DatasetLabelsInvalid(DatasetError):
    """Labels are not 0..K-1, or do not match the images."""

    code = "dataset_labels_invalid"


class DatasetTooSmall(DatasetError):
    """Too few images to train and to test on."""

    code = "dataset_too_small"


class DatasetMismatch(DatasetError):
    """The data set does not fit the model."""

    code = "dataset_mismatch"


class TrainingDiverged(CoreError):
    """The loss became NaN or infinite."""

    code = "training_diverged"


class BoxCollapsed(CoreError):
    """The box lost its accuracy on x, or under the key: the disturbance diverged, or the wrap was too short."""

    code = "box_collapsed"


class TrainingStopped(CoreError):
    """The observer asked to stop; a checkpoint was written first where one was wanted."""

    code = "stopped"


class InvalidSettings(CoreError):
    """A setting is unknown, of a wrong type or out of range."""

    code = "invalid_settings"


class KeyShapeMismatch(CoreError):
    """The key belongs to inputs of another shape."""

    code = "key_shape_mismatch"


class KeyUnreadable(CoreError):
    """The key file is damaged or of another format."""

    code = "key_unreadable"


class BoxUnreadable(CoreError):
    """The folder is not one that `wrap` wrote."""

    code = "box_unreadable"


class ReportUnreadable(CoreError):
    """The file is no report, or a part of it is missing or of another type."""

    code = "report_unreadable"


class FiguresUnavailable(CoreError):
    """Figures are drawn by matplotlib, which is not installed here."""

    code = "figures_unavailable"
