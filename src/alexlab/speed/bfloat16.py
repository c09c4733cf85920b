"""Which devices multiply bfloat16; elsewhere it is emulated, hundreds of times slower than float32."""

import platform

import torch


def multiplies_bfloat16(device: torch.device) -> bool:
    """Return whether `device` multiplies matrices of bfloat16 in hardware, and so faster than those of float32."""
    if device.type == "cuda":
        with torch.cuda.device(device):  # it is asked of the current one
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    if platform.machine().lower() in ("x86_64", "amd64"):
        return _has("_is_avx512_bf16_supported") or _has("_is_amx_tile_supported")
    return bool(torch._C._has_mkldnn) and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _has(instructions: str) -> bool:
    """Return what PyTorch's private question about the processor says; False where this PyTorch does not know it."""
    return bool(getattr(torch.cpu, instructions, lambda: False)())
