"""PyTorch's functions by name: what their arguments are called, which operation each is, what part it plays in a network.

The one table of them, for describe and check. It is plain data, without PyTorch: a script is read without importing it.
"""

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
    **dict.fromkeys(("max", "min", "amax", "amin", "argmax", "argmin"), ("input", "dim", "keepdim")),
    "topk": ("input", "k", "dim"),
    "sort": ("input", "dim"),
    "softmax": ("input", "dim"),
    "log_softmax": ("input", "dim"),
    **{f"dropout{d}": ("input", "p", "training", "inplace") for d in ("", "1d", "2d", "3d")},
    "alpha_dropout": ("input", "p", "training", "inplace"),
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
    **dict.fromkeys(("cross_entropy", "nll_loss", "binary_cross_entropy"), ("input", "target", "weight")),
    "binary_cross_entropy_with_logits": ("input", "target", "weight"),
    "mse_loss": ("input", "target"),
}
"""Positional names. A function that is not here keeps its arguments by number, as "0", "1", ..."""

_SYNONYMS = {"concat": "cat", "concatenate": "cat"}

_WINDOWED = ("conv", "max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool", "dropout")
_OPERATIONS = {
    **{f"{name}{d}d": name for name in _WINDOWED for d in (1, 2, 3)},
    **_SYNONYMS,
    "alpha_dropout": "dropout",
    "binary_cross_entropy": "bce",
    "binary_cross_entropy_with_logits": "bce_with_logits",
    "__getitem__": "getitem",
    "T": "t",
    "data": "detach",
}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ACTIVATIONS = _names("""
    relu relu6 sigmoid tanh softplus softsign gelu silu mish elu selu celu leaky_relu prelu rrelu hardtanh hardsigmoid
    hardswish logsigmoid tanhshrink hardshrink softshrink threshold clamp clamp_min clip relu_ sigmoid_ tanh_ elu_
    leaky_relu_ hardtanh_ threshold_""")
CLAMPS = _names("threshold threshold_ clamp clamp_min clip")
"""Those of ACTIVATIONS that are used for much else."""
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
    """Return what a function does in a network: convolution, pooling, linear, activation, normalisation, dropout, ..."""
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


def operation(function: str) -> str:
    """Return the operation that a function is: its name without dimensions and underscores ("conv", "max_pool", "relu")."""
    short = function.strip("_") if function.startswith("__") else function.rstrip("_")
    return _OPERATIONS.get(function, _OPERATIONS.get(short, short))


def parameters(function: str) -> tuple[str, ...]:
    """Return the names of a function's positional arguments after the input; none where they are not known."""
    return ARGUMENTS.get(_SYNONYMS.get(function, function), ())[1:]


def functions_of(wanted: str) -> tuple[str, ...]:
    """Return the functions that are the operation `wanted`, as far as they are in the table."""
    return tuple(name for name in (*ARGUMENTS, *_SYNONYMS) if operation(name) == wanted)


def named_arguments(function: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name; where the names are not known, by position ("0", "1", ...)."""
    names = ARGUMENTS.get(_SYNONYMS.get(function, function), ())
    named = {names[i] if i < len(names) else str(i): value for i, value in enumerate(args)}
    return named | {("dim" if key == "axis" else key): value for key, value in kwargs.items()}
