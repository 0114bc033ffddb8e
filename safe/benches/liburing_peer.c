/*
 * The rounds of `workload`, with liburing: `liburing_peer OP BATCH ROUNDS`.
 * Compiled and run by `cargo xtask bench --peers`.
 */
#define _GNU_SOURCE
#include <liburing.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 128
#define PAGE 4096
#define FILE_SIZE (1 << 20)

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                            \
        }                                                                       \
    } while (0)

struct pages {
    int fd;
    uint64_t offset;
    char *memory;
};

static struct pages pages_new(void)
{
    static char content[FILE_SIZE];
    FILE *file = tmpfile();
    CHECK(file);
    memset(content, 1, FILE_SIZE);
    CHECK(fwrite(content, FILE_SIZE, 1, file) == 1 && fflush(file) == 0);
    struct pages pages = { fileno(file), 0, malloc(SLOTS * PAGE) };
    CHECK(pages.memory);
    return pages;
}

static inline void settle(struct io_uring *ring, unsigned batch, int result)
{
    CHECK(io_uring_submit_and_wait(ring, batch) == (int)batch);
    uint64_t left = (uint64_t)batch * (batch - 1) / 2;
    unsigned head, taken = 0;
    struct io_uring_cqe *cqe;
    io_uring_for_each_cqe(ring, head, cqe) {
        CHECK(cqe->res == result);
        left -= cqe->user_data;
        taken++;
    }
    io_uring_cq_advance(ring, taken);
    CHECK(left == 0);
}

static void nops(struct io_uring *ring, unsigned batch)
{
    for (unsigned at = 0; at < batch; at++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
        CHECK(sqe);
        io_uring_prep_nop(sqe);
        io_uring_sqe_set_data64(sqe, at);
    }
    settle(ring, batch, 0);
}

static void reads(struct io_uring *ring, unsigned batch, struct pages *pages)
{
    for (unsigned at = 0; at < batch; at++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
        CHECK(sqe);
        uint64_t offset = pages->offset;
        pages->offset = (offset + PAGE) % FILE_SIZE;
        io_uring_prep_read(sqe, pages->fd, pages->memory + (size_t)at * PAGE, PAGE, offset);
        io_uring_sqe_set_data64(sqe, at);
    }
    settle(ring, batch, PAGE);
}

int main(int argc, char **argv)
{
    CHECK(argc == 4);
    unsigned batch = strtoul(argv[2], NULL, 10), rounds = strtoul(argv[3], NULL, 10);
    CHECK(batch >= 1 && batch <= SLOTS);
    struct io_uring ring;
    CHECK(io_uring_queue_init(SLOTS, &ring, 0) == 0);
    if (strcmp(argv[1], "nop") == 0) {
        for (unsigned round = 0; round < rounds; round++)
            nops(&ring, batch);
    } else {
        CHECK(strcmp(argv[1], "read4k") == 0);
        struct pages pages = pages_new();
        for (unsigned round = 0; round < rounds; round++)
            reads(&ring, batch, &pages);
    }
    return 0;
}
