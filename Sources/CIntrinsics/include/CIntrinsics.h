// Instructions and processor facts that Swift has no spelling for. No algorithms live here.
#ifndef CONVOLVE_CINTRINSICS_H
#define CONVOLVE_CINTRINSICS_H

#include <stdint.h>

/// What a register-tile kernel works on: a padded block of samples, its weights and its output.
///
/// The struct is defined in C so that the ISA modules export no Swift type: a Swift type brings value
/// witnesses, which the linker may keep for the whole program, compiled for the wrong processor.
typedef struct {
  /// First sample of the padded input block; row r starts at `input + r * inputStride`.
  const float *_Nonnull input;
  intptr_t inputStride;
  /// Weights, column by column, each column twice over: `weights[s * 2 * kernelHeight + r]` and
  /// `weights[s * 2 * kernelHeight + kernelHeight + r]` are row r, column s.
  const float *_Nonnull weights;
  intptr_t kernelHeight;
  intptr_t kernelWidth;
  /// Distance in samples between horizontally adjacent taps: the channel count of interleaved pixels.
  intptr_t tapStep;
  /// Output block, written in whole tiles: it has room for `CONVOLVE_TILE_ROWS` rows and
  /// `CONVOLVE_TILE_COLUMNS` columns more than asked, and the input can be read as far.
  float *_Nonnull output;
  intptr_t outputStride;
  intptr_t rows;
  intptr_t columns;
  /// Nonzero: add to what the output holds instead of replacing it.
  intptr_t accumulate;
  /// Box sums along rows: the taps that are summed first, 1 to `kernelWidth`; groups of them are summed next.
  intptr_t tapsTogether;
} ConvolveBlock;

/// What the matrix tile works on: c[i, j] = start + sum over k of a[k * panel + i] * b[k * bStride + j], and the residual, where
/// a panel of weights has `panel` rows.
typedef struct {
  const float *_Nonnull a;
  /// Read in whole vectors.
  const float *_Nonnull b;
  intptr_t bStride;
  intptr_t depth;
  /// Written in whole vectors.
  float *_Nonnull c;
  intptr_t cStride;
  /// What is added to the sums: vector j of row i is at `start + i * startRowStep + j * startVectorStep`.
  const float *_Nonnull start;
  intptr_t startRowStep;
  intptr_t startVectorStep;
  /// Added at last, where there is one: laid out as `c`, and perhaps `c` itself.
  const float *_Nullable residual;
  /// How far ahead of `a` weights are asked for, in elements: with every step's weights, or, where tiles ask in parts, three
  /// cache lines in eight steps. 0 where there is nothing to ask for.
  intptr_t ahead;
  /// Between which numbers the sums are kept before they are written: infinities where they stay as they are.
  float least;
  float most;
} ConvolveTile;

/// Full tiles of the most vectors, one below the other, and what is asked for meanwhile: each one's residual too.
typedef struct {
  /// The first one, at the first row of a panel of weights; it is changed.
  ConvolveTile tile;
  intptr_t count;
  /// From panel to panel of the weights, in elements, and of what each panel is multiplied with.
  intptr_t panelStep;
  intptr_t bPanelStep;
  /// `ahead` of a panel's first tile, and of its other ones.
  intptr_t firstAhead;
  intptr_t otherAhead;
  /// Samples of the product to come: each tile asks for some of their rows, `samplesStep` apart, where the lines are.
  const float *_Nullable samples;
  intptr_t samplesStep;
  const int32_t *_Nullable lines;
  intptr_t lineCount;
  /// Rows of samples that are left to ask for, and those of one tile.
  intptr_t samplesLeft;
  intptr_t samplesTogether;
} ConvolveTiles;

