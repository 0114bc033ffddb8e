//! Waiting for what a driver makes: devices appear while init already runs.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Asks `look` until it finds something, each time after something new is in `folder`, for `limit` at most.
pub(crate) fn within<T>(
    folder: &str,
    limit: Duration,
    mut look: impl FnMut() -> io::Result<Option<T>>,
) -> io::Result<Option<T>> {
    // Watched before the first look, so that nothing appears between the two.
    let watch = watch(folder)?;
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        if !news(&watch, deadline.saturating_duration_since(Instant::now()))? {
            return Ok(None);
        }
    }
}

/// A descriptor that is readable when a folder has something new.
fn watch(folder: &str) -> io::Result<OwnedFd> {
    let folder = CString::new(folder).map_err(io::Error::other)?;
    // SAFETY: inotify_init1(2) takes a number and returns a new descriptor or -1.
    let watch = unsafe { libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) };
    if watch < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, so nobody else owns it.
    let watch = unsafe { OwnedFd::from_raw_fd(watch) };
    // SAFETY: the string ends with NUL and lives until the call has returned.
    let added = unsafe {
        libc::inotify_add_watch(
            watch.as_raw_fd(),
            folder.as_ptr(),
            libc::IN_CREATE | libc::IN_ATTRIB,
        )
    };
    if added < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(watch)
}

/// Waits until there is something new, and takes it; false after `limit`.
fn news(watch: &OwnedFd, limit: Duration) -> io::Result<bool> {
    let mut poll = libc::pollfd {
        fd: watch.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let limit = libc::c_int::try_from(limit.as_millis()).unwrap_or(libc::c_int::MAX);
    // SAFETY: `poll` is one pollfd, which poll(2) may write to until it returns.
    let ready = unsafe { libc::poll(&mut poll, 1, limit) };
    match ready {
        0 => return Ok(false),
        1.. => {}
        _ => {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted {
                Ok(true)
            } else {
                Err(error)
            };
        }
    }
    // What it was does not matter.
    let mut events = [0u8; 4096];
    // SAFETY: read(2) writes to `events` at most, whose length is given.
    let read = unsafe { libc::read(watch.as_raw_fd(), events.as_mut_ptr().cast(), events.len()) };
    if read < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::thread;

    #[test]
    fn what_appears_later_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().to_str().unwrap();
        let file = folder.path().join("x");
        let late = file.clone();
        let mut looks = 0;
        let mut writer = None;
        let found = within(place, Duration::from_secs(60), || {
            looks += 1;
            // It appears after the first look has not found it.
            if looks == 1 {
                let late = late.clone();
                writer = Some(thread::spawn(move || fs::write(late, "").unwrap()));
                return Ok(None);
            }
            Ok(fs::exists(&file)?.then_some(()))
        });
        assert_eq!(found.unwrap(), Some(()));
        writer.unwrap().join().unwrap();
    }

    #[test]
    fn what_never_appears_is_not_waited_for_longer() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().to_str().unwrap();
        let found = within(place, Duration::from_millis(1), || Ok(None::<()>));
        assert_eq!(found.unwrap(), None);
    }
}
