/* What engines are asked to do: as in `op.rs`. */
#ifndef OP_H
#define OP_H

#include <stdint.h>
#include <stddef.h>

enum code { NOP, READ, WRITE, SYNC, RECV, SEND, OPEN, STATX, CLOSE };

struct op {
    uint32_t code;
    uint32_t slot;
    int32_t fd;
    uint32_t file;
    uint32_t len;
    uint32_t skip;
    uint64_t offset;
    char *memory;
    const char *path;
};

struct done {
    uint32_t slot;
    int32_t result;
};

#endif
