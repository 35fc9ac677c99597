/* Preloaded into a program, this remembers what a power cut would undo.
 *
 * A killed process loses nothing that it had written: the kernel keeps it. After a power cut only what was synced
 * is sure to be there. So before each write to a file below POWER_CUT_DIR the bytes that it replaces go to
 * POWER_CUT_JOURNAL, and each completed fsync or fdatasync is noted there, too. Whoever kills the program can then
 * put back everything since the last sync of each file (see journal.rs).
 *
 * A record is six numbers of 64 bits (kind, inode, sequence, offset, size before, bytes that follow) and those
 * bytes. Writes are done one at a time, so that a sync's sequence says exactly which writes came before it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2 };

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static uint64_t sequence = 0;
static int journal = -1;
static const char *directory;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void begin(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    directory = getenv("POWER_CUT_DIR");
    const char *path = getenv("POWER_CUT_JOURNAL");
    if (directory == NULL || path == NULL
        || (journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0) {
        fputs("power cut: no directory or no journal\n", stderr);
        abort();
    }
}

/* Whether this is a file that a power cut would concern. */
static int concerns(int fd, struct stat *file) {
    char link[64], path[4096];
    if (journal < 0 || fd == journal || fstat(fd, file) != 0 || !S_ISREG(file->st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    return length > 0 && (path[length] = 0, strncmp(path, directory, strlen(directory)) == 0);
}

static void put(const void *bytes, size_t length) {
    while (length > 0) {
        ssize_t put = real_write(journal, bytes, length);
        if (put <= 0) abort();
        bytes = (const char *)bytes + put;
        length -= (size_t)put;
    }
}

static void record(
    uint64_t kind, const struct stat *file, uint64_t at, off_t offset, const void *bytes, size_t length
) {
    uint64_t head[6] = {kind, file->st_ino, at, (uint64_t)offset, (uint64_t)file->st_size, length};
    put(head, sizeof head);
    put(bytes, length);
}

/* Remembers what a write of so many bytes at this place replaces. Must be called in turn. */
static void remember(int fd, const struct stat *file, off_t offset, size_t length) {
    size_t there = offset >= file->st_size ? 0 : (size_t)(file->st_size - offset);
    size_t replaced = length < there ? length : there;
    char *bytes = malloc(replaced + 1), link[64];
    /* The program may have opened the file for writing only. */
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int reading = open(link, O_RDONLY | O_CLOEXEC);
    if (bytes == NULL || reading < 0 || pread(reading, bytes, replaced, offset) != (ssize_t)replaced) abort();
    close(reading);
    record(WRITE, file, sequence++, offset, bytes, replaced);
    free(bytes);
}

static off_t place(int fd, const struct stat *file) {
    return fcntl(fd, F_GETFL) & O_APPEND ? file->st_size : lseek(fd, 0, SEEK_CUR);
}

/* Does something to a file, after what it replaces is remembered. */
#define IN_TURN(fd, offset, length, doing)                          \
    struct stat file;                                               \
    if (!concerns(fd, &file)) return doing;                         \
    pthread_mutex_lock(&turn);                                      \
    if (fstat(fd, &file) != 0) abort();                             \
    remember(fd, &file, offset, length);                            \
    __typeof__(doing) done = doing;                                 \
    pthread_mutex_unlock(&turn);                                    \
    return done

ssize_t write(int fd, const void *bytes, size_t length) {
    IN_TURN(fd, place(fd, &file), length, real_write(fd, bytes, length));
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    IN_TURN(fd, offset, length, real_pwrite(fd, bytes, length, offset));
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
    IN_TURN(fd, offset, length, real_pwrite(fd, bytes, length, offset));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    size_t length = 0;
    for (int part = 0; part < count; part++) length += parts[part].iov_len;
    IN_TURN(fd, place(fd, &file), length, real_writev(fd, parts, count));
}

int ftruncate(int fd, off_t length) {
    IN_TURN(fd, length, SIZE_MAX, real_ftruncate(fd, length));
}

int ftruncate64(int fd, off_t length) {
    IN_TURN(fd, length, SIZE_MAX, real_ftruncate(fd, length));
}

/* Only writes that were done before a sync began are sure to be in it. */
static int synced(int fd, int (*sync)(int)) {
    struct stat file;
    if (!concerns(fd, &file)) return sync(fd);
    pthread_mutex_lock(&turn);
    uint64_t before = sequence;
    pthread_mutex_unlock(&turn);
    int done = sync(fd);
    if (done == 0) {
        pthread_mutex_lock(&turn);
        record(SYNC, &file, before, 0, "", 0);
        pthread_mutex_unlock(&turn);
    }
    return done;
}

int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }
