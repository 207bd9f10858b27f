/* Preloaded into a process under test: makes its writes and syncs fail or hang when a control file says so.
 *
 * The control file (its path is in TESTKIT_DISK_CONTROL) is mapped: 512 bytes of text, one rule, then two counters that
 * this library writes: calls that matched the rule, and calls that it spoiled.
 *
 *     <number> <write|sync|any> <errno> <from> <delay_ms> <part of the path>
 *
 * From the <from>-th matching call on (1 = the first since the rule with that number came) the call is delayed, then
 * fails with <errno>; 0 = it is carried out. An empty text: everything is as it should be.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define TEXT_BYTES 512
#define WRITE 1
#define SYNC 2

static char *control;
static _Atomic uint64_t *counters;
static _Atomic long rule_seen;
static _Atomic long matched;

static void __attribute__((constructor)) begin(void) {
    const char *path = getenv("TESTKIT_DISK_CONTROL");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *map = mmap(NULL, TEXT_BYTES + 2 * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map == MAP_FAILED) return;
    control = map;
    counters = (_Atomic uint64_t *)(control + TEXT_BYTES);
}

/* 0: go on. Otherwise errno is set and the call is to fail. */
static int spoiled(int kind, int fd) {
    if (!control || !control[0]) return 0;
    char text[TEXT_BYTES], what[16], part[256], link[64], path[1024];
    long number, from, delay_ms;
    int error;
    memcpy(text, control, TEXT_BYTES);
    text[TEXT_BYTES - 1] = 0;
    if (sscanf(text, "%ld %15s %d %ld %ld %255s", &number, what, &error, &from, &delay_ms, part) != 6) return 0;
    int wanted = !strcmp(what, "write") ? WRITE : !strcmp(what, "sync") ? SYNC : WRITE | SYNC;
    if (!(wanted & kind)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    if (!strstr(path, part)) return 0;
    if (atomic_exchange(&rule_seen, number) != number) atomic_store(&matched, 0);
    long nth = atomic_fetch_add(&matched, 1) + 1;
    atomic_fetch_add(&counters[0], 1);
    if (nth < from) return 0;
    atomic_fetch_add(&counters[1], 1);
    if (delay_ms > 0) {
        struct timespec delay = {delay_ms / 1000, delay_ms % 1000 * 1000000};
        nanosleep(&delay, NULL);
    }
    if (!error) return 0;
    errno = error;
    return 1;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define SPOIL(kind, type, name, parameters, arguments, ...) \
    type name parameters { \
        REAL(type, name, __VA_ARGS__); \
        return spoiled(kind, fd) ? (type)-1 : real arguments; \
    }

SPOIL(WRITE, ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), int, const void *, size_t)
SPOIL(WRITE, ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at), int,
      const void *, size_t, off_t)
SPOIL(WRITE, ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at), int,
      const void *, size_t, off64_t)
SPOIL(WRITE, ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count), int,
      const struct iovec *, int)
SPOIL(WRITE, ssize_t, pwritev, (int fd, const struct iovec *parts, int count, off_t at), (fd, parts, count, at), int,
      const struct iovec *, int, off_t)
SPOIL(WRITE, int, ftruncate, (int fd, off_t size), (fd, size), int, off_t)
SPOIL(WRITE, int, ftruncate64, (int fd, off64_t size), (fd, size), int, off64_t)
SPOIL(WRITE, int, fallocate, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size), int, int, off_t, off_t)
SPOIL(SYNC, int, fsync, (int fd), (fd), int)
SPOIL(SYNC, int, fdatasync, (int fd), (fd), int)

int posix_fallocate(int fd, off_t at, off_t size) {
    REAL(int, posix_fallocate, int, off_t, off_t);
    return spoiled(WRITE, fd) ? errno : real(fd, at, size);
}
