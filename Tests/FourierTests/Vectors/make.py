"""Writes scipy.npy: three elements of SciPy's float64 transform of x_n = sin(n^2 / 7) + i cos(3 n + n^2 / 11), for every length
from 1 to 2050 and some awkward large ones. Row: length, then k, real, imaginary three times."""
import numpy as np, scipy.fft
rows = []
for n in [*range(1, 2051), 4093, 8191, 10007, 16384, 30030, 44100, 65537, 99999, 131072, 177147]:
    i = np.arange(n, dtype=np.float64)
    y = scipy.fft.fft(np.sin(i * i / 7) + 1j * np.cos(3 * i + i * i / 11))
    row = [n]
    for k in (n // 3, (5 * n + 1) // 7 % n, n - 1):
        row += [k, y[k].real, y[k].imag]
    rows.append(row)
np.asarray(rows).tofile(__file__.replace("make.py", "scipy.f64"))
