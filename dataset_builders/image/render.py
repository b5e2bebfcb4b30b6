"""Off-screen rendering of 3D models to sprites: small RGBA images from any viewpoint.

Needs pyvista, and from the system either EGL or OSMesa; a display is not needed.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from PIL import Image

from perceiver.errors import DataError

from ..objects.wavefront import Material, Part

_SUPERSAMPLE = 4
_ELEVATIONS = (8.0, 38.0)  # degrees above the horizon
_FAINT = 0.01  # mean opacity below which a sprite counts as empty
_VIEW_ANGLE = 30.0  # degrees across the ball around the object
_MARGIN = 1.03  # margin around the object, as a factor on its extent
_SMOOTH_BELOW = 40.0  # angle in degrees below which edges are smoothed, for models without normals
_KEY_LIGHT, _FILL_LIGHT, _FILL_OFFSET, _LIGHT_HEIGHT = 0.75, 0.35, 140.0, 1.2


@dataclass(frozen=True)
class Views:
    """Views of an object: RGBA sprites, and the azimuth and elevation of each in degrees."""

    sprites: UInt8[np.ndarray, "v s s 4"]
    angles: Float32[np.ndarray, "v 2"]


def require_renderer() -> None:
    """Raises DataError with what to install when rendering is not possible here."""
    try:
        importlib.import_module("pyvista")
    except ImportError:
        raise DataError("rendering needs pyvista; install it with `pip install 'perceiver-lens[data]'`") from None
    for library in ("libEGL.so.1", "libOSMesa.so.8"):
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        return
    raise DataError("rendering needs EGL or OSMesa; install one with `apt-get install libegl1 libgl1-mesa-dri`")


class Renderer:
    """An off-screen square window of `size` pixels. Close it after use, or use it in a `with` block."""

    def __init__(self, size: int) -> None:
        require_renderer()
        # The type stubs do not cover what is used here.
        self._pyvista: Any = importlib.import_module("pyvista")
        self._vtk: Any = importlib.import_module("vtk")
        self._vtk.vtkLogger.SetStderrVerbosity(self._vtk.vtkLogger.VERBOSITY_OFF)  # it warns of every missing display
        self._size, side = size, size * _SUPERSAMPLE
        self._plotter = self._pyvista.Plotter(off_screen=True, window_size=(side, side), lighting="none")
        # Multisampling in a software renderer costs fifty times what supersampling does.
        self._plotter.render_window.SetMultiSamples(0)
        self._plotter.enable_depth_peeling(8)
        self._points: Float[np.ndarray, "n 3"] = np.zeros((0, 3))
        self._opaque = False

    def __enter__(self) -> Renderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._plotter.close()

    def show(
        self,
        parts: Sequence[Part],
        rotation: Float[np.ndarray, "3 3"],
        picture: Callable[[str], Image.Image | None],
    ) -> None:
        """Puts a model in place of the last one, turned by `rotation` so that y is up.

        `picture` gives a texture by the name in a material, or None where there is none.
        """
        self._plotter.clear()
        points = np.concatenate([part.points for part in parts]) @ rotation.T
        self._points = points - (points.min(0) + points.max(0)) / 2
        self._points /= np.linalg.norm(self._points, axis=1).max()
        start = 0
        for part in parts:
            self._add(part, self._points[start : start + len(part.points)], rotation, picture)
            start += len(part.points)
        actors = self._plotter.renderer.actors.values()
        self._opaque = not any(actor.HasTranslucentPolygonalGeometry() for actor in actors)

    def view(self, azimuth: float, elevation: float, light: float) -> UInt8[np.ndarray, "s s 4"]:
        """Renders the model, fitted to the frame: RGB (not premultiplied) and opacity.

        Angles are in degrees: azimuth and elevation of the camera, and azimuth of the key light.
        """
        self._light(light)
        self._aim(azimuth, elevation)
        # The difference between rendering over white and over black is the transparency.
        over_black = self._shot("black")
        over_white = np.where(self._covered(), over_black, np.uint8(255)) if self._opaque else self._shot("white")
        black, white = self._reduce(over_black), self._reduce(over_white)
        alpha = (1 - (white - black).mean(-1, keepdims=True) / 255).clip(0, 1)
        colour = np.where(alpha > 1 / 255, black / alpha.clip(1 / 255), 0).clip(0, 255)
        return np.concatenate([colour, alpha * 255], axis=-1).round().astype(np.uint8)

    def _add(
        self,
        part: Part,
        points: Float[np.ndarray, "n 3"],
        rotation: Float[np.ndarray, "3 3"],
        picture: Callable[[str], Image.Image | None],
    ) -> None:
        mesh = self._pyvista.PolyData(points, faces=part.polygons)
        texture = self._texture(part.material, picture) if part.texture is not None else None
        if texture is not None:
            mesh.active_texture_coordinates = part.texture
        if part.normals is not None:
            mesh.point_data.active_normals = part.normals @ rotation.T
        mesh = mesh.triangulate()
        if part.normals is None and mesh.n_cells:
            mesh = mesh.compute_normals(cell_normals=False, split_vertices=True, feature_angle=_SMOOTH_BELOW)
        if not mesh.n_cells:
            return
        self._plotter.add_mesh(
            mesh,
            color="white" if texture is not None else part.material.colour,
            opacity=part.material.opacity,
            texture=texture,
            ambient=0.35,
            diffuse=0.75,
            specular=0.08,
            specular_power=20,
            render=False,
            reset_camera=False,
        )

    def _texture(self, material: Material, picture: Callable[[str], Image.Image | None]) -> Any:
        image = picture(material.texture) if material.texture else None
        if image is None:
            return None
        cover = picture(material.opacity_texture) if material.opacity_texture else None
        if cover is not None:
            shade = cover.getchannel("A") if cover.mode == "RGBA" else cover.convert("L")
            image.putalpha(shade.resize(image.size))
        texture = self._pyvista.Texture(np.asarray(image))
        texture.interpolate, texture.mipmap, texture.repeat = True, True, True
        if image.mode == "RGBA":
            # Anisotropic filtering of leaves that are seen edge-on takes Mesa's software renderer minutes a picture.
            texture.SetMaximumAnisotropicFiltering(1.0)
        return texture

    def _light(self, angle: float) -> None:
        self._plotter.remove_all_lights()
        for turn, strength in ((angle, _KEY_LIGHT), (angle + _FILL_OFFSET, _FILL_LIGHT)):
            x, z = np.cos(np.radians(turn)), np.sin(np.radians(turn))
            light = self._pyvista.Light(position=(x, _LIGHT_HEIGHT, z), light_type="scene light", intensity=strength)
            self._plotter.add_light(light)

    def _aim(self, azimuth: float, elevation: float) -> None:
        """Points the camera at the bounding sphere, then crops the view to the bounding box in the image."""
        turn, rise = np.radians(azimuth), np.radians(elevation)
        back = np.array([np.cos(turn) * np.cos(rise), np.sin(rise), np.sin(turn) * np.cos(rise)])
        right = np.array([np.sin(turn), 0.0, -np.cos(turn)])
        up = np.cross(back, right)
        distance = 1 / np.sin(np.radians(_VIEW_ANGLE / 2))
        flat = np.stack([self._points @ right, self._points @ up], -1) / (distance - self._points @ back)[:, None]
        low, high = flat.min(0), flat.max(0)
        half = (high - low).max() / 2 * _MARGIN
        camera = self._plotter.camera
        camera.position, camera.focal_point, camera.up = tuple(distance * back), (0, 0, 0), (0, 1, 0)
        camera.view_angle = 2 * np.degrees(np.arctan(half))
        camera.SetWindowCenter(*((low + high) / 2 / half))
        self._plotter.renderer.ResetCameraClippingRange()

    def _shot(self, background: str) -> UInt8[np.ndarray, "w w 3"]:
        """The window's pixels, the bottom row first."""
        self._plotter.set_background(background)
        window, side = self._plotter.render_window, self._size * _SUPERSAMPLE
        window.Render()
        pixels = self._vtk.vtkUnsignedCharArray()
        window.GetPixelData(0, 0, side - 1, side - 1, 0, pixels, 0)
        image: UInt8[np.ndarray, "w w 3"] = self._pyvista.convert_array(pixels).reshape(side, side, 3)
        return image

    def _covered(self) -> Bool[np.ndarray, "w w 1"]:
        """Mask of the pixels that the object covers, from the depth buffer."""
        side = self._size * _SUPERSAMPLE
        depth = self._vtk.vtkFloatArray()
        self._plotter.render_window.GetZbufferData(0, 0, side - 1, side - 1, depth)
        return self._pyvista.convert_array(depth).reshape(side, side, 1) < 1

    def _reduce(self, image: UInt8[np.ndarray, "w w 3"]) -> Float[np.ndarray, "s s 3"]:
        """The mean of the window's pixels in each pixel of a sprite, the top row first."""
        blocks = image.reshape(self._size, _SUPERSAMPLE, self._size, _SUPERSAMPLE, 3)[::-1]
        means: Float[np.ndarray, "s s 3"] = blocks.mean((1, 3), dtype=np.float64)
        return means


def draw(renderer: Renderer, views: int, rng: np.random.Generator) -> Views:
    """Renders `views` random views of the model in random light; nearly empty views are omitted."""
    low, high = _ELEVATIONS
    angles = rng.random((views, 3)) * [360, high - low, 360] + [0, low, 0]
    sprites = np.stack([renderer.view(*view) for view in angles])
    seen = sprites[..., 3].mean((1, 2)) >= _FAINT * 255
    return Views(sprites[seen], angles[seen, :2].astype(np.float32))
