"""What an image shows without recognising anything in it: pixels, Gabor energy, edges, contrast, centre.

Features that predict recordings, and importance maps, of stored stimuli (n, 3, height, width) uint8. Filters
are in pixels of the model's input. All but `area_means` see the luma: Rec. 709 weights of the encoded sRGB
values, which grow about as lightness looks.
"""

from __future__ import annotations

import functools

import numpy as np

from visalign.stimuli.resampling import resampling_matrix

#: Rec. 709 weights of red, green and blue.
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
#: Positions a side of the pixels and of the Gabor energies that are kept.
PIXELS_GRID, ENERGY_GRID = 56, 28
#: Wavelengths of the Gabor filters in pixels, octaves apart; orientations are evenly spaced over half a turn.
WAVELENGTHS, ORIENTATIONS = (4, 8, 16, 32), 8
#: SD of a filter's envelope a wavelength: one octave between half amplitudes, in the range of simple cells
#: (Jones and Palmer 1987). The envelope is round, as in Pinto et al. 2008.
ENVELOPE = 0.56
#: SD in pixels of the derivative of a Gaussian that finds edges (Canny 1986).
EDGE_SD = 2.0
#: SD in pixels of the Gaussian window of local contrast.
CONTRAST_SD = 8.0
#: Local variances of luma below this are the rounding of float64.
ROUNDING = 1e-14
#: SD of the centre's Gaussian as a share of the input's shorter side; ranks are those of any other.
CENTRE_SD = 0.25

#: What low-level models compute, by architecture, in words of the methods.
DEFINITIONS = {
    "pixels": f"mean colours of {PIXELS_GRID} × {PIXELS_GRID} cells",
    "gabor-energy": "√(even² + odd²) of Gabor filters in quadrature (Adelson and Bergen 1985) of "
    f"{', '.join(map(str, WAVELENGTHS))} pixels a cycle and {ORIENTATIONS} orientations, one octave wide, "
    f"averaged over {ENERGY_GRID} × {ENERGY_GRID} cells",
    "edge-energy": f"length of the gradient under a Gaussian of SD {EDGE_SD:g} (Canny 1986)",
    "local-contrast": f"SD over mean in a Gaussian window of SD {CONTRAST_SD:g}",
    "centre": f"a Gaussian about the centre of SD {CENTRE_SD:g} of the side",
}


def luma(pixels: np.ndarray) -> np.ndarray:
    """Luma (n, height, width) float32 in [0, 1] of pixels (n, 3, height, width) uint8.

    By sums, since a matrix product would be rounded otherwise in a batch of another size.
    """
    red, green, blue = (weight * pixels[:, i] for i, weight in enumerate(LUMA / 255))
    return red + green + blue


# --- features ---


def area_means(pixels: np.ndarray) -> np.ndarray:
    """Mean colours (n, 3, 56, 56) float32 in [0, 1] of the cells of a grid on (n, 3, height, width)."""
    rows, columns = (resampling_matrix(side, PIXELS_GRID).astype(np.float32) for side in pixels.shape[2:])
    return rows @ (pixels.astype(np.float32) / 255) @ columns.T


def gabor_energy(pixels: np.ndarray) -> np.ndarray:
    """Energies of quadrature pairs of Gabor filters, averaged over the cells of a grid.

    √(even² + odd²) of the responses of a cosine and a sine under one Gaussian (Adelson and Bergen 1985),
    which does not depend on the phase of a grating: of amplitude a, at the filter's own wavelength and
    orientation, it is a / 2. The filters' response to a constant is taken out (Morlet).

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, 3, height, width)
        Continued beyond their border as in a mirror.

    Returns
    -------
    ndarray of float32, shape (n, 32, 28, 28)
        Channels: by wavelength, then by orientation, the direction in which the grating varies, counted from
        the x axis towards the y axis, which points down.
    """
    images = luma(pixels)
    return np.concatenate([octave(images, wavelength) for wavelength in WAVELENGTHS], axis=1)


