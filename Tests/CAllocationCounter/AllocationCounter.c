// The allocation functions of the test executable, which the shared libraries then use too: each counts and calls
// glibc's own. Thread by thread, so that tests beside it don't show.
#include "AllocationCounter.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLUICE_SANITIZED 1
#endif
#endif

#if defined(__GLIBC__) && !defined(SLUICE_SANITIZED)

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

static __thread uint64_t allocations;
static __thread int64_t held_bytes;

bool sluice_counts_allocations(void) { return true; }
uint64_t sluice_allocations(void) { return allocations; }
int64_t sluice_held_bytes(void) { return held_bytes; }

// A block and the word before it.
static int64_t bytes(void *block) { return block == NULL ? 0 : (int64_t)(malloc_usable_size(block) + sizeof(size_t)); }

static void *took(void *block) {
    allocations++;
    held_bytes += bytes(block);
    return block;
}

void *malloc(size_t size) { return took(__libc_malloc(size)); }
void *calloc(size_t count, size_t size) { return took(__libc_calloc(count, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return took(__libc_memalign(alignment, size)); }
void *memalign(size_t alignment, size_t size) { return took(__libc_memalign(alignment, size)); }

void *realloc(void *block, size_t size) {
    int64_t before = bytes(block);
    void *made = __libc_realloc(block, size);
    // Without memory the block stays as it was.
    if (made != NULL || size == 0) held_bytes -= before;
    return took(made);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    void *made = took(__libc_memalign(alignment, size));
    if (made == NULL) return ENOMEM;
    *block = made;
    return 0;
}

void free(void *block) {
    held_bytes -= bytes(block);
    __libc_free(block);
}

#else

bool sluice_counts_allocations(void) { return false; }
uint64_t sluice_allocations(void) { return 0; }
int64_t sluice_held_bytes(void) { return 0; }

#endif
