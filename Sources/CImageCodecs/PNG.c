#include "CImageCodecs.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

static void readerFailed(png_structp png, png_const_charp text) {
  ConvolvePNGReader *reader = png_get_error_ptr(png);
  strncpy(reader->message, text, CONVOLVE_PNG_MESSAGE - 1);
  png_longjmp(png, 1);
}

static void writerFailed(png_structp png, png_const_charp text) {
  ConvolvePNGWriter *writer = png_get_error_ptr(png);
  strncpy(writer->message, text, CONVOLVE_PNG_MESSAGE - 1);
  png_longjmp(png, 1);
}

// What libpng only warns of (an odd gamma, a stale time) does not change the pixels.
static void warned(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void readBytes(png_structp png, png_bytep out, size_t count) {
  ConvolvePNGReader *reader = png_get_io_ptr(png);
  if (count > reader->size - reader->position) png_error(png, "the file ends early");
  memcpy(out, reader->data + reader->position, count);
  reader->position += count;
}

int convolve_png_open(ConvolvePNGReader *reader, const uint8_t *data, size_t size) {
  memset(reader, 0, sizeof *reader);
  reader->data = data;
  reader->size = size;
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, reader, readerFailed, warned);
  reader->png = png;
  if (!png) {
    strncpy(reader->message, "libpng cannot be set up", CONVOLVE_PNG_MESSAGE - 1);
    return -1;
  }
  if (setjmp(png_jmpbuf(png))) return -1;
  png_infop info = png_create_info_struct(png);
  reader->info = info;
  if (!info) png_error(png, "out of memory");
  png_set_read_fn(png, reader, readBytes);
  // Sizes are limited by the caller, who can name the remedy.
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
  png_set_chunk_malloc_max(png, 64 << 20);
  png_read_info(png, info);
  png_set_expand(png);
  if (png_get_bit_depth(png, info) == 16) {
    const uint16_t probe = 1;
    if (*(const uint8_t *)&probe == 1) png_set_swap(png);
  }
  png_set_interlace_handling(png);
  reader->width = png_get_image_width(png, info);
  reader->height = png_get_image_height(png, info);
  png_charp name;
  int compression;
  png_bytep profile;
  png_uint_32 profileSize;
  if (png_get_iCCP(png, info, &name, &compression, &profile, &profileSize)) {
    reader->profile = profile;
    reader->profileSize = profileSize;
  }
#ifdef PNG_eXIf_SUPPORTED
  png_bytep exif;
  png_uint_32 exifSize;
  if (png_get_eXIf_1(png, info, &exifSize, &exif)) {
    reader->exif = exif;
    reader->exifSize = exifSize;
  }
#endif
  // What png_set_expand makes of the stored kinds; libpng itself says so only once its row buffers stand,
  // which for an absurd size is after the memory is gone.
  int type = png_get_color_type(png, info);
  int alpha = (type & PNG_COLOR_MASK_ALPHA) || png_get_valid(png, info, PNG_INFO_tRNS);
  reader->channels = ((type & PNG_COLOR_MASK_COLOR) ? 3 : 1) + (alpha ? 1 : 0);
  reader->bitDepth = png_get_bit_depth(png, info) == 16 ? 16 : 8;
  return 0;
}

int convolve_png_read(ConvolvePNGReader *reader, uint8_t *pixels) {
  png_structp png = reader->png;
  png_infop info = reader->info;
  png_bytep *volatile rows = NULL;
  if (setjmp(png_jmpbuf(png))) {
    free((void *)rows);
    return -1;
  }
  png_read_update_info(png, info);
  size_t rowBytes = (size_t)reader->width * reader->channels * (reader->bitDepth / 8);
  if (png_get_rowbytes(png, info) != rowBytes) png_error(png, "its rows have an unexpected size");
  rows = malloc(reader->height * sizeof(png_bytep));
  if (!rows) png_error(png, "out of memory");
  for (uint32_t y = 0; y < reader->height; y++) rows[y] = pixels + y * rowBytes;
  png_read_image(png, (png_bytepp)rows);
  png_read_end(png, NULL);
  free((void *)rows);
  return 0;
}

void convolve_png_close(ConvolvePNGReader *reader) {
  png_structp png = reader->png;
  png_infop info = reader->info;
  if (png) png_destroy_read_struct(&png, info ? &info : NULL, NULL);
  reader->png = NULL;
  reader->info = NULL;
}

static void writeBytes(png_structp png, png_bytep bytes, size_t count) {
  ConvolvePNGWriter *writer = png_get_io_ptr(png);
  if (writer->capacity - writer->size < count) {
    size_t capacity = writer->capacity * 2 + count + 65536;
    uint8_t *grown = realloc(writer->data, capacity);
    if (!grown) png_error(png, "out of memory");
    writer->data = grown;
    writer->capacity = capacity;
  }
  memcpy(writer->data + writer->size, bytes, count);
  writer->size += count;
}

static void flushNothing(png_structp png) { (void)png; }

int convolve_png_write(ConvolvePNGWriter *writer, const uint8_t *pixels) {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, writer, writerFailed, warned);
  if (!png) {
    strncpy(writer->message, "libpng cannot be set up", CONVOLVE_PNG_MESSAGE - 1);
    return -1;
  }
  png_infop info = png_create_info_struct(png);
  if (!info || setjmp(png_jmpbuf(png))) {
    png_destroy_write_struct(&png, info ? &info : NULL);
    return -1;
  }
  static const int types[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                              PNG_COLOR_TYPE_RGB_ALPHA};
  png_set_write_fn(png, writer, writeBytes, flushNothing);
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
  png_set_IHDR(png, info, writer->width, writer->height, (int)writer->bitDepth, types[writer->channels],
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (writer->profile) {
    png_set_benign_errors(png, 1);
    png_set_iCCP(png, info, "ICC profile", PNG_COMPRESSION_TYPE_BASE, writer->profile, writer->profileSize);
  }
  png_set_compression_level(png, writer->compressionLevel);
  png_set_compression_mem_level(png, 9);
  // One filter for all rows: trying all five for each row costs more time than it saves bytes.
  png_set_filter(png, PNG_FILTER_TYPE_BASE, writer->compressionLevel > 6 ? PNG_ALL_FILTERS : PNG_FILTER_SUB);
  png_write_info(png, info);
  if (writer->bitDepth == 16) {
    const uint16_t probe = 1;
    if (*(const uint8_t *)&probe == 1) png_set_swap(png);
  }
  size_t rowBytes = (size_t)writer->width * writer->channels * (writer->bitDepth / 8);
  for (uint32_t y = 0; y < writer->height; y++) png_write_row(png, pixels + y * rowBytes);
  png_write_end(png, NULL);
  png_destroy_write_struct(&png, &info);
  return 0;
}
