"""Weights files: safetensors and what `torch.save` writes, opened by `file.open_tensor_file`."""
