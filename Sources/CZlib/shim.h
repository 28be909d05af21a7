// The door to zlib (1.2.9 or newer).
#ifndef SLUICE_CZLIB_SHIM_H
#define SLUICE_CZLIB_SHIM_H

#include <zlib.h>

// deflateInit2 and inflateInit2 are macros. Negative window bits: raw DEFLATE (RFC 1951), without head and checksum.
static inline int sluice_deflate_init(z_stream *stream, int level, int window_bits, int memory_level) {
    return deflateInit2(stream, level, Z_DEFLATED, -window_bits, memory_level, Z_DEFAULT_STRATEGY);
}
// With the head and the checksum of gzip (RFC 1952), as small as zlib can.
static inline int sluice_gzip_init(z_stream *stream) {
    return deflateInit2(stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
}
static inline int sluice_inflate_init(z_stream *stream, int window_bits) {
    return inflateInit2(stream, -window_bits);
}

#endif