/// What the tile of direct convolution works on:
/// c[i, j] = start + sum over k of input[outputOffsets[i] + depthOffsets[k]] * weights[k * weightStride + j].
typedef struct {
  const float *_Nonnull input;
  /// Where each of the tile's outputs reads, from `input`.
  const int32_t *_Nonnull outputOffsets;
  /// Where each step of the depth reads, from an output's place.
  const int32_t *_Nonnull depthOffsets;
  /// Nonzero: those are 0, 1, 2 and so on, and weights lie side by side.
  intptr_t isContiguous;
  intptr_t depth;
  /// Vectors of output channels.
  const float *_Nonnull weights;
  intptr_t weightStride;
  /// Written in whole vectors.
  float *_Nonnull c;
  intptr_t cStride;
  /// Where each row is, from `c`; null where row i is at `c + i * cStride`.
  const int32_t *_Nullable cOffsets;
  /// What is added to the sums: of row i it is as far on as in `c`, or one row is added to all. Null where they are written as
  /// they are, without bounds either.
  const float *_Nullable start;
  intptr_t hasOneStart;
  /// How far ahead of `weights` others are asked for, in elements: one cache line with every step's weights, or, where tiles ask
  /// in parts, with every second step the next cache line. 0 where there is nothing to ask for.
  intptr_t ahead;
  /// A second cache line with every step's weights, where tiles do not ask in parts; 0 where there is none to ask for.
  intptr_t aheadToo;
  /// Between which numbers the sums are kept before they are written: infinities where they stay as they are.
  float least;
  float most;
} ConvolveDirectTile;

/// A block of the result of Strassen's products: out[j, i] = first[i, j] + second[i, j] + third[i, j] - fourth[i, j] + bias[j],
/// and the residual, of at most a vector of channels j.
typedef struct {
  /// Read in whole vectors.
  const float *_Nonnull first;
  const float *_Nonnull second;
  /// Both null where there are two products alone.
  const float *_Nullable third;
  const float *_Nullable fourth;
  /// From row to row of the products, which can be read as far as rows fill vectors.
  intptr_t stride;
  intptr_t rows;
  /// Channels.
  intptr_t columns;
  /// A vector.
  const float *_Nonnull bias;
  float *_Nonnull out;
  intptr_t outStride;
  /// Added to the outputs, where there is one: laid out as they are, and perhaps the same.
  const float *_Nullable residual;
  /// Room for a vector.
  float *_Nonnull scratch;
  /// Between which numbers the outputs are kept: infinities where they stay as they are.
  float least;
  float most;
} ConvolveStrassenOutput;

/// The outputs of Winograd's tiles side by side, of a vector of channels.
typedef struct {
  /// Entry e of the products of tile t is at `m + e * step + t * tileStep`.
  const float *_Nonnull m;
  intptr_t step;
  intptr_t tiles;
  intptr_t tileStep;
  /// A vector.
  const float *_Nonnull bias;
  /// Rows of outputs, each a vector, `outStride` elements apart.
  float *_Nonnull out;
  intptr_t outStride;
  /// Room for the outputs of the columns of a tile.
  float *_Nonnull scratch;
  /// Between which numbers the outputs are kept: infinities where they stay as they are.
  float least;
  float most;
} ConvolveWinogradOutput;

/// One channel's correlation: out[y, x] = bias + sum over r and s of weights[r, s] * input[y * stride + r, x * stride + s].
typedef struct {
  /// A padded plane, which is read in whole vectors, and in blocks of seven rows of outputs.
  const float *_Nonnull input;
  intptr_t inputStride;
  const float *_Nonnull weights;
  intptr_t kernelWidth;
  float bias;
  /// Between which numbers the sums are kept before they are written: infinities where they stay as they are.
  float least;
  float most;
  /// Written in whole vectors: where `columns` are fewer, what is too much is written over by the next row.
  float *_Nonnull output;
  intptr_t outputStride;
  intptr_t rows;
  intptr_t columns;
  /// For a plane that is read where it lies, zeros for a vector and a number before and after it.
  const float *_Nullable zeros;
} ConvolveDepthwise;

/// One channel's correlation over a plane with zeros around it: y[r, c] = bias + sum over i and j of
/// weights[i, j] * x[r * stride + i - top, c * stride + j - left].
typedef struct {
  const float *_Nonnull input;
  intptr_t inputRows;
  intptr_t inputColumns;
  intptr_t top;
  intptr_t left;
  const float *_Nonnull weights;
  float bias;
  /// Between which numbers the sums are kept before they are written: infinities where they stay as they are.
  float least;
  float most;
  /// Exactly the outputs are written.
  float *_Nonnull output;
  intptr_t rows;
  intptr_t columns;
} ConvolveDepthwisePlane;

