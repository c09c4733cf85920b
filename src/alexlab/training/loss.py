"""The loss that is differentiated: cross-entropy, of each image by what its class weighs."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from alexlab.data.balance import balanced_weights
from alexlab.recipes.schema import Recipe

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Logits (N, K) and labels (N,) to the mean over the images, a scalar."""


def class_weights(recipe: Recipe, labels_N: torch.Tensor) -> torch.Tensor | None:
    """Return what an image of each class weighs, float32 (K,), by the labels of all training images; None where all weigh the same."""
    if recipe.class_weights == "none":
        return None
    assert isinstance(recipe.classes, int)
    return torch.from_numpy(balanced_weights(labels_N.numpy(), recipe.classes)).float()


def loss_of(recipe: Recipe, weights_K: torch.Tensor | None, device: torch.device) -> Loss:
    """Return the loss of `recipe`.

    With weights it is the sum of weight times cross-entropy over the number of images. PyTorch's own `weight` divides by the weights in
    the batch instead, so that an image would count for more in a batch of large classes; and parts of a batch would not add up.
    """
    if weights_K is None:
        return nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    weights_K, smoothing = weights_K.to(device), recipe.label_smoothing

    def loss(logits_NK: torch.Tensor, labels_N: torch.Tensor) -> torch.Tensor:
        loss_N = F.cross_entropy(logits_NK, labels_N, label_smoothing=smoothing, reduction="none")
        return (loss_N * weights_K[labels_N]).mean()

    return loss
