"""Interval arithmetic on float64 tensors, used over boxes; `arb` stays the arithmetic of points.

Guaranteed, for finite ends or infinite ones, at any magnitude that float64 holds:

- Inclusion. For each operation and all real operands inside the given intervals, the exact real
  result lies inside the returned interval. Constants that enter as floats are taken as exact.
- A certified norm or eigenvalue bound holds for every real matrix inside the interval matrix.
- Where nothing can be said (an overflow, a division by an interval that contains 0, a NaN) an end
  is infinite; it is never NaN and never silently wrong.

What this rests on:

- IEEE 754: torch's +, −, × and 1/x of float64 round to nearest, so the neighbouring float is an
  end. Subnormal numbers are not flushed (`torch.set_flush_denormal` is left off).
- Sums and matrix products may be computed in any order, with fused multiply-adds or without:
  the classical error bound covers each (`products`). Algorithms that are no reordering of the
  sums, such as Strassen's, are not covered; BLAS libraries do not use them for float64.
- torch's `tanh` and `exp` are within 4 units in the last place (`functions`). This is a promise of
  the libraries behind them; like the other two it is tested, not proved.

Not guaranteed: that a range is the smallest. A variable that occurs twice is treated as two
variables; `subdivision` splits boxes, and the excess shrinks with their width.
"""
