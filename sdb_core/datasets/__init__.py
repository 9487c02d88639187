"""Labelled images: built in, a zip of image folders, or npz."""

from sdb_core.datasets.images import LabelledImages, Splits, stratified_split
from sdb_core.datasets.opening import open_dataset

__all__ = ["LabelledImages", "Splits", "open_dataset", "stratified_split"]
