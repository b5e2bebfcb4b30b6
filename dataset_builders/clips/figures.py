"""Draws skeletons as figures of shaded capsules, seen by a camera at a random place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

_THICKNESS = 0.04  # radius of a limb, relative to the longer side of the figure
_LIGHT = np.array([-0.45, 0.65, 0.61], np.float32)  # from the upper left, towards the camera
_AMBIENT, _FAR = 0.35, 0.55  # brightness in shadow, and of the farthest limb relative to the nearest


@dataclass(frozen=True)
class Camera:
    """Where figures are seen from.

    yaw, pitch  turn about the vertical axis and downward tilt, radians
    fill        share of the picture that the longer side of the figure's path covers
    shift       of the figure from the middle, right and down, relative to the side of the picture
    """

    yaw: float
    pitch: float
    fill: float
    shift: tuple[float, float]

    @classmethod
    def random(cls, rng: np.random.Generator) -> Camera:
        """From anywhere around, slightly above."""
        return cls(
            yaw=rng.uniform(0, 2 * np.pi),
            pitch=rng.uniform(0.1, 0.45),
            fill=rng.uniform(0.72, 0.92),
            shift=(rng.uniform(-0.05, 0.05), rng.uniform(-0.05, 0.05)),
        )

    def project(
        self, joints: Float[np.ndarray, "frames joints 3"], side: int
    ) -> tuple[Float32[np.ndarray, "frames joints 3"], float]:
        """Columns, rows and nearness of joints in pixels, parallel projection; and the radius of a limb."""
        turn = _about_y(self.yaw) @ _about_x(self.pitch)
        seen = joints @ turn * np.array([1.0, -1.0, 1.0])
        low, high = seen.min((0, 1)), seen.max((0, 1))
        longer = max(float((high - low)[:2].max()), 1e-6)
        scale = side * self.fill / longer
        middle = side * (0.5 + np.array([*self.shift, 0.0]))
        placed = (seen - (low + high) / 2) * scale + middle
        return placed.astype(np.float32), _THICKNESS * self.fill * side


def draw(
    joints: Float[np.ndarray, "frames joints 3"], links: Int[np.ndarray, "links 2"], camera: Camera, side: int
) -> UInt8[np.ndarray, "frames side side"]:
    """Frames in grey: bright limbs on black, shaded by their roundness and their distance."""
    placed, radius = camera.project(joints, side)
    nearness = placed[..., 2]
    low, high = float(nearness.min()), float(nearness.max())
    edge = np.arange(side, dtype=np.float32) + 0.5
    shade = np.zeros((len(joints), side, side), np.float32)
    depth = np.full_like(shade, -np.inf)
    for first, second in links:
        _add_limb(shade, depth, placed[:, first], placed[:, second], radius, edge, (low, high))
    return (shade * 255).round().astype(np.uint8)


def _add_limb(
    shade: Float32[np.ndarray, "frames side side"],
    depth: Float32[np.ndarray, "frames side side"],
    start: Float32[np.ndarray, "frames 3"],
    stop: Float32[np.ndarray, "frames 3"],
    radius: float,
    edge: Float32[np.ndarray, " side"],
    range_: tuple[float, float],
) -> None:
    """Draws one limb into all frames, where nothing nearer is drawn."""
    reach = radius + 1
    ends = np.stack([start, stop])
    rows, columns = (
        slice(max(int(ends[..., axis].min() - reach), 0), min(int(ends[..., axis].max() + reach) + 1, len(edge)))
        for axis in (1, 0)
    )
    x = edge[None, None, columns] - start[:, None, None, 0]
    y = edge[None, rows, None] - start[:, None, None, 1]
    along = (stop - start)[:, None, None, :]
    length = np.maximum(along[..., 0] ** 2 + along[..., 1] ** 2, 1e-9)
    place = np.clip((x * along[..., 0] + y * along[..., 1]) / length, 0, 1)
    across_x, across_y = x - place * along[..., 0], y - place * along[..., 1]
    distance = np.sqrt(across_x**2 + across_y**2)
    cover = np.clip(radius - distance + 0.5, 0, 1)
    height = np.sqrt(np.maximum(1 - (distance / radius) ** 2, 0))
    near = start[:, None, None, 2] + place * along[..., 2] + radius * height
    lit = (across_x * _LIGHT[0] - across_y * _LIGHT[1]) / radius + height * _LIGHT[2]
    low, high = range_
    far = _FAR + (1 - _FAR) * (near - low) / max(high - low + radius, 1e-6)
    bright = np.clip((_AMBIENT + (1 - _AMBIENT) * np.maximum(lit, 0)) * far, 0, 1)
    before, behind = shade[:, rows, columns], depth[:, rows, columns]
    over = (near > behind) & (cover > 0)
    before[over] = (cover * bright + (1 - cover) * before)[over]
    behind[over & (cover >= 0.5)] = near[over & (cover >= 0.5)]


def _about_y(angle: float) -> Float[np.ndarray, "3 3"]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])


def _about_x(angle: float) -> Float[np.ndarray, "3 3"]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
