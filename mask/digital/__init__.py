"""Digital perturbations: pixels changed by a little each, the baselines that stickers stand beside.

`perturbation` is what an attack proposes and the core carries out, `whitebox` is the recognizer as an attack with
access ``gradient`` sees it, `adapter` runs the attacks of torchattacks on clips and flow maps, and `survey` tries each.
Only the first is imported here: the others need torch.
"""

from .perturbation import Perturbation

__all__ = ["Perturbation"]
