"""What a GPU is for: many like agents, many paths of the market of 15, and a whole generation of a calibration.

The generation is 12 thetas x 1,000 paths x 100 steps, of which 50 are returned; the windows of every path (the
statistic "windows") go through a perceptron of 32 and 32 units, and each theta has its loss. Nothing leaves the GPU
before that.
"""

# ruff: noqa: PLC0415  -- torch is slow to import, and a list of studies must not wait for it

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmas.bench.studies import Options, Row
from fastmas.bench.tasks import TASKS, Task
from fastmas.bench.timing import summary, take_turns
from fastmas.on_device import simulate_on_device
from fastmas.simulate import simulate
from fastmas.statistics import CLIP
from fastmas.statistics.scaling import Scaling
from fastmas.statistics.windows import WIDTH

if TYPE_CHECKING:
    import torch

THETAS, PATHS, STEPS, WARMUP = 12, 1000, 100, 50
UNITS = 32


def paths_on(device: str, *task: Any, **sizes: Any) -> Any:
    """Paths that are written when this returns: on the device, or a NumPy array."""
    return simulate(*task, **sizes) if device == "cpu" else simulate_on_device(*task, device=device, **sizes)


def as_tensor(paths: Any) -> torch.Tensor:
    """Paths as a tensor that shares their memory."""
    import torch

    return torch.as_tensor(paths) if isinstance(paths, np.ndarray) else torch.from_dlpack(paths)


def windows(paths: torch.Tensor, scaling: Scaling) -> torch.Tensor:
    """The statistic "windows" of paths (..., n_times) on their device, (..., n_samples, WIDTH + 1)."""
    import torch

    level = torch.log(paths)
    returns = (torch.diff(level, dim=-1) / scaling.increment_sd).clamp(-CLIP, CLIP)
    before = ((level - scaling.level_mean) / scaling.level_sd).clamp(-CLIP, CLIP)[..., WIDTH - 1:-1, None]
    return torch.cat([returns.unfold(-1, WIDTH, 1), before], dim=-1)


class Generation:
    """Twelve candidates about the truth, a discriminator, and the losses it gives them."""

    def __init__(self, device: str) -> None:
        import torch

        from fastmas import objectives
        from fastmas.discriminators.networks import perceptron

        self.device, self.market = device, TASKS["market-1000"].market
        factors = np.exp(np.linspace(-0.1, 0.1, THETAS))
        self.thetas = [{"kappa": float(f), "gamma": 2.0 / float(f)} for f in factors]
        self.scaling = Scaling.of(simulate(self.market, n_paths=PATHS, n_steps=STEPS, warmup=WARMUP, seed=1))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.network = perceptron([WIDTH + 1, UNITS, UNITS, 1], torch.nn.SiLU).to(device)
        self.objective = objectives.get("non-saturating")

    def __call__(self, seed: int) -> list[float]:
        """The loss of each theta, (12,)."""
        import torch

        paths = paths_on(self.device, self.market, self.thetas, n_paths=PATHS, n_steps=STEPS, warmup=WARMUP, seed=seed,
                         common_random_numbers=True)
        tensor = as_tensor(paths)
        with torch.inference_mode():
            logits = self.network(windows(tensor, self.scaling))
            return torch.stack([self.objective.generator_loss(one) for one in logits]).tolist()


def study(options: Options) -> Iterator[Row]:
    """Rows in nanoseconds per unit: a market, a crowd, a generation."""
    few = options.quick or options.device == "cpu"
    tasks = {"gpu-market": replace(TASKS["market-1000"], n_paths=1 << (14 if few else 20)),
             "gpu-crowd": replace(TASKS["crowd-1e6"], n_paths=64 if few else 4096, n_steps=2 if few else 100)}
    for name, task in tasks.items():
        yield _row(options, name, partial(_call, options.device, task), task.units, unit=task.unit, paths=task.n_paths,
                   steps=task.n_steps, agents=task.n_agents)
    if options.device == "cuda" and _name("cuda") == "cuda":
        yield {"peer": "fastmas", "task": "gpu-generation", "left_out": "this torch was built without CUDA"}
        return
    yield _row(options, "gpu-generation", Generation(options.device), 1, unit="generation", paths=THETAS * PATHS,
               steps=STEPS, agents=15)


def _call(device: str, task: Task, seed: int) -> Any:
    return paths_on(device, task.market, task.theta, n_paths=task.n_paths, n_steps=task.n_steps, seed=seed)


def _row(options: Options, name: str, call: Callable[[int], Any], units: int, **facts: Any) -> Row:
    call(0)
    seconds = take_turns({name: call}, options.repeats, options.seed)[name]
    return {"study": "gpu", "task": name, "device": _name(options.device), **facts, **summary(seconds, units)}


def _name(device: str) -> str:
    import torch

    return torch.cuda.get_device_name() if device == "cuda" and torch.cuda.is_available() else device


STUDY = study