/// One pass of a Fourier transform over sixteen lanes side by side, each a transform of its own: element e's real parts are the
/// sixteen floats at `xr + e * xStep`, its imaginary parts those at `xi + e * xStep`.
typedef struct {
  const float *_Nonnull xr;
  const float *_Nonnull xi;
  intptr_t xStep;
  float *_Nonnull yr;
  float *_Nonnull yi;
  intptr_t yStep;
  intptr_t radix;
  /// Block b's butterfly j takes the elements b * radix * length + j + k * length, for k in 0 ..< radix.
  intptr_t blocks;
  intptr_t length;
  /// Output q of butterfly j is multiplied by the complex number (radix - 1) * j + q - 1, and stored where input q was;
  /// null in the last pass, which has butterflies of length 1.
  const float *_Nullable twiddles;
  /// In the last pass, output q of block b is element targets[b] + q * targetStep, times the scale.
  const int32_t *_Nonnull targets;
  intptr_t targetStep;
  float scale;
  /// Radices other than 2, 3, 4, 5, 8: cosine and sine of 2 pi m / radix, and room for 64 * radix floats.
  const float *_Nonnull roots;
  float *_Nonnull work;
} ConvolveFourierPass;

/// Samples that are copied together into a row of a panel: from `source` in a plane, or a constant where that is
/// negative, to `target` in the row.
typedef struct {
  int32_t target;
  int32_t source;
  int32_t count;
} ConvolveRun;

/// y[r, i] = f(x[r, i] + residual[r, i]) for rows that lie `stride` elements apart in all three; y may be x.
typedef struct {
  const float *_Nonnull x;
  const float *_Nullable residual;
  float *_Nonnull y;
  intptr_t rows;
  intptr_t columns;
  intptr_t stride;
  float parameter;
} ConvolveActivation;

/// Functions of `activate`: x, max(x, 0), x or parameter * x below 0, x between 0 and 6, and those of their names.
#define CONVOLVE_IDENTITY ((int32_t)0)
#define CONVOLVE_RELU ((int32_t)1)
#define CONVOLVE_LEAKY_RELU ((int32_t)2)
#define CONVOLVE_RELU6 ((int32_t)3)
#define CONVOLVE_SIGMOID ((int32_t)4)
#define CONVOLVE_SILU ((int32_t)5)
#define CONVOLVE_TANH ((int32_t)6)
#define CONVOLVE_ELU ((int32_t)7)
#define CONVOLVE_GELU ((int32_t)8)
#define CONVOLVE_HARDSWISH ((int32_t)9)
#define CONVOLVE_SOFTPLUS ((int32_t)10)

/// The tallest register tile, and the widest last tile of a row, on any ISA.
#define CONVOLVE_TILE_ROWS 8
#define CONVOLVE_TILE_COLUMNS 128

#if defined(__x86_64__)
/// 1 when processor and operating system support x86-64-v3 (AVX2, FMA, BMI2, F16C).
static inline int convolve_cpu_has_avx2(void) { return __builtin_cpu_supports("x86-64-v3") != 0; }
/// 1 when processor and operating system support x86-64-v4 (AVX-512 F, BW, CD, DQ, VL).
static inline int convolve_cpu_has_avx512(void) { return __builtin_cpu_supports("x86-64-v4") != 0; }
/// 1 when the processor takes 512-bit multiply-adds in halves: Zen 4, which is all of its family that has them. (By its own name
/// GCC's library does not know it.)
static inline int convolve_cpu_halves_avx512(void) { return __builtin_cpu_is("amdfam19h") != 0; }
#endif

typedef float convolve_f32x4 __attribute__((vector_size(16)));
typedef float convolve_f32x8 __attribute__((vector_size(32)));
typedef float convolve_f32x16 __attribute__((vector_size(64)));
typedef int32_t convolve_i32x4 __attribute__((vector_size(16)));
typedef int32_t convolve_i32x8 __attribute__((vector_size(32)));
typedef int32_t convolve_i32x16 __attribute__((vector_size(64)));
typedef uint8_t convolve_u8x4 __attribute__((vector_size(4)));
typedef uint8_t convolve_u8x8 __attribute__((vector_size(8)));
typedef uint8_t convolve_u8x16 __attribute__((vector_size(16)));
typedef uint16_t convolve_u16x4 __attribute__((vector_size(8)));
typedef uint16_t convolve_u16x8 __attribute__((vector_size(16)));
typedef uint16_t convolve_u16x16 __attribute__((vector_size(32)));

