"""What a printer can print: a gamut, the non-printability score, and total variation.

The gamut is that of four-colour offset on coated paper: the CIELAB aim values of its eight solids (paper, the inks
cyan, magenta, yellow and black, and the overprints red, green and blue), rounded, as they are commonly quoted for ISO
12647-2:2004/Amd 1:2007 and the characterisation FOGRA39; neither document was at hand to compare. By the Neugebauer
model a halftone's light is a mixture of the light of its solids, so what can be printed is their convex hull in linear
light. A printer at home prints less; to score against one, photograph a printed palette and pass its colours to `nps`,
as Sharif et al. did.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull

_SOLIDS = {
    "paper": (95, 0, -2),
    "cyan": (55, -37, -50),
    "magenta": (48, 74, -3),
    "yellow": (89, -5, 93),
    "red": (47, 68, 48),
    "green": (50, -65, 27),
    "blue": (24, 22, -46),
    "black": (16, 0, 0),
}
"""CIELAB (D50) of the solids."""

_WHITE_D50 = (0.9642, 1.0, 0.8249)

# From XYZ relative to D50 to linear sRGB: Bradford adaptation to D65, then the matrix of IEC 61966-2-1.
_TO_LINEAR = np.array(
    [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
)

_LUMINANCE = (0.2126, 0.7152, 0.0722)
_GREYS = (0.03, 0.8)
"""The darkest and the lightest grey, in linear light, that colours outside the gamut are drawn towards: well inside."""


def total_variation(art: torch.Tensor) -> torch.Tensor:
    """How rough a picture is: the mean absolute difference of neighbours across, plus that of neighbours down.

    Args:
        art: ``float (C, h, w)``, 2 x 2 texels or more; all channels count the same.

    Returns:
        A scalar; 0 for a flat picture. Differentiable.
    """
    across = (art[:, :, 1:] - art[:, :, :-1]).abs().mean()
    return across + (art[:, 1:] - art[:, :-1]).abs().mean()


def nps(art: torch.Tensor, printable: torch.Tensor | None = None) -> torch.Tensor:
    """Non-printability score: how far colours are from the nearest one that can be printed.

    The mean over the opaque texels of the least Euclidean distance in RGB, as Thys et al. (2019) compute it. Sharif et
    al. (2016) took the product over all printable colours instead of the least.

    Args:
        art: ``float (4, h, w)``, premultiplied.
        printable: ``float (P, 3)`` RGB in [0, 1], measured on your own print; `None` for `PRINTABLE`.

    Returns:
        A scalar in [0, sqrt(3)]; 0 where nothing is opaque. Differentiable.
    """
    known = (PRINTABLE if printable is None else printable).to(art)
    alpha = art[3].flatten()
    colour = (art[:3] / art[3:].clamp_min(1e-6)).flatten(1).T
    # The square root has no slope at 0.
    away = ((colour[:, None] - known) ** 2).sum(dim=2).amin(dim=1).clamp_min(1e-12).sqrt()
    return (away * alpha).sum() / alpha.sum().clamp_min(1e-6)


def to_gamut(colour: torch.Tensor) -> torch.Tensor:
    """The first printable colour on the way to the grey of the same luminance: as much duller as it must be.

    Colours darker than the ink or lighter than the paper go to the nearest grey that can be printed.

    Args:
        colour: ``float (3, ...)`` sRGB in [0, 1].

    Returns:
        ``float (3, ...)``. What can be printed is unchanged. Differentiable.
    """
    normals, offsets = (torch.from_numpy(a).to(colour) for a in _facets())
    linear = _decode(colour.flatten(1))
    grey = (linear.new_tensor(_LUMINANCE) @ linear).clamp(*_GREYS).expand_as(linear)
    step = linear - grey
    rising = normals @ step
    room = -(normals @ grey + offsets[:, None])
    share = torch.where(rising > 1e-9, room / rising.clamp_min(1e-9), torch.inf).amin(dim=0).clamp(0, 1)
    inside = share >= 1
    shown = _encode((grey + share * step).clamp(0, 1))
    return torch.where(inside, colour.flatten(1), shown).reshape(colour.shape)


def _decode(colour: torch.Tensor) -> torch.Tensor:
    """sRGB to linear light."""
    return torch.where(colour <= 0.04045, colour / 12.92, ((colour.clamp_min(0.04) + 0.055) / 1.055) ** 2.4)


def _encode(light: torch.Tensor) -> torch.Tensor:
    """Linear light to sRGB."""
    return torch.where(light <= 0.0031308, light * 12.92, 1.055 * light.clamp_min(0.003) ** (1 / 2.4) - 0.055)


def _linear(lab: ArrayLike) -> NDArray[np.float64]:
    """CIELAB (D50) to linear sRGB, not clipped: ``(..., 3)``."""
    values = np.asarray(lab, dtype=np.float64)
    fy = (values[..., 0] + 16) / 116
    f = np.stack([fy + values[..., 1] / 500, fy, fy - values[..., 2] / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * _WHITE_D50
    return np.asarray(xyz @ _TO_LINEAR.T)


def _solids() -> NDArray[np.float64]:
    return np.stack([_linear(lab) for lab in _SOLIDS.values()])


@cache
def _facets() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The faces of the gamut in linear light: a colour c is inside where ``normals @ c + offsets <= 0``."""
    found = ConvexHull(_solids()).equations
    return np.ascontiguousarray(found[:, :3]), np.ascontiguousarray(found[:, 3])


def _palette() -> torch.Tensor:
    """30 printable colours: halftones of 0, 1/2 and 1 of the three inks by Demichel's equations, and three of black."""
    by_name = dict(zip(_SOLIDS, _solids(), strict=True))
    # Which solid lies where which of cyan, magenta and yellow are printed; all three together are close to black.
    order = ("paper", "yellow", "magenta", "red", "cyan", "green", "blue", "black")
    found = []
    for inks in product((0.0, 0.5, 1.0), repeat=3):
        shares = [
            np.prod([a if on else 1 - a for a, on in zip(inks, printed, strict=True)])
            for printed in product((False, True), repeat=3)
        ]
        found.append(sum(s * by_name[name] for s, name in zip(shares, order, strict=True)))
    found += [(1 - k) * by_name["paper"] + k * by_name["black"] for k in (0.25, 0.5, 0.75)]
    return _encode(torch.from_numpy(np.clip(np.stack(found), 0, 1))).float()


PRINTABLE: torch.Tensor = _palette()
"""``float32 (30, 3)`` RGB in [0, 1]: the printable colours `nps` compares with by default."""
