/*
 * A disk and a clock that fail to order, put in front of the C library with
 * LD_PRELOAD. AXSHIM_ORDERS names a file that is shared with the test, which
 * may change its words at any moment. Only regular files below AXSHIM_FOLDER
 * are touched.
 *
 * With AXSHIM_FLUSHED set, every file whose name begins with "axbridge.db" is
 * kept a second time in that folder, as it would be found after a loss of
 * power that took everything that had not been flushed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The test writes these words by their position. */
struct orders {
    int64_t write_errno;  /* 0, or what every write fails with */
    int64_t flush_errno;  /* 0, or what every fsync fails with */
    int64_t room;         /* bytes until ENOSPC; negative: no limit */
    int64_t kill_at;      /* SIGKILL before the n-th write or flush; 0: never */
    int64_t clock_ahead;  /* seconds added to the wall clock */
    int64_t steps;        /* out: writes and flushes so far */
};

static struct orders *orders;
static const char *folder;
static const char *flushed;

#define SHADOWS_MAX 8
static struct shadow {
    char name[64];
    off_t first, end; /* what was written since the last flush */
} shadows[SHADOWS_MAX];
static pthread_mutex_t shadows_lock = PTHREAD_MUTEX_INITIALIZER;
/* One flush at a time: whoever returns from one knows all of before in the second copy. */
static pthread_mutex_t flush_lock = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_clock)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_clock = dlsym(RTLD_NEXT, "clock_gettime");
    folder = getenv("AXSHIM_FOLDER");
    flushed = getenv("AXSHIM_FLUSHED");
    const char *path = getenv("AXSHIM_ORDERS");
    int fd = path ? open(path, O_RDWR) : -1;
    if (fd < 0)
        return;
    void *map = mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED)
        orders = map;
}

/* The name of a file of ours below the folder, or NULL. */
static const char *ours(int fd, char path[PATH_MAX]) {
    struct stat about;
    char link[48];
    if (!orders || !folder || fstat(fd, &about) || !S_ISREG(about.st_mode))
        return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0)
        return NULL;
    path[length] = 0;
    size_t prefix = strlen(folder);
    if (strncmp(path, folder, prefix))
        return NULL;
    const char *name = strrchr(path, '/') + 1;
    /* The index of the log is shared memory, not a store. */
    return strstr(name, "-shm") ? NULL : name;
}

static void step(void) {
    int64_t done = __atomic_add_fetch(&orders->steps, 1, __ATOMIC_SEQ_CST);
    if (orders->kill_at && done >= orders->kill_at)
        kill(getpid(), SIGKILL);
}

static struct shadow *shadow_of(const char *name) {
    if (!flushed || strncmp(name, "axbridge.db", 11) || strlen(name) >= sizeof shadows[0].name)
        return NULL;
    for (int i = 0; i < SHADOWS_MAX; i++) {
        if (!shadows[i].name[0]) {
            strcpy(shadows[i].name, name);
            shadows[i].first = shadows[i].end = 0;
        }
        if (!strcmp(shadows[i].name, name))
            return &shadows[i];
    }
    return NULL;
}

static void written(const char *name, off_t at, ssize_t count) {
    if (count <= 0)
        return;
    pthread_mutex_lock(&shadows_lock);
    struct shadow *shadow = shadow_of(name);
    if (shadow) {
        int clean = shadow->first == shadow->end;
        if (clean || at < shadow->first)
            shadow->first = at;
        if (clean || at + count > shadow->end)
            shadow->end = at + count;
    }
    pthread_mutex_unlock(&shadows_lock);
}

/* Takes what was written since the last flush; what comes from now on may not be in this one. */
static struct shadow taken(const char *name) {
    struct shadow range = {0};
    pthread_mutex_lock(&shadows_lock);
    struct shadow *shadow = shadow_of(name);
    if (shadow) {
        range = *shadow;
        shadow->first = shadow->end = 0;
    }
    pthread_mutex_unlock(&shadows_lock);
    return range;
}

/* What was flushed reaches the second copy. */
static void keep(const char *path, struct shadow range) {
    char to_path[PATH_MAX];
    char block[65536];
    if (range.first == range.end)
        return;
    snprintf(to_path, sizeof to_path, "%s/%s", flushed, range.name);
    int from = open(path, O_RDONLY);
    int to = open(to_path, O_RDWR | O_CREAT, 0600);
    off_t at = range.first;
    while (from >= 0 && to >= 0 && at < range.end) {
        size_t want = sizeof block;
        if (range.end - at < (off_t)want)
            want = (size_t)(range.end - at);
        ssize_t got = pread(from, block, want, at);
        if (got <= 0 || real_pwrite(to, block, (size_t)got, at) != got)
            abort(); /* a copy with a hole would prove nothing */
        at += got;
    }
    close(from);
    close(to);
}

/* How much of a write is let through: 0 and errno for none. */
static size_t admitted(size_t count) {
    step();
    if (orders->write_errno) {
        errno = (int)orders->write_errno;
        return 0;
    }
    int64_t room = __atomic_load_n(&orders->room, __ATOMIC_SEQ_CST);
    if (room < 0)
        return count;
    if (room == 0) {
        errno = ENOSPC;
        return 0;
    }
    size_t fits = (int64_t)count < room ? count : (size_t)room;
    __atomic_sub_fetch(&orders->room, (int64_t)fits, __ATOMIC_SEQ_CST);
    return fits;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    char path[PATH_MAX];
    const char *name = count ? ours(fd, path) : NULL;
    if (!name)
        return real_write(fd, bytes, count);
    size_t fits = admitted(count);
    if (!fits)
        return -1;
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t done = real_write(fd, bytes, fits);
    written(name, at, done);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at) {
    char path[PATH_MAX];
    const char *name = count ? ours(fd, path) : NULL;
    if (!name)
        return real_pwrite(fd, bytes, count, at);
    size_t fits = admitted(count);
    if (!fits)
        return -1;
    ssize_t done = real_pwrite(fd, bytes, fits, at);
    written(name, at, done);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return pwrite64(fd, bytes, count, at);
}

static int flush(int fd, int (*really)(int)) {
    char path[PATH_MAX];
    const char *name = ours(fd, path);
    if (!name)
        return really(fd);
    step();
    if (orders->flush_errno) {
        errno = (int)orders->flush_errno;
        return -1;
    }
    pthread_mutex_lock(&flush_lock);
    struct shadow range = taken(name);
    int done = really(fd);
    if (done == 0)
        keep(path, range);
    else
        written(name, range.first, range.end - range.first);
    pthread_mutex_unlock(&flush_lock);
    return done;
}

int fsync(int fd) { return flush(fd, real_fsync); }

int fdatasync(int fd) { return flush(fd, real_fdatasync); }

int clock_gettime(clockid_t which, struct timespec *time) {
    int done = real_clock(which, time);
    if (done == 0 && which == CLOCK_REALTIME && orders)
        time->tv_sec += orders->clock_ahead;
    return done;
}
