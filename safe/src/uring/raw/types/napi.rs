//! Busy polling of network queues.

use uring_sys::io_uring_napi;

/// How the kernel finds the network queues to poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NapiTracking {
    /// From the sockets that operations use.
    Dynamic,
    /// The program names them.
    Static,
    /// Not at all: what the kernel answers when nothing was registered. It cannot be asked for; that is
    /// [unregistering](crate::uring::raw::Submitter::unregister_napi).
    Inactive,
}

/// Settings of busy polling, for registering. Since Linux 6.9.
///
/// The kernel writes the former settings back.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub struct Napi(pub(crate) io_uring_napi);

impl Napi {
    /// No polling, dynamic tracking.
    pub const fn new() -> Self {
        Napi(io_uring_napi {
            busy_poll_to: 0,
            prefer_busy_poll: 0,
            opcode: uring_sys::IO_URING_NAPI_REGISTER_OP,
            pad: [0; 2],
            op_param: uring_sys::IO_URING_NAPI_TRACKING_DYNAMIC,
            resv: 0,
        })
    }

    /// How long to poll before sleeping, in microseconds.
    #[must_use = "it returns the changed settings"]
    pub const fn set_busy_poll_timeout(mut self, micros: u32) -> Self {
        self.0.busy_poll_to = micros;
        self
    }

    /// Whether to poll rather than be interrupted, as `SO_PREFER_BUSY_POLL`.
    #[must_use = "it returns the changed settings"]
    pub const fn set_prefer_busy_poll(mut self, enabled: bool) -> Self {
        self.0.prefer_busy_poll = enabled as u8;
        self
    }

    /// How to find the queues. Since Linux 6.13 if not [`NapiTracking::Dynamic`].
    #[must_use = "it returns the changed settings"]
    pub const fn set_tracking(mut self, strategy: NapiTracking) -> Self {
        self.0.op_param = match strategy {
            NapiTracking::Dynamic => uring_sys::IO_URING_NAPI_TRACKING_DYNAMIC,
            NapiTracking::Static => uring_sys::IO_URING_NAPI_TRACKING_STATIC,
            NapiTracking::Inactive => uring_sys::IO_URING_NAPI_TRACKING_INACTIVE,
        };
        self
    }

    /// How queues are found, if it is a way that this crate knows. Answered by registering since Linux 6.13,
    /// otherwise [`NapiTracking::Dynamic`].
    pub const fn tracking(&self) -> Option<NapiTracking> {
        match self.0.op_param {
            uring_sys::IO_URING_NAPI_TRACKING_DYNAMIC => Some(NapiTracking::Dynamic),
            uring_sys::IO_URING_NAPI_TRACKING_STATIC => Some(NapiTracking::Static),
            uring_sys::IO_URING_NAPI_TRACKING_INACTIVE => Some(NapiTracking::Inactive),
            _ => None,
        }
    }

    /// How long to poll before sleeping, in microseconds.
    pub const fn busy_poll_timeout(&self) -> u32 {
        self.0.busy_poll_to
    }

    /// Whether to poll rather than be interrupted.
    pub const fn prefer_busy_poll(&self) -> bool {
        self.0.prefer_busy_poll != 0
    }
}

impl Default for Napi {
    fn default() -> Self {
        Self::new()
    }
}
