// The door to hiredis (0.14 or newer): its reader of replies. Its contexts, which own sockets, are not used.
#ifndef SLUICE_CHIREDIS_SHIM_H
#define SLUICE_CHIREDIS_SHIM_H

#include <stddef.h>
#include <hiredis/hiredis.h>

// The most elements that an array in a reply may have: the library allocates as many as its head says, before one came.
static const int sluice_redis_elements_max = 1 << 20;
// The most arrays within each other. 0.14 has this bound itself; later versions have none, and free replies recursively.
static const int sluice_redis_depth_max = 8;

// How the library counts elements.
#if HIREDIS_MAJOR >= 1
typedef size_t sluice_redis_count;
#else
typedef int sluice_redis_count;
#endif

// Called for each array's head. The reader's private data are the library's own functions.
static inline void *sluice_redis_create_array(const redisReadTask *task, sluice_redis_count elements) {
    const redisReplyObjectFunctions *own = task->privdata;
    int depth = 1;
    for (const redisReadTask *outer = task->parent; outer != NULL; outer = outer->parent) depth++;
    // Without an object the reader stops with an error.
    if (elements > (sluice_redis_count)sluice_redis_elements_max || depth > sluice_redis_depth_max) return NULL;
    return own->createArray(task, elements);
}

// The library's own functions but for the bound on arrays; `reader` is one that redisReaderCreate made.
static inline redisReplyObjectFunctions sluice_redis_bounded(const redisReader *reader) {
    redisReplyObjectFunctions functions = *reader->fn;
    functions.createArray = sluice_redis_create_array;
    return functions;
}

#endif
