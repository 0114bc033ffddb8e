//! Busy polling of network queues while waiting for completions.

use std::io;

use uring_sys::io_uring_napi;

use crate::uring::raw::Submitter;
use crate::uring::raw::types::Napi;

impl Submitter<'_> {
    /// Polls network queues while waiting, and answers the former settings in `napi`.
    ///
    /// `IORING_REGISTER_NAPI`, since Linux 6.9; tracking other than dynamic since 6.13.
    ///
    /// # Errors
    ///
    /// `EINVAL`: a ring with `IORING_SETUP_IOPOLL`, or a tracking that the kernel does not know.
    pub fn register_napi(&self, napi: &mut Napi) -> io::Result<()> {
        self.napi(uring_sys::IORING_REGISTER_NAPI, &mut napi.0)
    }

    /// Stops polling, and answers the former settings in `napi`.
    ///
    /// `IORING_UNREGISTER_NAPI`, since Linux 6.9.
    pub fn unregister_napi(&self, napi: &mut Napi) -> io::Result<()> {
        self.napi(uring_sys::IORING_UNREGISTER_NAPI, &mut napi.0)
    }

    /// Adds a queue to those that are polled. Its id is what a socket says to `SO_INCOMING_NAPI_ID`.
    ///
    /// `IORING_REGISTER_NAPI`, since Linux 6.13.
    ///
    /// # Errors
    ///
    /// `EINVAL`: tracking is not [static](crate::uring::raw::types::NapiTracking::Static), or the number cannot
    /// be an id. `EEXIST`: it is there already.
    pub fn register_napi_add_id(&self, napi_id: u32) -> io::Result<()> {
        self.napi_id(uring_sys::IO_URING_NAPI_STATIC_ADD_ID, napi_id)
    }

    /// Removes a queue from those that are polled.
    ///
    /// `IORING_REGISTER_NAPI`, since Linux 6.13.
    ///
    /// # Errors
    ///
    /// `ENOENT`: it is not among them. `EINVAL`: tracking is not static, or the number cannot be an id.
    pub fn register_napi_del_id(&self, napi_id: u32) -> io::Result<()> {
        self.napi_id(uring_sys::IO_URING_NAPI_STATIC_DEL_ID, napi_id)
    }

    fn napi_id(&self, operation: u8, napi_id: u32) -> io::Result<()> {
        let mut arg = io_uring_napi {
            opcode: operation,
            op_param: napi_id,
            ..Default::default()
        };
        self.napi(uring_sys::IORING_REGISTER_NAPI, &mut arg)
    }

    fn napi(&self, opcode: u32, arg: &mut io_uring_napi) -> io::Result<()> {
        // SAFETY: both operations take this struct, and read and write it within the call.
        unsafe { self.target().with(opcode, arg, 1) }.map(drop)
    }
}