// The square root, 8- and 16-bit integers read as floats, and the low bytes or halves of 32-bit integers
// written, at any address: Swift's own spellings become scalar code.
#define CONVOLVE_VECTOR_OPERATIONS(n)                                                                     \
  static inline convolve_f32x##n convolve_sqrt_f32x##n(convolve_f32x##n x) {                              \
    return __builtin_elementwise_sqrt(x);                                                                 \
  }                                                                                                       \
  static inline convolve_f32x##n convolve_load_bytes_f32x##n(const uint8_t *_Nonnull p) {                  \
    convolve_u8x##n bytes;                                                                                \
    __builtin_memcpy(&bytes, p, sizeof bytes);                                                            \
    return __builtin_convertvector(bytes, convolve_f32x##n);                                              \
  }                                                                                                       \
  static inline convolve_f32x##n convolve_load_shorts_f32x##n(const uint16_t *_Nonnull p) {                \
    convolve_u16x##n shorts;                                                                              \
    __builtin_memcpy(&shorts, p, sizeof shorts);                                                          \
    return __builtin_convertvector(shorts, convolve_f32x##n);                                             \
  }                                                                                                       \
  static inline void convolve_store_bytes_i32x##n(uint8_t *_Nonnull p, convolve_i32x##n x) {              \
    convolve_u8x##n bytes = __builtin_convertvector(x, convolve_u8x##n);                                  \
    __builtin_memcpy(p, &bytes, sizeof bytes);                                                            \
  }                                                                                                       \
  static inline void convolve_store_shorts_i32x##n(uint16_t *_Nonnull p, convolve_i32x##n x) {            \
    convolve_u16x##n shorts = __builtin_convertvector(x, convolve_u16x##n);                               \
    __builtin_memcpy(p, &shorts, sizeof shorts);                                                          \
  }

CONVOLVE_VECTOR_OPERATIONS(4)
#if defined(__AVX2__)
CONVOLVE_VECTOR_OPERATIONS(8)
#endif
#if defined(__AVX512F__)
CONVOLVE_VECTOR_OPERATIONS(16)
#endif

// Rearrangements of two vectors: every second lane, lanes in turn, and one lane further or back.
#define CONVOLVE_REARRANGEMENTS(n, EVEN, ODD, LOW, HIGH, NEXT, PREVIOUS)                                          \
  static inline convolve_f32x##n convolve_even_f32x##n(convolve_f32x##n a, convolve_f32x##n b) {           \
    return __builtin_shufflevector(a, b, EVEN);                                                           \
  }                                                                                                       \
  static inline convolve_f32x##n convolve_odd_f32x##n(convolve_f32x##n a, convolve_f32x##n b) {            \
    return __builtin_shufflevector(a, b, ODD);                                                            \
  }                                                                                                       \
  static inline convolve_f32x##n convolve_low_f32x##n(convolve_f32x##n a, convolve_f32x##n b) {            \
    return __builtin_shufflevector(a, b, LOW);                                                            \
  }                                                                                                       \
  static inline convolve_f32x##n convolve_high_f32x##n(convolve_f32x##n a, convolve_f32x##n b) {           \
    return __builtin_shufflevector(a, b, HIGH);                                                           \
  }                                                                                                       \
  static inline convolve_f32x##n convolve_next_f32x##n(convolve_f32x##n a, convolve_f32x##n b) {           \
    return __builtin_shufflevector(a, b, NEXT);                                                           \
  }                                                                                                       \
  static inline convolve_f32x##n convolve_previous_f32x##n(convolve_f32x##n a, convolve_f32x##n b) {       \
    return __builtin_shufflevector(a, b, PREVIOUS);                                                       \
  }

