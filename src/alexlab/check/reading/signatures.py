"""PyTorch's layers: which operation each one is, and the names of its positional arguments; and those of what is around them."""

_CONV = (
    "in_channels",
    "out_channels",
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "groups",
    "bias",
    "padding_mode",
)
_MAX_POOL = ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode")
_AVG_POOL = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
_NORM = ("num_features", "eps", "momentum", "affine", "track_running_stats")


def _each(name: str, op: str, parameters: tuple[str, ...]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {f"{name}{dimensions}d": (op, parameters) for dimensions in (1, 2, 3)}


LAYERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Linear": ("linear", ("in_features", "out_features", "bias")),
    "LazyLinear": ("linear", ("out_features", "bias")),
    **_each("Conv", "conv", _CONV),
    **_each("LazyConv", "conv", _CONV[1:]),
    **_each("MaxPool", "max_pool", _MAX_POOL),
    **_each("AvgPool", "avg_pool", _AVG_POOL),
    **_each("AdaptiveAvgPool", "adaptive_avg_pool", ("output_size",)),
    **_each("AdaptiveMaxPool", "adaptive_max_pool", ("output_size", "return_indices")),
    **_each("BatchNorm", "batch_norm", _NORM),
    **_each("InstanceNorm", "instance_norm", _NORM),
    "LayerNorm": ("layer_norm", ("normalized_shape", "eps", "elementwise_affine")),
    "GroupNorm": ("group_norm", ("num_groups", "num_channels", "eps", "affine")),
    "LocalResponseNorm": ("local_response_norm", ("size", "alpha", "beta", "k")),
    "Dropout": ("dropout", ("p", "inplace")),
    **_each("Dropout", "dropout", ("p", "inplace")),
    "AlphaDropout": ("dropout", ("p", "inplace")),
    "Flatten": ("flatten", ("start_dim", "end_dim")),
    "Unflatten": ("unflatten", ("dim", "unflattened_size")),
    "Identity": ("identity", ()),
    "Softmax": ("softmax", ("dim",)),
    "LogSoftmax": ("log_softmax", ("dim",)),
    "ZeroPad2d": ("pad", ("padding",)),
    "ReflectionPad2d": ("pad", ("padding",)),
    "ReplicationPad2d": ("pad", ("padding",)),
    "ReLU": ("relu", ("inplace",)),
    "ReLU6": ("relu6", ("inplace",)),
    "LeakyReLU": ("leaky_relu", ("negative_slope", "inplace")),
    "PReLU": ("prelu", ("num_parameters",)),
    "RReLU": ("rrelu", ()),
    "ELU": ("elu", ("alpha",)),
    "SELU": ("selu", ()),
    "CELU": ("celu", ()),
    "GELU": ("gelu", ()),
    "SiLU": ("silu", ()),
    "Mish": ("mish", ()),
    "Sigmoid": ("sigmoid", ()),
    "Tanh": ("tanh", ()),
    "Hardtanh": ("hardtanh", ()),
    "Hardswish": ("hardswish", ()),
    "Hardsigmoid": ("hardsigmoid", ()),
    "Softplus": ("softplus", ()),
    "Softsign": ("softsign", ()),
    "LogSigmoid": ("logsigmoid", ()),
    "CrossEntropyLoss": ("cross_entropy", ("weight", "size_average", "ignore_index", "reduce", "reduction")),
    "NLLLoss": ("nll_loss", ("weight", "size_average", "ignore_index", "reduce", "reduction")),
    "BCELoss": ("bce", ("weight",)),
    "BCEWithLogitsLoss": ("bce_with_logits", ("weight",)),
    "MSELoss": ("mse_loss", ()),
}
"""Name in torch.nn to its operation and the names of its positional arguments."""

LOSSES = frozenset({"cross_entropy", "nll_loss", "bce", "bce_with_logits"})
WEIGHTED = frozenset({"linear", "conv"})

OPTIMISER_ARGUMENTS = ("params", "lr")
LOADER_ARGUMENTS = [
    "dataset",
    "batch_size",
    "shuffle",
    "sampler",
    "batch_sampler",
    "num_workers",
    "collate_fn",
    "pin_memory",
    "drop_last",
    "timeout",
]
EXTERNAL_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "torch.utils.data.DataLoader": tuple(LOADER_ARGUMENTS),
    "torchvision.transforms.Normalize": ("mean", "std", "inplace"),
    "torchvision.transforms.Resize": ("size",),
    "torchvision.transforms.CenterCrop": ("size",),
    "torchvision.transforms.RandomCrop": ("size", "padding"),
    "torchvision.transforms.RandomResizedCrop": ("size",),
    "torchvision.transforms.Grayscale": ("num_output_channels",),
    "torchvision.transforms.Pad": ("padding",),
    "torchvision.transforms.Compose": ("transforms",),
    "torchvision.transforms.RandomApply": ("transforms",),
    "torchvision.datasets.MNIST": ("root", "train", "transform", "target_transform", "download"),
    "torchvision.datasets.FashionMNIST": ("root", "train", "transform", "target_transform", "download"),
    "torchvision.datasets.KMNIST": ("root", "train", "transform", "target_transform", "download"),
    "torchvision.datasets.CIFAR10": ("root", "train", "transform", "target_transform", "download"),
    "torchvision.datasets.CIFAR100": ("root", "train", "transform", "target_transform", "download"),
    "torchvision.datasets.SVHN": ("root", "split", "transform", "target_transform", "download"),
    "torchvision.datasets.STL10": ("root", "split", "folds", "transform", "target_transform", "download"),
    "torchvision.datasets.EMNIST": ("root", "split"),
    "torchvision.datasets.ImageFolder": ("root", "transform", "target_transform", "loader"),
    "torch.utils.data.Subset": ("dataset", "indices"),
    "torch.utils.data.random_split": ("dataset", "lengths", "generator"),
    "torch.utils.data.ConcatDataset": ("datasets",),
    "torch.optim.lr_scheduler.StepLR": ("optimizer", "step_size", "gamma"),
    "torch.optim.lr_scheduler.MultiStepLR": ("optimizer", "milestones", "gamma"),
    "torch.optim.lr_scheduler.ExponentialLR": ("optimizer", "gamma"),
    "torch.optim.lr_scheduler.CosineAnnealingLR": ("optimizer", "T_max", "eta_min"),
}
