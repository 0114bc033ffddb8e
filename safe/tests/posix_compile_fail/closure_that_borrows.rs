//! A closure may run after everything on the stack is gone.
use safe::posix::Notification;

fn main() {
    let mut ran = false;
    let _ = Notification::call(|| ran = true);
}
