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

// What a reader makes replies with: the library's own functions, but for the bounds. The reader's private data.
typedef struct sluice_redis_maker {
    redisReplyObjectFunctions own;
    redisReplyObjectFunctions bounded;
    // Stands for all that is not made, and belongs to no reply.
    redisReply dropped;
    // Nothing more is made of the reply that is being read: it is read past. The owner of the reader resets it behind
    // the reply.
    int is_dropping;
} sluice_redis_maker;

// The type of `dropped`, which no reply has.
static const int sluice_redis_dropped_type = -1;

static inline sluice_redis_maker *sluice_redis_maker_of(const redisReadTask *task) {
    return (sluice_redis_maker *)task->privdata;
}

static inline void *sluice_redis_create_string(const redisReadTask *task, char *bytes, size_t count) {
    sluice_redis_maker *maker = sluice_redis_maker_of(task);
    return maker->is_dropping ? &maker->dropped : maker->own.createString(task, bytes, count);
}

static inline void *sluice_redis_create_array(const redisReadTask *task, sluice_redis_count elements) {
    sluice_redis_maker *maker = sluice_redis_maker_of(task);
    int depth = 1;
    for (const redisReadTask *outer = task->parent; outer != NULL; outer = outer->parent) depth++;
    // Without an object the reader stops with an error.
    if (depth > sluice_redis_depth_max) return NULL;
    if (elements > (sluice_redis_count)sluice_redis_elements_max) maker->is_dropping = 1;
    return maker->is_dropping ? &maker->dropped : maker->own.createArray(task, elements);
}

static inline void *sluice_redis_create_integer(const redisReadTask *task, long long number) {
    sluice_redis_maker *maker = sluice_redis_maker_of(task);
    return maker->is_dropping ? &maker->dropped : maker->own.createInteger(task, number);
}

static inline void *sluice_redis_create_nil(const redisReadTask *task) {
    sluice_redis_maker *maker = sluice_redis_maker_of(task);
    return maker->is_dropping ? &maker->dropped : maker->own.createNil(task);
}

// Elements that were not made are null, which the library's own function passes over.
static inline void sluice_redis_free(void *reply) {
    if (((redisReply *)reply)->type != sluice_redis_dropped_type) freeReplyObject(reply);
}

// Has a reader, which redisReaderCreate made, make replies with `maker`, which must outlive it.
static inline void sluice_redis_bind(redisReader *reader, sluice_redis_maker *maker) {
    maker->own = *reader->fn;
    maker->bounded = *reader->fn;
    maker->bounded.createString = sluice_redis_create_string;
    maker->bounded.createArray = sluice_redis_create_array;
    maker->bounded.createInteger = sluice_redis_create_integer;
    maker->bounded.createNil = sluice_redis_create_nil;
    maker->bounded.freeObject = sluice_redis_free;
    maker->dropped.type = sluice_redis_dropped_type;
    maker->is_dropping = 0;
    reader->privdata = maker;
    reader->fn = &maker->bounded;
}

// Bytes that the reader holds and has made nothing of.
static inline size_t sluice_redis_unread(const redisReader *reader) { return reader->len - reader->pos; }

#endif
