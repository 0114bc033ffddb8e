//! The members of [`sigevent`] that C reaches through macros.

use libc::{pid_t, pthread_attr_t};

use crate::{sigevent, sigval};

/// A function that a completion calls on a thread of its own.
pub type NotifyFunction = unsafe extern "C" fn(sigval);

impl sigevent {
    /// Sets the function to call, and the attributes of its thread (null for the defaults): for
    /// `SIGEV_THREAD`.
    pub const fn set_sigev_notify_function(
        &mut self,
        function: Option<NotifyFunction>,
        attributes: *mut pthread_attr_t,
    ) {
        #[cfg(target_env = "gnu")]
        {
            self._sigev_un._sigev_thread = crate::sigevent__sigev_un__sigev_thread {
                _function: function,
                _attribute: attributes,
            };
        }
        #[cfg(target_env = "musl")]
        {
            self.__sev_fields.__sev_thread = crate::sigevent___sev_fields___sev_thread {
                sigev_notify_function: function,
                sigev_notify_attributes: attributes,
            };
        }
    }

    /// Sets the kernel's id of the thread to signal: for `SIGEV_THREAD_ID`. It shares its place with
    /// the function.
    pub const fn set_sigev_notify_thread_id(&mut self, thread: pid_t) {
        #[cfg(target_env = "gnu")]
        {
            self._sigev_un._tid = thread;
        }
        #[cfg(target_env = "musl")]
        {
            self.__sev_fields.sigev_notify_thread_id = thread;
        }
    }
}
