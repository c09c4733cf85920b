"""PyTorch's functions by name: what their arguments are called, and what part they play in a network."""

from typing import Any

_CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_TRANSPOSED = ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
_MAX_POOL = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
_AVG_POOL_1D = ("input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
_AVG_POOL = (*_AVG_POOL_1D, "divisor_override")
_LP_POOL = ("input", "norm_type", "kernel_size", "stride", "ceil_mode")

ARGUMENTS: dict[str, tuple[str, ...]] = {
    **{f"conv{d}d": _CONVOLUTION for d in (1, 2, 3)},
    **{f"conv_transpose{d}d": _TRANSPOSED for d in (1, 2, 3)},
    **{f"max_pool{d}d": _MAX_POOL for d in (1, 2, 3)},
    "avg_pool1d": _AVG_POOL_1D,
    "avg_pool2d": _AVG_POOL,
    "avg_pool3d": _AVG_POOL,
    **{f"lp_pool{d}d": _LP_POOL for d in (1, 2, 3)},
    **{f"adaptive_{kind}_pool{d}d": ("input", "output_size") for kind in ("avg", "max") for d in (1, 2, 3)},
    "linear": ("input", "weight", "bias"),
    "bilinear": ("input1", "input2", "weight", "bias"),
    "pad": ("input", "pad", "mode", "value"),
    "flatten": ("input", "start_dim", "end_dim"),
    "unflatten": ("input", "dim", "sizes"),
    "squeeze": ("input", "dim"),
    "unsqueeze": ("input", "dim"),
    "transpose": ("input", "dim0", "dim1"),
    "cat": ("tensors", "dim"),
    "stack": ("tensors", "dim"),
    "mean": ("input", "dim", "keepdim"),
    "sum": ("input", "dim", "keepdim"),
    "amax": ("input", "dim", "keepdim"),
    "softmax": ("input", "dim"),
    "log_softmax": ("input", "dim"),
    "dropout": ("input", "p", "training", "inplace"),
    "batch_norm": ("input", "running_mean", "running_var", "weight", "bias", "training"),
    "local_response_norm": ("input", "size", "alpha", "beta", "k"),
    "layer_norm": ("input", "normalized_shape", "weight", "bias"),
    "group_norm": ("input", "num_groups", "weight", "bias"),
    "chunk": ("input", "chunks", "dim"),
    "split": ("input", "split_size", "dim"),
    "narrow": ("input", "dim", "start", "length"),
    "unfold": ("input", "dim", "size", "step"),
    "__getitem__": ("input", "index"),
    "__setitem__": ("input", "index", "value"),
}
"""Positional names. A function that is not here keeps its arguments by number, as "0", "1", ..."""

_SYNONYMS = {"concat": "cat", "concatenate": "cat", "dim": "dim", "axis": "dim"}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ACTIVATIONS = _names("""
    relu relu6 sigmoid tanh softplus softsign gelu silu mish elu selu celu leaky_relu prelu rrelu hardtanh hardsigmoid
    hardswish logsigmoid tanhshrink hardshrink softshrink threshold clamp clamp_min clip relu_ sigmoid_ tanh_ elu_
    leaky_relu_ hardtanh_ threshold_""")
NORMALISATIONS = _names("batch_norm local_response_norm layer_norm group_norm instance_norm rms_norm")
DROPOUTS = _names("dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout dropout_")
RESHAPES = _names("""
    flatten unflatten view reshape view_as reshape_as ravel squeeze unsqueeze permute transpose movedim swapaxes T mT t
    contiguous chunk split tensor_split narrow select unbind __getitem__ unfold expand expand_as""")
CONCATENATIONS = _names("cat concat concatenate stack hstack vstack")
ARITHMETIC = _names("""
    add sub mul div true_divide maximum minimum add_ sub_ mul_ div_ __add__ __radd__ __iadd__ __sub__ __rsub__ __isub__
    __mul__ __rmul__ __imul__ __truediv__ __rtruediv__ __itruediv__ __setitem__""")
REDUCTIONS = _names("mean sum amax amin max min argmax norm var std prod")
POINTWISE = (
    ACTIVATIONS
    | DROPOUTS
    | ARITHMETIC
    | _names("""
    batch_norm local_response_norm contiguous clone detach to type float half bfloat16 double data abs neg exp log sqrt
    rsqrt square reciprocal pow pow_ __pow__ __rpow__ __neg__ addcmul addcdiv where masked_fill sign round floor ceil
    sin cos erf log1p expm1 nan_to_num alias positive""")
)
"""Functions whose every output element depends on the same position of their inputs (and on other channels at most)."""


def role(function: str) -> str:
    """What a function does in a network: convolution, pooling, linear, activation, normalisation, dropout, ..."""
    if function.startswith("conv"):
        return "convolution"
    if "_pool" in function:
        return "pooling"
    if function in ("linear", "bilinear", "addmm", "matmul", "mm", "bmm", "__matmul__", "einsum"):
        return "linear"
    for name, members in (
        ("activation", ACTIVATIONS),
        ("normalisation", NORMALISATIONS),
        ("dropout", DROPOUTS),
        ("reshape", RESHAPES),
        ("join", CONCATENATIONS | ARITHMETIC),
        ("softmax", ("softmax", "log_softmax", "softmin")),
        ("padding", ("pad", "constant_pad_nd")),
        ("reduction", REDUCTIONS),
    ):
        if function in members:
            return name
    return "other"


def named_arguments(function: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name; where the names are not known, by position ("0", "1", ...)."""
    names = ARGUMENTS.get(_SYNONYMS.get(function, function), ())
    named = {names[i] if i < len(names) else str(i): value for i, value in enumerate(args)}
    return named | {("dim" if key == "axis" else key): value for key, value in kwargs.items()}
