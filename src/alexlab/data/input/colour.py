"""The mean image and the principal colours of a training set, and AlexNet's noise along them.

Source: Krizhevsky, Sutskever, Hinton, NIPS 2012, sections 2 and 4.1, and the 2012 source, definition 145. Pixels are
at 0 to 255 throughout.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from alexlab.errors import UserError

IMAGES_AT_ONCE = 32  # in float64: 150 MB at 3x256x256


@dataclass(frozen=True)
class PixelStatistics:
    """What a training set's pixels look like, at 0 to 255.

    Attributes:
        images: how many were seen.
        mean_image_CHW: the mean of each pixel, float64.
        deviations_C: standard deviations along the principal colours, the largest first, float64.
        colours_CC: the principal colours, unit vectors in the columns, in the order of `deviations_C`.
    """

    images: int
    mean_image_CHW: torch.Tensor
    deviations_C: torch.Tensor
    colours_CC: torch.Tensor


def pixel_statistics(batches: Iterable[torch.Tensor]) -> PixelStatistics:
    """Mean image and principal colours of uint8 batches (N, C, H, W) of one size, which pass by once.

    The colours are the eigenvectors of the covariance of all pixels' colours around the mean colour; the sign of each is
    such that its components sum to something positive. Sums are exact: whole numbers in float64.

    Raises:
        UserError: there are no images, or they differ in size.
    """
    images, total_CHW, products_CC = 0, torch.zeros(()), torch.zeros(())
    for batch_NCHW in batches:
        if images and batch_NCHW.shape[1:] != total_CHW.shape:
            raise UserError(
                f"images of {tuple(batch_NCHW.shape[1:])} among images of {tuple(total_CHW.shape)}; a mean image needs one size."
            )
        for part_NCHW in torch.split(batch_NCHW, IMAGES_AT_ONCE):
            pixels_NCHW = part_NCHW.double()
            colours_CM = pixels_NCHW.transpose(0, 1).flatten(1)
            total_CHW = total_CHW + pixels_NCHW.sum(dim=0)
            products_CC = products_CC + colours_CM @ colours_CM.T
            images += len(part_NCHW)
    if not images:
        raise UserError("there are no images to take the mean of.")
    pixels = images * total_CHW[0].numel()
    mean_C = total_CHW.sum(dim=(1, 2)) / pixels
    variances_C, colours_CC = torch.linalg.eigh(products_CC / pixels - torch.outer(mean_C, mean_C))
    colours_CC = colours_CC.flip(1)
    signs_C = torch.where(colours_CC.sum(dim=0) < 0, -1.0, 1.0)
    return PixelStatistics(images, total_CHW / images, variances_C.flip(0).clamp(min=0).sqrt(), colours_CC * signs_C)


def noise_as_written(
    images_NCHW: torch.Tensor, statistics: PixelStatistics, normal_NC: torch.Tensor, scale: float = 0.1
) -> torch.Tensor:
    """Each image shifted by sum_i p_i a_i lambda_i, with a_i = scale * normal and the **eigenvalues** lambda_i.

    The formula is not free of units: an eigenvalue is a square. It is taken of pixels at 0 to 1, where it makes a shift
    of a few hundredths, and the shift is brought back to 0 to 255. At 0 to 255 it would shift by several times white.

    Args:
        images_NCHW: float, at 0 to 255, the mean subtracted or not.
        normal_NC: a draw from N(0, 1) for each image and colour.
    """
    eigenvalues_C = (statistics.deviations_C / 255).square()
    return images_NCHW + _shift(images_NCHW, statistics, scale * normal_NC * eigenvalues_C.to(normal_NC) * 255)


def noise_as_it_ran(
    images_NCHW: torch.Tensor, statistics: PixelStatistics, normal_NC: torch.Tensor, scale: float = 0.1
) -> torch.Tensor:
    """Each image shifted by scale * sum_i p_i a_i s_i, with the **standard deviations** s_i; then divided by 1 + scale.

    A scale of 0, as from epoch 67, changes nothing.

    Args:
        images_NCHW: float, at 0 to 255, the mean image subtracted.
        normal_NC: a draw from N(0, 1) for each image and colour.
    """
    shift = _shift(images_NCHW, statistics, scale * normal_NC * statistics.deviations_C.to(normal_NC))
    return (images_NCHW + shift) / (1 + scale)


def _shift(images_NCHW: torch.Tensor, statistics: PixelStatistics, along_NC: torch.Tensor) -> torch.Tensor:
    shift_NC = along_NC.double().cpu() @ statistics.colours_CC.T
    return shift_NC.to(images_NCHW)[:, :, None, None]
