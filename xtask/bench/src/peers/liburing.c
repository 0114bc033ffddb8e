/* The rounds of `engines/uring.rs`, with liburing. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "op.h"

enum flavour { PLAIN, FIXED, DEFER, SQPOLL };

static inline void pause_a_little(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

struct bench_liburing {
    struct io_uring ring;
    enum flavour flavour;
    /* How often completions of a kernel thread are looked for before the kernel is asked to wait. */
    unsigned looks;
};

void bench_liburing_free(struct bench_liburing *peer)
{
    io_uring_queue_exit(&peer->ring);
    free(peer);
}

/* Answers a negative errno, or 0. */
int bench_liburing_new(struct bench_liburing **made, unsigned entries, unsigned flags, unsigned idle,
                       unsigned cpu, unsigned looks, int flavour, const int *files, unsigned count, void *memory, size_t len)
{
    struct bench_liburing *peer = calloc(1, sizeof(*peer));
    if (!peer)
        return -ENOMEM;
    struct io_uring_params params = { .flags = flags, .sq_thread_idle = idle, .sq_thread_cpu = cpu };
    peer->flavour = flavour;
    peer->looks = looks;
    int answer = io_uring_queue_init_params(entries, &peer->ring, &params);
    if (answer < 0) {
        free(peer);
        return answer;
    }
    if (flavour == FIXED) {
        struct iovec whole = { memory, len };
        answer = io_uring_register_files(&peer->ring, files, count);
        if (answer >= 0)
            answer = io_uring_register_buffers(&peer->ring, &whole, 1);
        if (answer < 0) {
            bench_liburing_free(peer);
            return answer;
        }
    }
    *made = peer;
    return 0;
}

static inline void prepare(struct io_uring_sqe *sqe, const struct op *op, enum flavour flavour)
{
    int registered = flavour == FIXED && op->code >= READ && op->code <= SEND;
    int fd = registered ? (int)op->file : op->fd;
    switch (op->code) {
    case NOP:
        io_uring_prep_nop(sqe);
        break;
    case READ:
        if (registered)
            io_uring_prep_read_fixed(sqe, fd, op->memory, op->len, op->offset, 0);
        else
            io_uring_prep_read(sqe, fd, op->memory, op->len, op->offset);
        break;
    case WRITE:
        if (registered)
            io_uring_prep_write_fixed(sqe, fd, op->memory, op->len, op->offset, 0);
        else
            io_uring_prep_write(sqe, fd, op->memory, op->len, op->offset);
        break;
    case SYNC:
        io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
        break;
    case RECV:
        io_uring_prep_recv(sqe, fd, op->memory, op->len, 0);
        break;
    case SEND:
        io_uring_prep_send(sqe, fd, op->memory, op->len, 0);
        break;
    case OPEN:
        io_uring_prep_openat(sqe, fd, op->path, O_RDONLY, 0);
        break;
    case STATX:
        io_uring_prep_statx(sqe, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, (struct statx *)op->memory);
        break;
    case CLOSE:
        io_uring_prep_close(sqe, fd);
        break;
    }
    if (registered)
        io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    io_uring_sqe_set_data64(sqe, op->slot);
}

static inline int reap(struct bench_liburing *peer, struct done *done, int room)
{
    unsigned head;
    int taken = 0;
    struct io_uring_cqe *cqe;
    io_uring_for_each_cqe(&peer->ring, head, cqe) {
        if (taken == room)
            break;
        done[taken].slot = (uint32_t)cqe->user_data;
        done[taken].result = cqe->res;
        taken++;
    }
    io_uring_cq_advance(&peer->ring, taken);
    return taken;
}

/* Answers how many are over, or a negative errno. */
int bench_liburing_step(struct bench_liburing *peer, const struct op *ops, unsigned count,
                        struct done *done, unsigned room)
{
    for (unsigned at = 0; at < count; at++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&peer->ring);
        while (!sqe) {
            /* Only a kernel thread can be late. */
            if (peer->flavour != SQPOLL)
                return -EBUSY;
            io_uring_submit(&peer->ring);
            sqe = io_uring_get_sqe(&peer->ring);
        }
        prepare(sqe, &ops[at], peer->flavour);
    }
    if (peer->flavour == SQPOLL) {
        int answer = io_uring_submit(&peer->ring);
        if (answer < 0)
            return answer;
        for (unsigned look = 0; look < peer->looks; look++) {
            int taken = reap(peer, done, room);
            if (taken > 0)
                return taken;
            pause_a_little();
        }
    }
    int answer = io_uring_submit_and_wait(&peer->ring, 1);
    if (answer < 0)
        return answer;
    return reap(peer, done, room);
}

/* Wakes the kernel thread. */
int bench_liburing_wake(struct bench_liburing *peer)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&peer->ring);
    struct io_uring_cqe *cqe;
    if (!sqe)
        return -EBUSY;
    io_uring_prep_nop(sqe);
    int answer = io_uring_submit(&peer->ring);
    if (answer >= 0)
        answer = io_uring_wait_cqe(&peer->ring, &cqe);
    if (answer < 0)
        return answer;
    io_uring_cqe_seen(&peer->ring, cqe);
    return 0;
}
