//! A closure runs on another thread.
use std::rc::Rc;

use safe::posix::Notification;

fn main() {
    let here = Rc::new(1);
    let _ = Notification::call(move || drop(here));
}
