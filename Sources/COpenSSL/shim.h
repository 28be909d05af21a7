// The door to OpenSSL 3.
#ifndef SLUICE_COPENSSL_SHIM_H
#define SLUICE_COPENSSL_SHIM_H

// The same view of the C library's headers as the other doors have, which may share modules with this one.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#endif
