//! Flags of rings and kernels, by name.

use bitflags::bitflags;

bitflags! {
    /// `IORING_SETUP_*`: how rings can be made. See [`Builder`](crate::uring::raw::Builder) for each.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct SetupFlags: u32 {
        /// Completions are polled for. Since Linux 5.1.
        const IOPOLL = uring_sys::IORING_SETUP_IOPOLL;
        /// A kernel thread takes the entries. Since Linux 5.1.
        const SQPOLL = uring_sys::IORING_SETUP_SQPOLL;
        /// That thread is bound to a CPU. Since Linux 5.1.
        const SQ_AFF = uring_sys::IORING_SETUP_SQ_AFF;
        /// The completion queue has a size of its own. Since Linux 5.5.
        const CQSIZE = uring_sys::IORING_SETUP_CQSIZE;
        /// Sizes are cut to what is possible. Since Linux 5.6.
        const CLAMP = uring_sys::IORING_SETUP_CLAMP;
        /// Workers are shared with another ring. Since Linux 5.6.
        const ATTACH_WQ = uring_sys::IORING_SETUP_ATTACH_WQ;
        /// The ring is made disabled. Since Linux 5.10.
        const R_DISABLED = uring_sys::IORING_SETUP_R_DISABLED;
        /// Submitting goes on behind a bad entry. Since Linux 5.18.
        const SUBMIT_ALL = uring_sys::IORING_SETUP_SUBMIT_ALL;
        /// Running tasks are not interrupted. Since Linux 5.19.
        const COOP_TASKRUN = uring_sys::IORING_SETUP_COOP_TASKRUN;
        /// Waiting completion work shows in the ring's flags. Since Linux 5.19.
        const TASKRUN_FLAG = uring_sys::IORING_SETUP_TASKRUN_FLAG;
        /// Entries of 128 bytes. Since Linux 5.19.
        const SQE128 = uring_sys::IORING_SETUP_SQE128;
        /// Completions of 32 bytes. Since Linux 5.19.
        const CQE32 = uring_sys::IORING_SETUP_CQE32;
        /// One thread submits. Since Linux 6.0.
        const SINGLE_ISSUER = uring_sys::IORING_SETUP_SINGLE_ISSUER;
        /// Completion work runs when the owner waits. Since Linux 6.1.
        const DEFER_TASKRUN = uring_sys::IORING_SETUP_DEFER_TASKRUN;
        /// The rings lie in the application's memory. Since Linux 6.5.
        const NO_MMAP = uring_sys::IORING_SETUP_NO_MMAP;
        /// The ring has no descriptor. Since Linux 6.5.
        const REGISTERED_FD_ONLY = uring_sys::IORING_SETUP_REGISTERED_FD_ONLY;
        /// There is no index array. Since Linux 6.6.
        const NO_SQARRAY = uring_sys::IORING_SETUP_NO_SQARRAY;
        /// Polling sleeps first. Since Linux 6.13.
        const HYBRID_IOPOLL = uring_sys::IORING_SETUP_HYBRID_IOPOLL;
        /// Completions of 16 and of 32 bytes. Since Linux 6.18.
        const CQE_MIXED = uring_sys::IORING_SETUP_CQE_MIXED;
        /// Entries of 64 and of 128 bytes. Since Linux 6.19.
        const SQE_MIXED = uring_sys::IORING_SETUP_SQE_MIXED;
        /// Each submission begins at slot 0. Since Linux 7.0.
        const SQ_REWIND = uring_sys::IORING_SETUP_SQ_REWIND;
        // Newer kernels have more.
        const _ = !0;
    }
}

bitflags! {
    /// `IORING_FEAT_*`: what each ring of a kernel has.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Features: u32 {
        /// One mapping holds both queues. Since Linux 5.4.
        const SINGLE_MMAP = uring_sys::IORING_FEAT_SINGLE_MMAP;
        /// A full completion queue loses nothing. Since Linux 5.5.
        const NODROP = uring_sys::IORING_FEAT_NODROP;
        /// What an entry only names may go once the entry is taken. Since Linux 5.5.
        const SUBMIT_STABLE = uring_sys::IORING_FEAT_SUBMIT_STABLE;
        /// Offset -1 means the file's position. Since Linux 5.6.
        const RW_CUR_POS = uring_sys::IORING_FEAT_RW_CUR_POS;
        /// Operations run with the credentials of who submits them. Since Linux 5.6.
        const CUR_PERSONALITY = uring_sys::IORING_FEAT_CUR_PERSONALITY;
        /// What would block is polled for, without a worker. Since Linux 5.7.
        const FAST_POLL = uring_sys::IORING_FEAT_FAST_POLL;
        /// Polls take 32 bits of events. Since Linux 5.9.
        const POLL_32BITS = uring_sys::IORING_FEAT_POLL_32BITS;
        /// The thread of `SQPOLL` takes files that are not registered. Since Linux 5.11.
        const SQPOLL_NONFIXED = uring_sys::IORING_FEAT_SQPOLL_NONFIXED;
        /// Waits take a timeout. Since Linux 5.11.
        const EXT_ARG = uring_sys::IORING_FEAT_EXT_ARG;
        /// Workers are threads of the process. Since Linux 5.12.
        const NATIVE_WORKERS = uring_sys::IORING_FEAT_NATIVE_WORKERS;
        /// Registered files and buffers have tags. Since Linux 5.13.
        const RSRC_TAGS = uring_sys::IORING_FEAT_RSRC_TAGS;
        /// Entries can do without a completion. Since Linux 5.17.
        const CQE_SKIP = uring_sys::IORING_FEAT_CQE_SKIP;
        /// The file of a linked entry is looked up when its turn comes. Since Linux 5.17.
        const LINKED_FILE = uring_sys::IORING_FEAT_LINKED_FILE;
        /// Registering takes a registered ring. Since Linux 6.3.
        const REG_REG_RING = uring_sys::IORING_FEAT_REG_REG_RING;
        /// Sends and receives take several buffers of a group. Since Linux 6.10.
        const RECVSEND_BUNDLE = uring_sys::IORING_FEAT_RECVSEND_BUNDLE;
        /// Waits take a time after which one completion is enough. Since Linux 6.12.
        const MIN_TIMEOUT = uring_sys::IORING_FEAT_MIN_TIMEOUT;
        /// Reads and writes take attributes. Since Linux 6.14.
        const RW_ATTR = uring_sys::IORING_FEAT_RW_ATTR;
        /// Waits need not count as I/O wait. Since Linux 6.15.
        const NO_IOWAIT = uring_sys::IORING_FEAT_NO_IOWAIT;
        // Newer kernels may have more.
        const _ = !0;
    }
}
