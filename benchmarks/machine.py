"""What machine this is, for the figures' heading."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path


def describe() -> str:
    """Processor, cores, and what PyTorch computes with on it."""
    import torch

    from charloom.model.lstm import bfloat16_pays

    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    precision = "bfloat16" if bfloat16_pays() else "float32"
    return (
        f"{name}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}, "
        f"{precision}; PyTorch {torch.__version__}, Python {platform.python_version()}"
    )


def matrix_rate(bfloat16: bool) -> float:
    """The machine's own rate of matrix products, in operations a second."""
    import torch

    dtype = torch.bfloat16 if bfloat16 else torch.float32
    a, b = torch.randn(1024, 1024).to(dtype), torch.randn(1024, 1024).to(dtype)
    for _ in range(5):
        a @ b
    best = 0.0
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(10):
            a @ b
        best = max(best, 10 * 2 * 1024**3 / (time.perf_counter() - begun))
    return best


def bandwidth() -> float:
    """Bytes a second that one pass over 4 MB of float32 reads, as writing reads its weights."""
    import numpy as np

    matrix = np.ones((512, 2048), np.float32)
    vector = np.ones(512, np.float32)
    best = 0.0
    for _ in range(20):
        begun = time.perf_counter()
        for _ in range(50):
            vector @ matrix
        best = max(best, 50 * matrix.nbytes / (time.perf_counter() - begun))
    return best
