"""Training features in the basis in which every ridge penalty is a product.

Ridge regression with an intercept depends on the n training features only through their centred Gram matrix
K = U Λ Uᵀ. Where there are fewer features than stimuli (primal) it follows from the p × p products of the
features, else (dual) from the n × n ones of the stimuli: the same basis U, of whichever is smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

#: Added to the standard deviation of every feature, as in the published probe's batch norm.
STD_OFFSET = 1e-6


@dataclass(frozen=True)
class Spectrum:
    """Training stimuli in the basis of their centred Gram matrix, and test stimuli against it.

    Attributes
    ----------
    basis : ndarray, shape (n_train, k)
        Orthonormal columns U, each of sum 0.
    eigenvalues : ndarray, shape (k,)
        Λ, positive; those that are zero but for rounding are left out with their columns.
    test : ndarray, shape (n_test, k)
        Gram rows of the test stimuli with the training ones, in the basis: K_test U.
    """

    basis: np.ndarray
    eigenvalues: np.ndarray
    test: np.ndarray


class Features:
    """Features of all stimuli, z-scored anew by the training stimuli of each split.

    Each feature has its training mean taken off and is divided by its training standard deviation (of the
    population) + 1e-6. What splits share, the products of all features, is computed once.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Of any scale; worked on in float64.
    """

    def __init__(self, X: np.ndarray) -> None:
        # Products of features far from 0 would cancel; each training set takes off what is left of its mean.
        self._X = X - X.mean(axis=0, dtype=np.float64)
        self._products: np.ndarray | None = None

    def __len__(self) -> int:
        """Return the number of stimuli."""
        return len(self._X)

    def spectrum(self, train: np.ndarray, test: np.ndarray) -> Spectrum:
        """Spectrum of a split, `train` and `test` being indices of stimuli."""
        shown, mean, scale = self._scaled_by(train)
        held_out = (self._X[test] - mean) * scale
        n, p = shown.shape
        if p >= n:
            z = (shown - mean) * scale
            return _spectrum(z @ z.T, held_out @ z.T)
        products = self._products_of(train, shown)
        products -= n * np.outer(mean, mean)
        products *= np.outer(scale, scale)
        eigenvalues, V = _positive(products, n)
        root = np.sqrt(eigenvalues)
        rotation = V * scale[:, None]
        basis = shown @ rotation
        basis -= mean @ rotation
        basis /= root
        return Spectrum(basis, eigenvalues, held_out @ (V * root))

    def rows(self, stimuli: np.ndarray) -> np.ndarray:
        """Features (n_stimuli, p) of `stimuli`, less the mean of all."""
        return self._X[stimuli]

    def _scaled_by(self, train: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Shifted features of `train`, their mean (p,), and what they are multiplied by (p,)."""
        shown = self._X[train]
        mean, std = shown.mean(axis=0), shown.std(axis=0)
        # Rounding of a constant is no deviation: 1e-6 would blow it up.
        varies = std > 1e-12 * np.abs(shown).max(axis=0, initial=0)
        return shown, mean, np.where(varies, 1 / (std + STD_OFFSET), 0)

    def _products_of(self, train: np.ndarray, shown: np.ndarray) -> np.ndarray:
        """XᵀX of the training stimuli: of all stimuli less the others', where these are fewer."""
        others = np.ones(len(self._X), dtype=bool)
        others[train] = False
        if others.sum() >= len(train) or len(np.unique(train)) < len(train):
            return shown.T @ shown
        if self._products is None:
            self._products = self._X.T @ self._X
        rest = self._X[others]
        products = self._products - rest.T @ rest
        # What a difference leaves of a feature that hardly varies in training is rounding: of its own, then.
        faint = np.flatnonzero(products.diagonal() < 1e-6 * self._products.diagonal())
        if len(faint):
            products[faint] = shown[:, faint].T @ shown
            products[:, faint] = products[faint].T
        return products


class Gram:
    """Gram matrix of features, centred by the training stimuli of each split, not z-scored.

    The scale of single features is not in a Gram matrix; what should be z-scored comes as `Features`.

    Parameters
    ----------
    K : ndarray, shape (n, n)
        Features times their transpose, shifted by any constant vector or not.
    """

    def __init__(self, K: np.ndarray) -> None:
        self._K = np.asarray(K, dtype=np.float64)

    def __len__(self) -> int:
        """Return the number of stimuli."""
        return len(self._K)

    def take(self, rows: np.ndarray) -> Gram:
        """Gram matrix of some stimuli."""
        return Gram(self._K[np.ix_(rows, rows)])

    def spectrum(self, train: np.ndarray, test: np.ndarray) -> Spectrum:
        """Spectrum of a split, `train` and `test` being indices of stimuli."""
        within, across = self._K[np.ix_(train, train)], self._K[np.ix_(test, train)]
        means = within.mean(axis=0)
        across = across - across.mean(axis=1, keepdims=True) - (means - means.mean())
        within = within - means[:, None] - (means - means.mean())
        return _spectrum(within, across)


def _spectrum(within: np.ndarray, across: np.ndarray) -> Spectrum:
    """Spectrum of centred Gram matrices (n, n) and (n_test, n)."""
    eigenvalues, U = _positive(within, len(within))
    return Spectrum(U, eigenvalues, across @ U)


def _positive(products: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (k,) and vectors (m, k) of symmetric products (m, m), without those of rounding."""
    eigenvalues, V = linalg.eigh(products.T, overwrite_a=True, check_finite=False, driver="evd")
    # Products that underflowed are no features either.
    least = max(eigenvalues[-1] * max(n, len(V)) * np.finfo(float).eps, np.finfo(float).tiny)
    kept = int(np.searchsorted(eigenvalues, least, side="right"))
    return eigenvalues[kept:], V[:, kept:]
