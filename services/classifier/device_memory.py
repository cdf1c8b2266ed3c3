"""How much of the CUDA devices' memory the networks take."""

import sys


def device_memory_bytes() -> float:
    """Return the bytes that PyTorch holds on all CUDA devices; 0 without one. It never imports torch by itself."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0.0
    return float(sum(torch.cuda.memory_reserved(index) for index in range(torch.cuda.device_count())))
