// The door to libuv (1.44 or newer) and to the epoll and socket calls that its public interface leaves to the system.
#ifndef SLUICE_CLIBUV_SHIM_H
#define SLUICE_CLIBUV_SHIM_H

// _GNU_SOURCE is not defined here: it changes structures that other modules have seen without it (fd_set), and the two
// views can't be imported into one program. The two GNU calls that are needed are declared where they are used.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>
#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

// EPOLLET is 1u << 31, an expression that the importer leaves out.
static const uint32_t sluice_epoll_edge_triggered = EPOLLET;

// The next connection, non-blocking and closed on exec.
static inline int sluice_accept(int listener, struct sockaddr_storage *address) {
    extern int accept4(int, struct sockaddr *, socklen_t *, int);
    socklen_t length = sizeof *address;
    return accept4(listener, (struct sockaddr *)address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

// errno is a macro around a call.
static inline int sluice_errno(void) { return errno; }

// ioctl is variadic. Bytes that were given to the kernel and not acknowledged by the peer; below 0: not known.
static inline int sluice_unacknowledged(int descriptor) {
    int bytes = 0;
    return ioctl(descriptor, TIOCOUTQ, &bytes) == 0 ? bytes : -1;
}

// Enumerators and macros of the same name, which the importer can't tell apart.
static const int sluice_msg_nosignal = MSG_NOSIGNAL;
static const int sluice_msg_more = MSG_MORE;

// open is variadic. Any descriptor serves as the spare one.
static inline int sluice_open_spare(void) { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

// The socket calls with an address of whichever family, without casts on the other side.
static inline int sluice_bind(int descriptor, const struct sockaddr_storage *address, socklen_t length) {
    return bind(descriptor, (const struct sockaddr *)address, length);
}
static inline int sluice_getsockname(int descriptor, struct sockaddr_storage *address) {
    socklen_t length = sizeof *address;
    return getsockname(descriptor, (struct sockaddr *)address, &length);
}
static inline int sluice_connect(int descriptor, const struct sockaddr_storage *address, socklen_t length) {
    return connect(descriptor, (const struct sockaddr *)address, length);
}

// A socket that will connect, non-blocking and closed on exec.
static inline int sluice_stream_socket(int family) {
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}
// Both ends of a connection between a process and one that it starts.
static inline int sluice_socket_pair(int pair[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair);
}
// bind(2) that leaves the choice of the port to connect(2), which may then use one port towards many destinations.
static const int sluice_ip_bind_address_no_port = IP_BIND_ADDRESS_NO_PORT;

// environ is declared by <unistd.h> for GNU sources only.
static inline char **sluice_environment(void) {
    extern char **environ;
    return environ;
}

// The width of a terminal in columns; 0 when the descriptor is none.
static inline int sluice_terminal_columns(int descriptor) {
    struct winsize size;
    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

// The name that top -H shows for the calling thread: at most 15 bytes.
static inline void sluice_name_thread(const char *name) {
    extern int pthread_setname_np(pthread_t, const char *);
    pthread_setname_np(pthread_self(), name);
}

// Starts a program that the system kills when the calling thread ends, however that comes about: PR_SET_PDEATHSIG of
// prctl(2), which posix_spawn can't ask for. It gets a process group of its own, so that a terminal's signals do not
// reach it, no input, and `output` for both outputs. 0, or the errno of the first step that failed, the exec included.
static inline int sluice_spawn_tied(
    const char *path, char *const arguments[], char *const environment[], const char *folder, int output, pid_t *pid) {
    extern int pipe2(int[2], int);
    int report[2], number = 0;
    if (pipe2(report, O_CLOEXEC) != 0) return errno;
    // Until its own handlers are gone the child must not take a signal: they would write to what it shares with us.
    sigset_t all, former;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    const pid_t parent = getpid();
    *pid = fork();
    if (*pid == 0) {
        for (int each = 1; each < 32; each++) signal(each, SIG_DFL);
        sigset_t none;
        sigemptyset(&none);
        // A parent that ended before the prctl is not told of any more: then getppid is another.
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && setpgid(0, 0) == 0) {
            const int input = open("/dev/null", O_RDONLY);
            if (dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0
                && dup2(output, STDERR_FILENO) >= 0 && chdir(folder) == 0) {
                sigprocmask(SIG_SETMASK, &none, NULL);
                execve(path, arguments, environment);
            }
        }
        number = errno;
        if (write(report[1], &number, sizeof number) != sizeof number) _exit(126);
        _exit(127);
    }
    if (*pid < 0) number = errno;
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    close(report[1]);
    // The exec closes the child's end without a word.
    if (*pid > 0) {
        ssize_t length;
        do length = read(report[0], &number, sizeof number); while (length < 0 && errno == EINTR);
        if (length > 0) waitpid(*pid, NULL, 0);
    }
    close(report[0]);
    return number;
}

// Whether this is a file that may be run.
static inline int sluice_is_program(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

// open is variadic. Made or added to; closed on exec.
static inline int sluice_open_log(const char *path) {
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

// SIG_IGN is a cast.
static inline void sluice_ignore_broken_pipes(void) { signal(SIGPIPE, SIG_IGN); }
static inline int sluice_ignores(int number) {
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

// open is variadic. The terminal that this process was started from; -1 when there is none.
static inline int sluice_open_for_reading(const char *path) { return open(path, O_RDONLY | O_CLOEXEC); }
static inline int sluice_open_terminal(void) { return open("/dev/tty", O_RDWR | O_CLOEXEC); }

#include "command.h"

#endif
