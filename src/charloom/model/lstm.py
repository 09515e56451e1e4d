"""Keras' LSTM with a fast path on the PyTorch backend.

Import only where Keras is wanted: this module imports it, and PyTorch with it.
"""

from __future__ import annotations

from typing import Any

from .backend import import_keras

import_keras()  # before the import below: it chooses the backend
import keras  # noqa: E402

__all__ = ["FastLSTM", "bfloat16_pays", "keras"]


class FastLSTM(keras.layers.LSTM):
    """`keras.layers.LSTM` that runs as one fused call on PyTorch.

    Same arguments, weights and results. On the PyTorch backend Keras' own layer
    steps through time in Python unless cuDNN is at hand; here
    `torch._VF.lstm` takes the whole sequence, time-major: oneDNN on a CPU, cuDNN
    on a GPU. Weights stay float32; with `compute="bfloat16"` the products run in
    bfloat16 (gates accumulate in float32). Measured on two AVX-512 cores with 512
    units: 25,000 characters/s trained in bfloat16; on two AVX2 cores, float32,
    13,600, where Keras' own layer gives 500.

    Anything the fused call does not do (masks, recurrent dropout, other
    activations, other backends) falls back to Keras' own loop.

    Args:
        compute: "auto" (bfloat16 where the processor has it), "bfloat16" or "float32".
    """

    def __init__(self, units: int, *, compute: str = "auto", **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.compute = compute

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        super().build(sequences_shape, initial_state_shape)
        if keras.backend.backend() == "torch":
            # PyTorch wants the kernels transposed. Laid out so in memory, under the shape
            # that Keras knows, they are a view for both; a copy a step took 3 % of it.
            for variable in (self.cell.kernel, self.cell.recurrent_kernel):
                variable.value.data = variable.value.data.t().contiguous().t()

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "compute": self.compute}

    @property
    def fusable(self) -> bool:
        """Whether this layer's options are those that the fused call computes."""
        return (
            keras.backend.backend() == "torch"
            and self.activation is keras.activations.tanh
            and self.recurrent_activation is keras.activations.sigmoid
            and self.use_bias
            and not self.recurrent_dropout
            and not self.dropout
            and not self.go_backwards
            and not self.unroll
        )

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> Any:
        if mask is not None or not self.fusable or _is_symbolic(sequences):
            return super().inner_loop(sequences, initial_state, mask, training=training)
        import torch

        half = bfloat16_pays(sequences.device.type) if self.compute == "auto" else None
        dtype = torch.bfloat16 if half or self.compute == "bfloat16" else torch.float32
        cell = self.cell
        # Keras keeps (inputs, 4 units), PyTorch (4 units, inputs); the gates' order is
        # the same. Keras has one bias where PyTorch adds two, so the second is zero.
        bias = cell.bias.value
        weights = [
            cell.kernel.value.t().to(dtype).contiguous(),
            cell.recurrent_kernel.value.t().to(dtype).contiguous(),
            bias.to(dtype),
            torch.zeros_like(bias, dtype=dtype),
        ]
        states = tuple(state.to(dtype).unsqueeze(0).contiguous() for state in initial_state)
        x_TxBxF = sequences.transpose(0, 1).to(dtype).contiguous()
        y_TxBxH, h, c = torch._VF.lstm(  # pyright: ignore[reportAttributeAccessIssue]
            x_TxBxF, states, weights, True, 1, 0.0, self._grad_needed(), False, False
        )
        outputs = y_TxBxH.float().transpose(0, 1)
        return outputs[:, -1], outputs, [h[0].float(), c[0].float()]

    def _grad_needed(self) -> bool:
        import torch

        # The call's own "train" flag: without it no workspace for gradients is kept.
        return torch.is_grad_enabled()


def bfloat16_pays(device: str = "cpu") -> bool:
    """Whether bfloat16 products are faster here than float32: AVX-512 BF16, AMX, or a GPU.

    oneDNN also emulates bfloat16 on lesser processors, 20 times slower than float32.
    """
    import torch

    if device == "cuda":
        return torch.cuda.is_bf16_supported()
    mkldnn = getattr(torch.ops, "mkldnn", None)
    if mkldnn is None or not torch.backends.mkldnn.is_available():
        return False
    return bool(mkldnn._is_mkldnn_bf16_supported()) and _has_bfloat16_instructions()


def _has_bfloat16_instructions() -> bool:
    import torch

    cpu = getattr(torch, "cpu", None)
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        probe = getattr(cpu, name, None)
        if probe is not None and probe():
            return True
    return False


def _is_symbolic(tensor: Any) -> bool:
    import torch

    # While Keras works out shapes it passes tensors on the "meta" device.
    return not isinstance(tensor, torch.Tensor) or tensor.device.type == "meta"
