"""Training data made of training data: each file is one way, and its name is the way's name.

Every way makes clips of the clips of a fold's training subjects, and of nothing else; the clips it was given are
trained on beside them. What is made are ordinary clips, whose frames are drawn when somebody looks, so every recognizer
of pixels learns from them.
"""

from ._base import Augmentation, made_by, need_pixels

__all__ = ["Augmentation", "made_by", "need_pixels"]
