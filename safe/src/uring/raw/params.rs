//! What the kernel answered when a ring was made.

use std::fmt::{self, Debug, Formatter};

use uring_sys::*;

/// The parameters of a ring that was made: its sizes, its flags, and the kernel's features.
#[derive(Clone)]
#[repr(transparent)]
pub struct Parameters(pub(crate) io_uring_params);

/// One getter a flag: a table would not show in the documentation.
macro_rules! getters {
    ($field:ident: $($(#[$doc:meta])+ $name:ident = $bit:ident;)+) => {
        impl Parameters {
            $(
                $(#[$doc])+
                #[inline]
                pub fn $name(&self) -> bool {
                    self.0.$field & $bit != 0
                }
            )+
        }
    };
}

getters! { flags:
    /// `IORING_SETUP_IOPOLL`: completions are polled for. Since Linux 5.1.
    is_setup_iopoll = IORING_SETUP_IOPOLL;
    /// `IORING_SETUP_SQPOLL`: a kernel thread takes the entries. Since Linux 5.1.
    is_setup_sqpoll = IORING_SETUP_SQPOLL;
    /// `IORING_SETUP_R_DISABLED`: the ring was made disabled. Since Linux 5.10.
    is_setup_r_disabled = IORING_SETUP_R_DISABLED;
    /// `IORING_SETUP_COOP_TASKRUN`: running tasks are not interrupted. Since Linux 5.19.
    is_setup_coop_taskrun = IORING_SETUP_COOP_TASKRUN;
    /// `IORING_SETUP_TASKRUN_FLAG`: waiting completion work shows in the flags. Since Linux 5.19.
    is_setup_taskrun_flag = IORING_SETUP_TASKRUN_FLAG;
    /// `IORING_SETUP_SINGLE_ISSUER`: one thread submits. Since Linux 6.0.
    is_setup_single_issuer = IORING_SETUP_SINGLE_ISSUER;
    /// `IORING_SETUP_DEFER_TASKRUN`: completions happen when the owner enters for them. Since Linux 6.1.
    is_setup_defer_taskrun = IORING_SETUP_DEFER_TASKRUN;
    /// `IORING_SETUP_NO_MMAP`: the rings lie in the application's memory. Since Linux 6.5.
    is_setup_no_mmap = IORING_SETUP_NO_MMAP;
    /// `IORING_SETUP_REGISTERED_FD_ONLY`: the ring has no descriptor. Since Linux 6.5.
    is_setup_registered_fd_only = IORING_SETUP_REGISTERED_FD_ONLY;
    /// `IORING_SETUP_NO_SQARRAY`: there is no index array. Since Linux 6.6.
    is_setup_no_sqarray = IORING_SETUP_NO_SQARRAY;
    /// `IORING_SETUP_SQ_REWIND`: each submission begins at slot 0. Since Linux 7.0.
    is_setup_sq_rewind = IORING_SETUP_SQ_REWIND;
}

getters! { features:
    /// `IORING_FEAT_SINGLE_MMAP`: one mapping holds both queues. Since Linux 5.4.
    is_feature_single_mmap = IORING_FEAT_SINGLE_MMAP;
    /// `IORING_FEAT_NODROP`: a full completion queue loses nothing. Since Linux 5.5.
    is_feature_nodrop = IORING_FEAT_NODROP;
    /// `IORING_FEAT_SUBMIT_STABLE`: what an entry only names may go once the entry is taken. Since Linux 5.5.
    is_feature_submit_stable = IORING_FEAT_SUBMIT_STABLE;
    /// `IORING_FEAT_RW_CUR_POS`: offset -1 means the file's position. Since Linux 5.6.
    is_feature_rw_cur_pos = IORING_FEAT_RW_CUR_POS;
    /// `IORING_FEAT_CUR_PERSONALITY`: operations act with the credentials of who submits. Since Linux 5.6.
    is_feature_cur_personality = IORING_FEAT_CUR_PERSONALITY;
    /// `IORING_FEAT_FAST_POLL`: waiting for readiness takes no thread. Since Linux 5.7.
    is_feature_fast_poll = IORING_FEAT_FAST_POLL;
    /// `IORING_FEAT_POLL_32BITS`: poll takes all of epoll's flags. Since Linux 5.9.
    is_feature_poll_32bits = IORING_FEAT_POLL_32BITS;
    /// `IORING_FEAT_SQPOLL_NONFIXED`: `IORING_SETUP_SQPOLL` takes normal descriptors. Since Linux 5.11.
    is_feature_sqpoll_nonfixed = IORING_FEAT_SQPOLL_NONFIXED;
    /// `IORING_FEAT_EXT_ARG`: waits take a timeout. Since Linux 5.11.
    is_feature_ext_arg = IORING_FEAT_EXT_ARG;
    /// `IORING_FEAT_NATIVE_WORKERS`: workers are threads of the process. Since Linux 5.12.
    is_feature_native_workers = IORING_FEAT_NATIVE_WORKERS;
    /// `IORING_FEAT_RSRC_TAGS`: registered files and buffers take tags. Since Linux 5.13.
    is_feature_resource_tagging = IORING_FEAT_RSRC_TAGS;
    /// `IORING_FEAT_CQE_SKIP`: entries may go without a completion. Since Linux 5.17.
    is_feature_skip_cqe_on_success = IORING_FEAT_CQE_SKIP;
    /// `IORING_FEAT_LINKED_FILE`: a linked entry sees files that the one before it opened. Since Linux 5.18.
    is_feature_linked_file = IORING_FEAT_LINKED_FILE;
    /// `IORING_FEAT_REG_REG_RING`: registering works through a registered ring. Since Linux 6.3.
    is_feature_reg_reg_ring = IORING_FEAT_REG_REG_RING;
    /// `IORING_FEAT_RECVSEND_BUNDLE`: sends and receives take several provided buffers. Since Linux 6.10.
    is_feature_recvsend_bundle = IORING_FEAT_RECVSEND_BUNDLE;
    /// `IORING_FEAT_MIN_TIMEOUT`: waits take a minimum time. Since Linux 6.12.
    is_feature_min_timeout = IORING_FEAT_MIN_TIMEOUT;
    /// `IORING_FEAT_RW_ATTR`: reads and writes take attributes. Since Linux 6.14.
    is_feature_rw_attr = IORING_FEAT_RW_ATTR;
    /// `IORING_FEAT_NO_IOWAIT`: waits need not count as I/O wait. Since Linux 6.15.
    is_feature_no_iowait = IORING_FEAT_NO_IOWAIT;
}

impl Parameters {
    /// All `IORING_SETUP_*` bits of the ring.
    pub fn flags(&self) -> u32 {
        self.0.flags
    }

    /// All `IORING_FEAT_*` bits of the kernel.
    pub fn features(&self) -> u32 {
        self.0.features
    }

    /// The number of slots of the submission queue.
    pub fn sq_entries(&self) -> u32 {
        self.0.sq_entries
    }

    /// After how many idle milliseconds the kernel thread of `IORING_SETUP_SQPOLL` sleeps; 0 for the default.
    pub fn sq_thread_idle(&self) -> u32 {
        self.0.sq_thread_idle
    }

    /// The number of slots of the completion queue.
    pub fn cq_entries(&self) -> u32 {
        self.0.cq_entries
    }
}

impl Debug for Parameters {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameters")
            .field("sq_entries", &self.0.sq_entries)
            .field("cq_entries", &self.0.cq_entries)
            .field("flags", &format_args!("{:#x}", self.0.flags))
            .field("features", &format_args!("{:#x}", self.0.features))
            .finish_non_exhaustive()
    }
}
