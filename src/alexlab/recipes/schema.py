"""What a recipe says: everything that changes the weights, and nothing else.

A recipe as written may leave values to the network ("network") or the dataset ("dataset"); a resolved one, as a run keeps it,
holds numbers (see `alexlab.recipes.resolving`).
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Words = tuple[str, ...]
Shape = tuple[
    Annotated[int, Field(ge=1, le=4096)], Annotated[int, Field(ge=1, le=4096)], Annotated[int, Field(ge=1, le=4096)]
]
Side = Annotated[int, Field(ge=1, le=4096)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Epochs = Annotated[
    int | float,
    Field(gt=0, allow_inf_nan=False),
    AfterValidator(lambda given: int(given) if given == int(given) else given),
]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Recipe(BaseModel):
    """One recipe; the comment beside each key in `alexlab recipes show quick` says what it does."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    # what is trained on what
    network: str = ""
    dataset: str = ""
    classes: Literal["dataset"] | Annotated[int, Field(ge=2)] = "dataset"
    initialisation: str = "network"
    pretrained: str = ""
    freeze: bool = False

    # from an image to the network's input
    input: Literal["network"] | Side | Shape = "network"
    small_side: Annotated[int, Field(ge=0, le=4096)] = 0
    small_share: Fraction = 0.0
    store: Literal["auto"] | Side | Shape = "auto"
    fit: Literal["network", "stretch", "crop", "pad"] = "network"
    view: Literal["resize", "centre"] = "resize"
    pixels: Literal["0-1", "0-255"] = "0-1"
    mean: Literal["dataset", "image"] | tuple[Finite, ...] = ()
    std: Literal["dataset"] | tuple[Positive, ...] = ()
    augment: Literal["dataset"] | Words = ()

    # the update
    optimiser: Literal["sgd", "adam", "adamw", "muon", "sgd-2012"] = "sgd"
    rate: Positive = 0.01
    momentum: Fraction = 0.0
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    epsilon: Positive = 1e-8
    weight_decay: NotNegative = 0.0
    clip: NotNegative = 0.0
    schedule: Literal["constant", "linear", "cosine", "steps", "plateau", "as-it-ran"] = "constant"
    drop_every: Annotated[int, Field(ge=0)] = 0
    warmup: Fraction = 0.0
    label_smoothing: Fraction = 0.0
    dropout: Literal["network"] | Fraction = "network"
    precision: Literal["float32", "bfloat16", "auto"] = "float32"

    # how long, and what is kept
    epochs: Epochs = 10
    batch: Annotated[int, Field(ge=1)] = 128
    watch: Literal["test", "validation"] = "validation"
    hold_out: Annotated[float, Field(gt=0, lt=1)] = 0.1
    select: Literal["best", "last"] = "best"
    patience: Annotated[int, Field(ge=0)] = 0
    on_nan: Literal["stop", "rollback"] = "stop"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
