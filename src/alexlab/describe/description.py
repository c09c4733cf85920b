"""What alexlab knows of a network: one Layer a row, the totals, and where it fails."""

from dataclasses import asdict, dataclass, field
from typing import Any

from alexlab.describe.pages import description_html
from alexlab.describe.terminal import description_text

Setting = int | bool | str | tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """One layer as it was executed. Shapes and counts are of one image; bytes are of the whole batch.

    Attributes:
        name: its dotted path in the network; "(2)" where the same layer is called again. A functional call has the
            path of the module that makes it and the function's name.
        kind: the class of the module, or the function's name.
        role: convolution, pooling, linear, activation, normalisation, dropout, softmax, reduction, reshape, join,
            padding or other.
        settings: kernel, stride, padding, dilation, groups and the like; for an unknown module, its `extra_repr`.
        input_shape, output_shape: without the batch; of the first tensor where there are several.
        units: values in all outputs.
        size_working: the output size worked out, one line a side where height and width differ.
        notes: what else is true of it: the textbook's forms, pixels that no window reads, what is not explained.
        parameters: weights and biases, counted where they are first used; 0 where `shared_with` counts them.
        trainable: those of `parameters` that training changes.
        share: of all parameters of the network, 0 to 1.
        connections: values that its units read through a weight, and their biases, as LeNet's paper of 1998 counts them; 0 for others
            than convolutions, fully connected layers, and layers that say it themselves.
        multiply_adds: products added to a sum; biases, pooling and activations do none.
        activation_bytes: memory that its outputs take; 0 for a view, or for work in place.
        kept_bytes: memory that autograd keeps for the backward pass because of it, in training; None where unknown.
        receptive_field: pixels of the input that can change one of its units, a side; None where unknown.
        stride_on_input: pixels of the input between neighbouring units; None where units have no position.
    """

    name: str
    kind: str
    role: str
    settings: dict[str, Setting]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    units: int
    size_working: tuple[str, ...]
    notes: tuple[str, ...]
    parameters: int
    parameters_working: str
    trainable: int
    share: float
    multiply_adds: int
    multiply_adds_working: str
    activation_bytes: int
    kept_bytes: int | None
    receptive_field: tuple[int, ...] | None
    stride_on_input: tuple[int | float, ...] | None
    shared_with: str = ""
    connections: int = 0
    connections_working: str = ""
    reads: tuple[int, ...] = ()
    """Indices of the layers whose outputs it reads; -1 is the network's input."""


@dataclass(frozen=True)
class Totals:
    """Sums over the network. Bytes of activations are for `batch` images.

    `training_step_multiply_adds` counts the forward and the backward pass of the whole batch, without the update;
    None where the backward pass could not be followed.
    """

    parameters: int
    trainable: int
    frozen: int
    buffers: int
    units: int
    multiply_adds: int
    training_step_multiply_adds: int | None
    weight_bytes: dict[str, int]
    input_bytes: int
    activation_bytes: int
    kept_bytes: int | None
    connections: int = 0


@dataclass(frozen=True)
class Failure:
    """Why the pass ended early.

    Attributes:
        layer: name of the layer that fails.
        kind: its class or function.
        found, expected: the two numbers that disagree, each with what it is.
        mend: the value that the layer should have, or what to change.
        sizes: which input sizes work as the network stands.
        error: PyTorch's own words, shortened.
    """

    layer: str
    kind: str
    found: str
    expected: str
    mend: str
    sizes: str
    error: str


@dataclass(frozen=True)
class Description:
    """The arithmetic of a network. `str()` is the terminal's table; a notebook shows it as HTML.

    Attributes:
        network: its name or class.
        inputs: shapes of one image, without the batch; several where the network takes several tensors.
        layers: in the order of execution, up to the one that fails where `failure` is set.
        outputs: what the network returns.
        unused: parameters that this pass did not use, and how many values they have.
        notes: what a reader has to know of how this description was made.
    """

    network: str
    inputs: tuple[tuple[int, ...], ...]
    batch: int
    layers: tuple[Layer, ...]
    totals: Totals
    outputs: str
    unused: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()
    failure: Failure | None = None
    source: str = field(default="", compare=False)

    @property
    def input(self) -> tuple[int, ...]:
        """The shape of one image (of the first input, where there are several)."""
        return self.inputs[0]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return description_text(self)

    def _repr_html_(self) -> str:
        return description_html(self)
