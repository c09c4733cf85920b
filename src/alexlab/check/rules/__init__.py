"""The catalogue of rules: a list that can be read. To add one: write its file, add it here."""

from alexlab.check.rule import Rule
from alexlab.check.rules import (
    activation_on_logits,
    class_count,
    class_dimension,
    constant_weights,
    dead_start,
    dropout_always_on,
    dropout_on_logits,
    flatten_takes_batch,
    in_features,
    input_shape,
    loss_keeps_graph,
    nll_without_log_softmax,
    no_eval,
    no_no_grad,
    no_shuffling,
    no_zero_grad,
    nothing_between,
    optimiser_of_another,
    other_normalisation,
    second_head,
    sigmoid_and_bce,
    softmax_before_cross_entropy,
    step_order,
    train_not_resumed,
    view_mixes_images,
    wrong_augmentation,
)

RULES: tuple[Rule, ...] = (
    # the end of the network
    softmax_before_cross_entropy.RULE,
    nll_without_log_softmax.RULE,
    sigmoid_and_bce.RULE,
    activation_on_logits.RULE,
    dropout_on_logits.RULE,
    class_count.RULE,
    class_dimension.RULE,
    second_head.RULE,
    # its middle
    nothing_between.RULE,
    in_features.RULE,
    input_shape.RULE,
    view_mixes_images.RULE,
    flatten_takes_batch.RULE,
    # modes
    dropout_always_on.RULE,
    no_eval.RULE,
    no_no_grad.RULE,
    train_not_resumed.RULE,
    # the start
    constant_weights.RULE,
    dead_start.RULE,
    # training
    no_zero_grad.RULE,
    step_order.RULE,
    loss_keeps_graph.RULE,
    optimiser_of_another.RULE,
    # data
    no_shuffling.RULE,
    other_normalisation.RULE,
    wrong_augmentation.RULE,
)
