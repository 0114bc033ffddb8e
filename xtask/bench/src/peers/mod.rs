//! What others made, doing the same.

#[cfg(feature = "peers")]
mod c;
#[cfg(feature = "peers")]
mod nix;
#[cfg(feature = "peers")]
mod runtimes;
#[cfg(feature = "peers")]
mod rustix;
#[cfg(feature = "peers")]
mod table;

#[cfg(feature = "peers")]
pub(crate) use table::{ALL, reapers};

/// The crate io-uring.
#[cfg(feature = "peers")]
mod io_uring {
    use ::io_uring as api;
    include!("../engines/uring.rs");
}

#[cfg(not(feature = "peers"))]
mod none {
    use crate::engines::Entry;
    use crate::measure::Entrant;
    use crate::reap::Spec;

    /// None in this build.
    pub(crate) const ALL: &[Entry] = &[];

    /// Nobody else takes events of native AIO.
    pub(crate) fn reapers(_spec: Spec, _events: usize) -> Option<Entrant> {
        None
    }
}

#[cfg(not(feature = "peers"))]
pub(crate) use none::{ALL, reapers};
