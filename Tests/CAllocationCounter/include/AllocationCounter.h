// Counts what the calling thread allocates from the heap. For tests.
#ifndef SLUICE_ALLOCATION_COUNTER_H
#define SLUICE_ALLOCATION_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

/// Whether allocations are counted: not under a sanitizer, which has an allocator of its own, and only with glibc.
bool sluice_counts_allocations(void);

/// The calling thread's calls of malloc and its kin so far.
uint64_t sluice_allocations(void);

/// Bytes of the heap that the calling thread has taken and not given back, with what the allocator adds to each block.
/// What another thread gives back is not seen here: below 0 for a thread that gives back what others took.
int64_t sluice_held_bytes(void);

#endif
