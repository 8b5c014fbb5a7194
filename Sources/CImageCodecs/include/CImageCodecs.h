// libpng reports errors by longjmp, which must not cross Swift frames: these functions contain it.
#ifndef CONVOLVE_CIMAGECODECS_H
#define CONVOLVE_CIMAGECODECS_H

#include <stddef.h>
#include <stdint.h>

/// Room for libpng's own error text.
#define CONVOLVE_PNG_MESSAGE 160

/// A PNG being read. Palettes, transparent colours and 1, 2 and 4 bits are expanded; 16 bits are kept, in
/// the machine's byte order.
typedef struct {
  uint32_t width;
  uint32_t height;
  /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
  uint32_t channels;
  /// 8 or 16.
  uint32_t bitDepth;
  /// Valid until the reader is closed; null where the file has none.
  const uint8_t *_Nullable profile;
  uint32_t profileSize;
  const uint8_t *_Nullable exif;
  uint32_t exifSize;
  char message[CONVOLVE_PNG_MESSAGE];
  void *_Nullable png;
  void *_Nullable info;
  const uint8_t *_Nullable data;
  size_t size;
  size_t position;
} ConvolvePNGReader;

/// Reads the header of `size` bytes at `data`, which must stay in place. 0, or -1 with `message` set; close
/// the reader in both cases.
int convolve_png_open(ConvolvePNGReader *_Nonnull reader, const uint8_t *_Nonnull data, size_t size);

/// Reads all pixels, row after row without gaps. 0, or -1 with `message` set.
int convolve_png_read(ConvolvePNGReader *_Nonnull reader, uint8_t *_Nonnull pixels);

void convolve_png_close(ConvolvePNGReader *_Nonnull reader);

/// A PNG to be written to memory.
typedef struct {
  uint32_t width;
  uint32_t height;
  uint32_t channels;
  uint32_t bitDepth;
  const uint8_t *_Nullable profile;
  uint32_t profileSize;
  /// zlib's 0 to 9.
  int compressionLevel;
  char message[CONVOLVE_PNG_MESSAGE];
  /// The file, allocated with malloc; the caller frees it.
  uint8_t *_Nullable data;
  size_t size;
  size_t capacity;
} ConvolvePNGWriter;

/// Encodes pixels, row after row without gaps. 0, or -1 with `message` set.
int convolve_png_write(ConvolvePNGWriter *_Nonnull writer, const uint8_t *_Nonnull pixels);

#endif
