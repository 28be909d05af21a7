// The door to OpenSSL 3: libcrypto, and TLS of libssl.
#ifndef SLUICE_COPENSSL_SHIM_H
#define SLUICE_COPENSSL_SHIM_H

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

// The memory between one thread's TLS connections and its sockets: what was received and not taken yet, and what is to
// be sent. All connections of the thread share it, one after the other, so that an idle one has no buffer of its own.
typedef struct sluice_tls_memory {
    const unsigned char *input;
    size_t input_count;
    unsigned char *output;
    size_t output_count;
    size_t output_capacity;
    // How many steps of handshakes, and alerts, the stream at hand may still make; at 0 it gets no more input.
    size_t steps_left;
} sluice_tls_memory;

// OpenSSL's info callback: counts steps. A record with nothing but a KeyUpdate (RFC 8446 4.6.3) is 27 bytes, and costs
// new keys both ways; SSL_read goes on with such records until there is no more input.
static inline void sluice_tls_stepped(const SSL *ssl, int kind, int value) {
    (void)value;
    if ((kind & (SSL_CB_LOOP | SSL_CB_ALERT)) == 0) return;
    BIO *bio = SSL_get_rbio(ssl);
    sluice_tls_memory *memory = bio == NULL ? NULL : (sluice_tls_memory *)BIO_get_data(bio);
    if (memory == NULL) return;
    if (memory->steps_left > 0) memory->steps_left -= 1;
    if (memory->steps_left == 0) memory->input_count = 0;
}

static inline void sluice_tls_count_steps(SSL_CTX *context) { SSL_CTX_set_info_callback(context, sluice_tls_stepped); }

static inline int sluice_tls_read(BIO *bio, char *bytes, size_t most, size_t *count) {
    sluice_tls_memory *memory = (sluice_tls_memory *)BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (memory->input_count == 0) {
        *count = 0;
        BIO_set_retry_read(bio);
        return 0;
    }
    *count = most < memory->input_count ? most : memory->input_count;
    memcpy(bytes, memory->input, *count);
    memory->input += *count;
    memory->input_count -= *count;
    return 1;
}

static inline int sluice_tls_write(BIO *bio, const char *bytes, size_t most, size_t *count) {
    sluice_tls_memory *memory = (sluice_tls_memory *)BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *count = 0;
    if (memory->output_capacity - memory->output_count < most) {
        size_t capacity = memory->output_capacity == 0 ? 32 * 1024 : memory->output_capacity * 2;
        while (capacity - memory->output_count < most) capacity *= 2;
        unsigned char *larger = (unsigned char *)realloc(memory->output, capacity);
        if (larger == NULL) return 0;
        memory->output = larger;
        memory->output_capacity = capacity;
    }
    memcpy(memory->output + memory->output_count, bytes, most);
    memory->output_count += most;
    *count = most;
    return 1;
}

static inline long sluice_tls_control(BIO *bio, int command, long number, void *pointer) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static inline int sluice_tls_create(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

// How OpenSSL reads and writes that memory; one for the process' life per caller. NULL: no memory.
static inline BIO_METHOD *sluice_tls_make_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "memory of a loop");
    if (method == NULL) return NULL;
    BIO_meth_set_read_ex(method, sluice_tls_read);
    BIO_meth_set_write_ex(method, sluice_tls_write);
    BIO_meth_set_ctrl(method, sluice_tls_control);
    BIO_meth_set_create(method, sluice_tls_create);
    return method;
}

// The protocol that we speak over TLS (RFC 7301): of the names that a client offers, this one or none.
static inline int sluice_tls_select_protocol(
    SSL *ssl, const unsigned char **chosen, unsigned char *length, const unsigned char *offered, unsigned int count,
    void *pointer) {
    static const unsigned char own[] = "\x08http/1.1";
    int found = SSL_select_next_proto((unsigned char **)chosen, length, own, sizeof own - 1, offered, count);
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// A key that wants a passphrase is refused instead of asking for it at the terminal.
static inline int sluice_tls_no_passphrase(char *buffer, int size, int is_writing, void *was_asked) {
    *(int *)was_asked = 1;
    return -1;
}

// Macros.
static inline int sluice_tls_set_versions(SSL_CTX *context) {
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}
static inline void sluice_tls_set_mode(SSL_CTX *context) { SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS); }
static inline void sluice_tls_set_options(SSL_CTX *context) {
    SSL_CTX_set_options(
        context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA
            | SSL_OP_NO_COMPRESSION);
}
static inline void sluice_tls_keep_no_sessions(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}
static inline int sluice_tls_set_groups(SSL_CTX *context) {
    return SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384");
}
static inline int sluice_tls_add_chain(SSL_CTX *context, X509 *certificate) {
    return SSL_CTX_add0_chain_cert(context, certificate);
}
static inline int sluice_tls_set_name(SSL *ssl, const char *name) { return SSL_set_tlsext_host_name(ssl, name); }
static inline int sluice_tls_reason(unsigned long error) { return ERR_GET_REASON(error); }
static inline int sluice_tls_is_end_of_pem(unsigned long error) {
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}
static inline int sluice_openssl_errno(void) { return errno; }

#endif
