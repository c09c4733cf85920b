"""The machine's limits: matrix products for each type, and memory.

python benchmarks/limits.py > benchmarks/limits.md
"""

import torch

from measuring import bandwidth, heading, matrix_rate, table


def main() -> None:
    print(heading("Limits of the machine", "python benchmarks/limits.py"))
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    rows = []
    for device in devices:
        for dtype in (torch.float32, torch.bfloat16):
            name = str(dtype).removeprefix("torch.")
            rows.append([device, f"matrix products, {name}", f"{matrix_rate(dtype, device) / 1e9:,.0f} GFLOP/s"])
        rows.append([device, "copying memory, read and written", f"{bandwidth(device) / 1e9:,.1f} GB/s"])
    print(table(("device", "limit", "highest of five tries"), rows))


if __name__ == "__main__":
    main()