#define CONVOLVE_LIST(...) __VA_ARGS__
CONVOLVE_REARRANGEMENTS(4,
                        CONVOLVE_LIST(0, 2, 4, 6),
                        CONVOLVE_LIST(1, 3, 5, 7),
                        CONVOLVE_LIST(0, 4, 1, 5),
                        CONVOLVE_LIST(2, 6, 3, 7),
                        CONVOLVE_LIST(1, 2, 3, 4), CONVOLVE_LIST(3, 4, 5, 6))
#if defined(__AVX2__)
CONVOLVE_REARRANGEMENTS(8,
                        CONVOLVE_LIST(0, 2, 4, 6, 8, 10, 12, 14),
                        CONVOLVE_LIST(1, 3, 5, 7, 9, 11, 13, 15),
                        CONVOLVE_LIST(0, 8, 1, 9, 2, 10, 3, 11),
                        CONVOLVE_LIST(4, 12, 5, 13, 6, 14, 7, 15),
                        CONVOLVE_LIST(1, 2, 3, 4, 5, 6, 7, 8), CONVOLVE_LIST(7, 8, 9, 10, 11, 12, 13, 14))
#endif
#if defined(__AVX512F__)
CONVOLVE_REARRANGEMENTS(16,
                        CONVOLVE_LIST(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30),
                        CONVOLVE_LIST(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31),
                        CONVOLVE_LIST(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
                        CONVOLVE_LIST(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
                        CONVOLVE_LIST(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16),
                        CONVOLVE_LIST(15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30))
#endif

// The greater and the lesser of each pair of lanes, `b` where either is NaN: one instruction, which compilers make of a
// comparison late, after they have counted what a loop takes. Other processors' instructions answer to NaN otherwise.
#if defined(__x86_64__)
static inline convolve_f32x4 convolve_max_f32x4(convolve_f32x4 a, convolve_f32x4 b) {
  return __builtin_ia32_maxps(a, b);
}
static inline convolve_f32x4 convolve_min_f32x4(convolve_f32x4 a, convolve_f32x4 b) {
  return __builtin_ia32_minps(a, b);
}
#endif
#if defined(__AVX2__)
static inline convolve_f32x8 convolve_max_f32x8(convolve_f32x8 a, convolve_f32x8 b) {
  return __builtin_ia32_maxps256(a, b);
}
static inline convolve_f32x8 convolve_min_f32x8(convolve_f32x8 a, convolve_f32x8 b) {
  return __builtin_ia32_minps256(a, b);
}
#endif
#if defined(__AVX512F__)
static inline convolve_f32x16 convolve_max_f32x16(convolve_f32x16 a, convolve_f32x16 b) {
  return __builtin_ia32_maxps512(a, b, 4);
}
static inline convolve_f32x16 convolve_min_f32x16(convolve_f32x16 a, convolve_f32x16 b) {
  return __builtin_ia32_minps512(a, b, 4);
}
#endif

// Every second lane of two vectors, from the first or the second, half by half of them, and the order in which they lie.
static inline convolve_f32x8 convolve_even_halves_f32x8(convolve_f32x8 a, convolve_f32x8 b) {
  return __builtin_shufflevector(a, b, 0, 2, 8, 10, 4, 6, 12, 14);
}
static inline convolve_f32x8 convolve_odd_halves_f32x8(convolve_f32x8 a, convolve_f32x8 b) {
  return __builtin_shufflevector(a, b, 1, 3, 9, 11, 5, 7, 13, 15);
}
static inline convolve_f32x8 convolve_ordered_halves_f32x8(convolve_f32x8 x) {
  return __builtin_shufflevector(x, x, 0, 1, 4, 5, 2, 3, 6, 7);
}

// Some lanes of a vector, the others zeros: what lies at their places is neither read nor written.
#if defined(__AVX2__)
static inline convolve_f32x8 convolve_load_lanes_f32x8(const float *_Nonnull p, convolve_i32x8 lanes) {
  return __builtin_ia32_maskloadps256((const convolve_f32x8 *)p, lanes);
}
static inline void convolve_store_lanes_f32x8(float *_Nonnull p, convolve_i32x8 lanes, convolve_f32x8 x) {
  __builtin_ia32_maskstoreps256((convolve_f32x8 *)p, lanes, x);
}
#endif

#if defined(__AVX512F__)
static inline convolve_f32x16 convolve_load_lanes_f32x16(const float *_Nonnull p, uint16_t lanes) {
  return __builtin_ia32_loadups512_mask(p, (convolve_f32x16){0}, lanes);
}
static inline void convolve_store_lanes_f32x16(float *_Nonnull p, uint16_t lanes, convolve_f32x16 x) {
  __builtin_ia32_storeups512_mask(p, x, lanes);
}
#endif

// Stores that go around the caches, for output that nobody reads soon. `p` is aligned to the vector.
static inline void convolve_stream_f32x4(float *_Nonnull p, convolve_f32x4 x) {
  __builtin_nontemporal_store(x, (convolve_f32x4 *)p);
}

#if defined(__AVX2__)
static inline void convolve_stream_f32x8(float *_Nonnull p, convolve_f32x8 x) {
  __builtin_nontemporal_store(x, (convolve_f32x8 *)p);
}
#endif

#if defined(__AVX512F__)
static inline void convolve_stream_f32x16(float *_Nonnull p, convolve_f32x16 x) {
  __builtin_nontemporal_store(x, (convolve_f32x16 *)p);
}
#endif

#if defined(__AVX512F__)
typedef uint8_t convolve_u8x32 __attribute__((vector_size(32)));
typedef uint8_t convolve_u8x64 __attribute__((vector_size(64)));

/// The low bytes of four vectors, one whole cache line: smaller pieces would be written to memory one by one.
static inline void convolve_stream_bytes_i32x16(uint8_t *_Nonnull p, convolve_i32x16 a, convolve_i32x16 b,
                                                convolve_i32x16 c, convolve_i32x16 d) {
#define CONVOLVE_BYTES(x) __builtin_convertvector(x, convolve_u8x16)
#define CONVOLVE_0_TO_15 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
#define CONVOLVE_16_TO_31 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
#define CONVOLVE_32_TO_63                                                                                   \
  32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57,   \
      58, 59, 60, 61, 62, 63
  convolve_u8x32 low = __builtin_shufflevector(CONVOLVE_BYTES(a), CONVOLVE_BYTES(b), CONVOLVE_0_TO_15,
                                               CONVOLVE_16_TO_31);
  convolve_u8x32 high = __builtin_shufflevector(CONVOLVE_BYTES(c), CONVOLVE_BYTES(d), CONVOLVE_0_TO_15,
                                                CONVOLVE_16_TO_31);
  convolve_u8x64 all =
      __builtin_shufflevector(low, high, CONVOLVE_0_TO_15, CONVOLVE_16_TO_31, CONVOLVE_32_TO_63);
  __builtin_nontemporal_store(all, (convolve_u8x64 *)p);
}
#endif

/// Asks for the cache line at an address, which need not be mapped, to be brought into the second-level cache.
static inline void convolve_prefetch(const void *_Nonnull p) { __builtin_prefetch(p, 0, 2); }

/// Orders streaming stores before what follows; needed once after a run of them.
static inline void convolve_stream_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST);
#if defined(__x86_64__)
  __builtin_ia32_sfence();
#endif
}

// Denormal numbers, which some processors compute a hundred times more slowly than others, become zeros.

/// Makes the calling thread flush denormals to zero, and returns its former state.
static inline uint64_t convolve_flush_denormals(void) {
#if defined(__x86_64__)
  uint32_t state = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(state | 0x8040);  // flush to zero, denormals are zeros
  return state;
#elif defined(__aarch64__)
  uint64_t state;
  __asm__ volatile("mrs %0, fpcr" : "=r"(state));
  __asm__ volatile("msr fpcr, %0" : : "r"(state | (UINT64_C(1) << 24)));
  return state;
#else
  return 0;
#endif
}

/// Gives the calling thread back the state that it had.
static inline void convolve_restore_denormals(uint64_t state) {
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr((uint32_t)state);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(state));
#endif
}

/// Tells the processor that the calling thread waits in a loop: some tens of cycles.
static inline void convolve_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// The processors that this process may run on: `taskset` is respected, which `sysconf` does not.
int convolve_available_processors(void);

#endif
