/* The rounds of `engines/native.rs` and `reap.rs`, with libaio. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libaio.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "op.h"

#define MOST 256

struct bench_libaio {
    io_context_t context;
    unsigned depth;
    int null;
    struct iocb *requests;
    struct iocb **list;
    struct io_event *events;
    struct op *waiting;
};

void bench_libaio_free(struct bench_libaio *peer)
{
    io_destroy(peer->context);
    close(peer->null);
    free(peer->requests);
    free(peer->list);
    free(peer->events);
    free(peer->waiting);
    free(peer);
}

/* Answers a negative errno, or 0. */
int bench_libaio_new(struct bench_libaio **made, unsigned depth)
{
    struct bench_libaio *peer = calloc(1, sizeof(*peer));
    if (!peer)
        return -ENOMEM;
    peer->depth = depth;
    peer->requests = calloc(depth, sizeof(*peer->requests));
    peer->list = calloc(depth, sizeof(*peer->list));
    peer->events = calloc(depth, sizeof(*peer->events));
    peer->waiting = calloc(depth, sizeof(*peer->waiting));
    peer->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int answer = -ENOMEM;
    if (peer->requests && peer->list && peer->events && peer->waiting)
        answer = io_setup(depth, &peer->context);
    if (answer < 0) {
        bench_libaio_free(peer);
        return answer;
    }
    *made = peer;
    return 0;
}

/* Answers how many are over, or a negative errno. */
int bench_libaio_step(struct bench_libaio *peer, const struct op *ops, unsigned count,
                      struct done *done, unsigned room)
{
    int over = 0;
    unsigned queued = 0;
    for (unsigned at = 0; at < count; at++) {
        const struct op *op = &ops[at];
        struct iocb *request = &peer->requests[op->slot];
        peer->waiting[op->slot].code = op->code;
        switch (op->code) {
        case READ:
            io_prep_pread(request, op->fd, op->memory, op->len, op->offset);
            break;
        case WRITE:
            io_prep_pwrite(request, op->fd, op->memory, op->len, op->offset);
            break;
        case SYNC:
            io_prep_fdsync(request, op->fd);
            break;
        case RECV:
            io_prep_poll(request, op->fd, POLLIN);
            peer->waiting[op->slot] = *op;
            break;
        case SEND: {
            ssize_t sent = write(op->fd, op->memory, op->len);
            done[over++] = (struct done){ op->slot, sent < 0 ? -errno : (int32_t)sent };
            continue;
        }
        default:
            return -EOPNOTSUPP;
        }
        request->data = (void *)(uintptr_t)op->slot;
        peer->list[queued++] = request;
    }
    for (unsigned at = 0; at < queued;) {
        int taken = io_submit(peer->context, queued - at, peer->list + at);
        if (taken <= 0)
            return taken < 0 ? taken : -EAGAIN;
        at += taken;
    }
    if (over > 0)
        return over;
    int came;
    do
        came = io_getevents(peer->context, 1, peer->depth < room ? peer->depth : room, peer->events, NULL);
    while (came == -EINTR);
    for (int at = 0; at < came; at++) {
        uint32_t slot = (uintptr_t)peer->events[at].data;
        int32_t result = (int32_t)peer->events[at].res;
        const struct op *op = &peer->waiting[slot];
        if (op->code == RECV) {
            ssize_t got = read(op->fd, op->memory, op->len);
            result = got < 0 ? -errno : (int32_t)got;
        }
        done[over++] = (struct done){ slot, result };
    }
    return came < 0 ? came : over;
}

/* Submits reads of nothing. */
int bench_libaio_submit(struct bench_libaio *peer, unsigned batch)
{
    struct iocb request;
    struct iocb *list[MOST];
    io_prep_pread(&request, peer->null, NULL, 0, 0);
    for (unsigned at = 0; at < batch; at++)
        list[at] = &request;
    return io_submit(peer->context, batch, list);
}

/* Takes up to so many events, as often as told: with a timeout of zero, by which libaio looks whether the ring is empty. */
int bench_libaio_take(struct bench_libaio *peer, unsigned batch, unsigned times)
{
    struct timespec now = { 0, 0 };
    struct io_event events[MOST];
    int count = 0;
    for (unsigned time = 0; time < times; time++) {
        int came = io_getevents(peer->context, 0, batch, events, &now);
        if (came < 0)
            return came;
        for (int at = 0; at < came; at++)
            if (events[at].res != 0)
                return -EIO;
        count += came;
    }
    return count;
}