def octave(images: np.ndarray, wavelength: int) -> np.ndarray:
    """Gabor energies (n, orientations, 28, 28) of luma images (n, height, width) at one wavelength."""
    height, width = images.shape[1:]
    a_cell = max(16 // wavelength, 1)  # samples a side of a cell: half a wavelength apart at 224 pixels, or 8
    samples, sd = a_cell * ENERGY_GRID, ENVELOPE * wavelength
    rows, columns = (gaussian_waves(side, samples, sd, 0.0).real for side in (height, width))
    mean = rows @ images @ columns.T
    energies = []
    for angle in np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS:
        rows = gaussian_waves(height, samples, sd, np.sin(angle) / wavelength)
        columns = gaussian_waves(width, samples, sd, np.cos(angle) / wavelength)
        constant = rows.sum(axis=1)[:, None] * columns.sum(axis=1)
        response = (rows.real @ images + 1j * (rows.imag @ images)) @ columns.T - constant * mean
        cells = np.abs(response).reshape(len(images), ENERGY_GRID, a_cell, ENERGY_GRID, a_cell)
        energies.append(cells.mean(axis=(2, 4)))
    return np.stack(energies, axis=1)


@functools.cache
def gaussian_waves(side: int, samples: int, sd: float, frequency: float) -> np.ndarray:
    """Complex waves under Gaussians of sum 1, at evenly spaced positions of a line of pixels.

    A two-dimensional Gabor filter of round envelope is the product of one along y and one along x.

    Parameters
    ----------
    side : int
        Pixels of the line, which goes on beyond its ends as in a mirror.
    samples : int
        Positions, at the centres of as many equal stretches.
    sd : float
        Of the Gaussian, in pixels.
    frequency : float
        Cycles a pixel.

    Returns
    -------
    ndarray of complex64, shape (samples, side)
    """
    reach = int(np.ceil(4 * sd))
    mirrored = np.pad(np.arange(side), reach, mode="symmetric")
    centres = (np.arange(samples) + 0.5) * side / samples - 0.5
    distance = np.arange(-reach, side + reach) - centres[:, None]
    envelope = np.exp(-(distance**2) / (2 * sd**2))
    waves = envelope / envelope.sum(axis=1, keepdims=True) * np.exp(2j * np.pi * frequency * distance)
    onto = np.zeros((side, samples), complex)
    np.add.at(onto, mirrored, waves.T)
    return onto.T.astype(np.complex64)


# --- importance maps ---


def edge_energy(pixels: np.ndarray) -> np.ndarray:
    """Length of the gradient of luma, (n, height, width) float32, a pixel; see `EDGE_SD`."""
    from scipy.ndimage import gaussian_gradient_magnitude

    return np.stack([gaussian_gradient_magnitude(image, EDGE_SD) for image in luma(pixels)])


def local_contrast(pixels: np.ndarray) -> np.ndarray:
    """SD of luma over its mean in a Gaussian window, (n, height, width) float32; 0 where luma is constant."""
    from scipy.ndimage import gaussian_filter

    images = luma(pixels).astype(np.float64)
    found = np.zeros(images.shape, np.float32)
    for image, contrast in zip(images, found, strict=True):
        mean = gaussian_filter(image, CONTRAST_SD)
        # About a value of the image itself: one that is constant has a variance of exactly 0.
        first, second = (gaussian_filter((image - image[0, 0]) ** power, CONTRAST_SD) for power in (1, 2))
        variance = second - first**2
        varies = variance > ROUNDING
        contrast[varies] = np.sqrt(variance[varies]) / mean[varies]
    return found


def centre_bias(pixels: np.ndarray) -> np.ndarray:
    """Gaussian about the centre of the input, (n, height, width) float32, the same for all images."""
    n, _, height, width = pixels.shape
    y, x = (np.arange(side) - (side - 1) / 2 for side in (height, width))
    square = (y[:, None] ** 2 + x**2) / (CENTRE_SD * min(height, width)) ** 2
    return np.repeat(np.exp(-square / 2)[None].astype(np.float32), n, axis=0)
