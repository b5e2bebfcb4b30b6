"""The model can be imported alone: it needs PyTorch and nothing of hubs, files, pages or figures."""

from __future__ import annotations

import subprocess
import sys

MODULES = ("config", "positions", "attention", "stem", "trace", "model")
FOREIGN = ("huggingface_hub", "httpx", "httpx2", "safetensors", "streamlit", "plotly")


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a process where the foreign packages and the rooms above the model cannot be imported."""
    blocked = f"import sys\nfor name in {(*FOREIGN, 'perceiver.checkpoints', 'perceiver.modalities')!r}:\n"
    blocked += "    sys.modules[name] = None\n"
    return subprocess.run([sys.executable, "-c", blocked + code], capture_output=True, text=True)


def test_the_block_works() -> None:
    assert "ModuleNotFoundError" in run("import safetensors").stderr


def test_modules_of_the_model_stand_alone_and_a_model_runs() -> None:
    """Each module is imported first, with no other module of the library there yet; PyTorch is imported once."""
    done = run(
        "import importlib\n"
        f"for module in {MODULES!r}:\n"
        "    for name in [name for name, there in sys.modules.items() if there and name.startswith('perceiver')]:\n"
        "        del sys.modules[name]\n"
        "    importlib.import_module('perceiver.' + module)\n"
        "    print(module)\n"
        "import torch\n"
        "from perceiver import Perceiver, PerceiverConfig\n"
        "model = Perceiver(PerceiverConfig(num_classes=3, input_shape=(4, 5), num_latents=2, latent_dim=8,"
        " plan=((0, 0), (1, 0)), self_attends=1, self_heads=2))\n"
        "inputs = model.input_array(torch.zeros(1, 20, 3))\n"
        "print(tuple(model(inputs).shape), len(model.trace(inputs).map(0)), Perceiver.__bases__ == (torch.nn.Module,))"
    )
    assert done.stdout.splitlines() == [*MODULES, "(1, 3) 20 True"], done.stderr
