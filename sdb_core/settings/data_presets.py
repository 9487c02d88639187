"""What the papers set for each data set: temperatures, normalisation, augmentation, and the Nasty Teacher's omega.

Sources: [SDB] Ye et al., AAAI 2022, arXiv 2112.03695, experimental settings; [SDB code] JngwenYe/SDB at 7534210,
`data_loader.py` and `experiments/CIFAR10/smb-resnet10/params.json`; [NT] Ma et al., ICLR 2021, arXiv 2105.07381;
[NT code] VITA-Group/Nasty-Teacher, `data_loader.py` and `experiments/*/*/*/params.json`.
"""

from dataclasses import dataclass

from sdb_core.errors import InvalidSettings
from sdb_core.settings.base import near


@dataclass(frozen=True)
class DataPreset:
    """One data set: `temperature` of students (T), `disturbance_temperature` (T_dis), `mean` and `std` for pixels in
    [0, 1], `augment` as in TrainingSettings, `nasty_omega` of the policies `nasty` and `nasty-ke`.
    """

    temperature: float
    disturbance_temperature: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augment: str
    nasty_omega: float


# Both codes normalise CIFAR-100 with CIFAR-10's numbers, and cut 32x32 out of images padded by 4, which is "shift".
_CIFAR_MEAN, _CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.261)

DATA_PRESETS = {
    # T and T_dis: [SDB]. omega: [NT code].
    "cifar10": DataPreset(4.0, 4.0, _CIFAR_MEAN, _CIFAR_STD, augment="shift-flip", nasty_omega=0.04),
    "cifar100": DataPreset(20.0, 20.0, _CIFAR_MEAN, _CIFAR_STD, augment="shift-flip", nasty_omega=0.005),
    # All from [NT code], its one T for T_dis too; [SDB] has no such data. It turns images by up to 20 degrees, where we
    # shift them.
    "tiny-imagenet": DataPreset(
        20.0,
        20.0,
        (0.4802, 0.4481, 0.3975),
        (0.2302, 0.2265, 0.2262),
        augment="shift-flip",
        nasty_omega=0.01,
    ),
    # Ours: CIFAR-10's temperatures, the scale measured on the 1,200 training images.
    "digits": DataPreset(4.0, 4.0, (0.305,), (0.3757,), augment="none", nasty_omega=0.04),
}


def data_preset(name: str) -> DataPreset:
    """The preset of a data set. Raises InvalidSettings for an unknown name, with the nearest."""
    if name not in DATA_PRESETS:
        raise InvalidSettings(f"There is no data preset {name!r}; {near(name, DATA_PRESETS)}")
    return DATA_PRESETS[name]
