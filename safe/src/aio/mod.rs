//! Native AIO (`linux/aio_abi.h`): io_setup(2), io_submit(2) and what belongs to them.

pub mod raw;
