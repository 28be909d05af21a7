// The start of a command that does not outlive this process, and its guard. What happens between fork and exec may call only
// what is safe in a signal handler, so this is no Swift. Part of shim.h.
#ifndef SLUICE_CLIBUV_COMMAND_H
#define SLUICE_CLIBUV_COMMAND_H

#include <poll.h>
#include <sys/syscall.h>

// What the child does between fork and exec, once a byte came through `leave`. Returns when it fails.
static inline void sluice_become(
    char *const words[], char **variables, int terminal, pid_t parent, const sigset_t *mask, int leave
) {
    extern char **environ;
    char byte;
    setpgid(0, 0);
    // With SIGTTOU blocked, or a process in the background would be stopped.
    if (terminal >= 0) tcsetpgrp(terminal, getpid());
    // The parent's handlers, which write to what both share, must not run here.
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN) signal(number, SIG_DFL);
    }
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return;
    // If the parent was gone before that, nobody sends the signal any more.
    if (getppid() != parent) _exit(126);
    // Nothing of the command runs before its guard stands: whoever starts it may be killed at any moment.
    if (read(leave, &byte, 1) != 1) _exit(126);
    pthread_sigmask(SIG_SETMASK, mask, NULL);
    environ = variables;
    execvp(words[0], words);
}

// What the guard of a group does until its end: it kills the group when the other end of `life` is closed, as it is when
// whoever started it was killed, and at the time that it was told last, in milliseconds of CLOCK_BOOTTIME. Told 0, it goes.
static inline void sluice_guard(int life, pid_t group) {
    // Signals to the group or the session of whoever started it are not meant for it.
    setsid();
    // 0 and 1 may be in use, also for the other one of the two; whatever else it inherited is not to stay open.
    int timer = fcntl(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK), F_DUPFD, 10);
    life = fcntl(life, F_DUPFD, 10);
    dup2(life, 0);
    dup2(timer, 1);
    syscall(SYS_close_range, 2, ~0U, 0);
    for (;;) {
        struct pollfd ready[2] = {{.fd = 0, .events = POLLIN}, {.fd = 1, .events = POLLIN}};
        if (poll(ready, 2, -1) < 0) continue;
        int64_t until, expirations;
        ssize_t count = read(0, &until, sizeof until);
        if (count == sizeof until) {
            if (until == 0) _exit(0);
            struct itimerspec setting = {.it_value = {until / 1000, until % 1000 * 1000000}};
            timerfd_settime(1, TFD_TIMER_ABSTIME, &setting, NULL);
            continue;
        }
        int isOver = count == 0 || (count < 0 && errno != EAGAIN);
        if (isOver || read(1, &expirations, sizeof expirations) > 0) kill(-group, SIGKILL);
        if (isOver) _exit(0);
    }
}

// Starts the guard of a group. Our end of its life, or the negative errno of what failed.
static inline int sluice_start_guard(pid_t group) {
    int life[2];
    if (sluice_socket_pair(life) != 0) return -errno;
    sigset_t all, mask;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    pid_t guard = fork();
    int failure = errno;
    if (guard == 0) {
        close(life[0]);
        sluice_guard(life[1], group);
    }
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    close(life[1]);
    if (guard > 0) return life[0];
    close(life[0]);
    return -failure;
}

// A command that was started: its pid, which is its group's number, or the negative errno of what failed; and our end of
// its guard's life.
struct sluice_command {
    pid_t group;
    int life;
};

// Starts a command in a process group of its own, which gets the terminal unless that is -1, and the guard of that group;
// the kernel kills the command when the calling thread ends. Waits until the command runs.
static inline struct sluice_command sluice_start_command(char *const words[], char **variables, int terminal) {
    struct sluice_command failed = {.life = -1};
    int report[2], leave[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, report) != 0) {
        failed.group = -errno;
        return failed;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, leave) != 0) {
        failed.group = -errno;
        close(report[0]), close(report[1]);
        return failed;
    }
    sigset_t all, mask;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    pid_t parent = getpid();
    pid_t child = fork();
    int failure = child < 0 ? errno : 0;
    if (child == 0) {
        close(leave[1]);
        sluice_become(words, variables, terminal, parent, &mask, leave[0]);
        failure = errno;
        _exit(write(report[1], &failure, sizeof failure) > 0 ? 127 : 126);
    }
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    close(report[1]), close(leave[0]);
    int life = -1;
    if (child > 0) {
        // The child's own call may come later than the guard's first look.
        setpgid(child, child);
        life = sluice_start_guard(child);
        if (life < 0) failure = -life;
        else if (send(leave[1], "", 1, MSG_NOSIGNAL) != 1) failure = errno;
    }
    close(leave[1]);
    // Nothing comes when the child's end was closed by exec.
    while (child > 0 && read(report[0], &failure, sizeof failure) < 0 && errno == EINTR) {}
    close(report[0]);
    if (failure == 0) return (struct sluice_command){.group = child, .life = life};
    if (child > 0) while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    if (life >= 0) close(life);
    failed.group = -failure;
    return failed;
}

#endif
