//! Outside of a scope the descriptor is owned: it could be closed.
use safe::posix::Fsync;

fn main() {
    let file = std::fs::File::open("/").unwrap();
    let _request = Fsync::new(&file).submit().unwrap();
    drop(file);
}
